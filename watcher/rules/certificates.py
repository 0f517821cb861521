"""A file of CA certificates that can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def readable(path: Path) -> str:
    """Return the path of a file of certificates that can be read.

    Raises:
        ValueError: a sentence with the cure.
    """
    import ssl  # noqa: PLC0415 (few name a bundle)

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ValueError("holds no certificate. Name a file of certificates in PEM form.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it cannot be opened"
        raise ValueError(
            f"cannot be read ({why}). Name a file of certificates in PEM form."
        ) from None
    return str(path)
