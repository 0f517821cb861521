"""The pages of a listing, written from the documents and not from the sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, each part in its order."""

    keys: list[str]
    prefixes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The parameters of a listing; `after` is `start-after`, or the first `marker`."""

    prefix: str
    delimiter: str
    after: str
    max_keys: int


def common_prefix(key: str, asked: Asked) -> str:
    """Return the common prefix under which a key is shown, or "" if it is shown itself."""
    head, found, _ = key[len(asked.prefix) :].partition(asked.delimiter or "\0never")
    return asked.prefix + head + found if found else ""


def is_certain(keys: list[str], asked: Asked) -> bool:
    """Return whether the documents say what a listing answers.

    They do not say it for a start inside a common prefix.
    """
    return not any(
        asked.after.startswith(prefix)
        for key in keys
        if key.startswith(asked.prefix) and (prefix := common_prefix(key, asked))
    )


def pages(keys: list[str], asked: Asked) -> list[Page]:
    """Return all pages. A key and a common prefix each count for one of `max_keys`."""
    shown: list[tuple[str, bool]] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(asked.prefix) or key.encode() <= asked.after.encode():
            continue
        prefix = common_prefix(key, asked)
        entry = (prefix or key, bool(prefix))
        if entry not in shown[-1:]:
            shown.append(entry)
    cut = [shown[at : at + asked.max_keys] for at in range(0, len(shown), asked.max_keys)]
    return [
        Page(
            keys=[text for text, is_prefix in part if not is_prefix],
            prefixes=[text for text, is_prefix in part if is_prefix],
        )
        for part in cut or [[]]
    ]
