"""Credentials in files from systemd, or in environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from watcher.credentials.links import Absent, assemble
from watcher.errors import CredentialsMissing
from watcher.model.decoding import WrongEncodingError, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.ports import Credentials

_FILES = ("access-key-id", "access-key-secret", "security-token")


def from_systemd(env: Mapping[str, str]) -> Credentials | Absent:
    """Return the credentials that LoadCredential= put into $CREDENTIALS_DIRECTORY."""
    folder = env.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        return Absent("CREDENTIALS_DIRECTORY is not set")
    texts = {name: _text(Path(folder) / name) for name in _FILES}
    if all(text is None for text in texts.values()):
        return Absent("no file access-key-id in CREDENTIALS_DIRECTORY")
    for name, text in texts.items():
        if text is not None and not text.strip():
            raise CredentialsMissing(
                f"systemd credentials: the file {name} is empty", hint="Fill it, or remove it."
            )
    return assemble({name: text or "" for name, text in texts.items()}, place="systemd credentials")


def _text(path: Path) -> str | None:
    try:
        return decoded(path.read_bytes())
    except FileNotFoundError:
        return None
    except WrongEncodingError as error:
        raise CredentialsMissing(
            f"systemd credentials: the file {path.name} is not text: it {error}",
            hint="Write only the key into it, as UTF-8.",
        ) from None
    except OSError as error:
        raise CredentialsMissing(
            f"systemd credentials: the file {path} cannot be read: {error.strerror}",
            hint="Pass it with systemd (LoadCredential=), or give this user the right to read it.",
        ) from None


def from_variables(env: Mapping[str, str], names: tuple[str, str, str]) -> Credentials | Absent:
    """Return the credentials in the variables of an ID, a secret and an optional token."""
    return assemble({name: env.get(name, "") for name in names})
