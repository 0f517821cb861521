"""One line for each problem: where, what is wrong, and the cure.  Never a value that may be a secret."""

from __future__ import annotations

import difflib
import json
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final, get_args

from watcher.config import across
from watcher.config.tables import Config, Table, is_table
from watcher.config.values import START_CURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from watcher.config.across import Place

_MOST_SHOWN: Final = 80
_MAY_BE_SECRET: Final = frozenset((("network", "proxy"), ("notify", "url")))
_MISSING: Final = {
    "name": 'Write e.g. name = "videos".',
    "source": 'Write e.g. source = "oss://my-bucket/videos/".',
    "start": START_CURE,
    "watch": "Write at least one [[watch]] with name, source and start.",
}


def lines(raw: dict[str, Any], error: ValidationError | None) -> tuple[str, ...]:
    """Return all problems of a parsed file; `error` is what validation made of it."""
    secrets = across.secrets(raw)
    found: list[tuple[Place, str]] = list(secrets.items())
    for details in error.errors(include_url=False) if error else ():
        if details["loc"] not in secrets:
            found.append((details["loc"], _sentence(details)))
    found.extend(across.disagreements(raw))
    return tuple(one_line(f"{_where(place, raw)}{sentence}") for place, sentence in found)


def one_line(text: str) -> str:
    """Return the text with everything escaped that does not print as one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _where(place: Place, raw: dict[str, Any]) -> str:
    """Return `watch[0] "videos": media.tags[3]` for ("watch", 0, "media", "tags", 3)."""
    head = ""
    if place[:1] == ("watch",) and len(place) > 1:
        watch = dict(across.watches(raw)).get(int(place[1]), {})
        name = watch.get("name")
        head = f"watch[{place[1]}]" + (f" {_shown(name)}" if isinstance(name, str) else "")
        place = place[2:]
        head += ": " if place else ""
    return head + "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in place).lstrip(".")


def _key(part: str) -> str:
    return part if part.replace("_", "").replace("-", "").isalnum() else _shown(part)


def _sentence(details: ErrorDetails) -> str:
    """Return `: sentence` or ` = value: sentence`."""
    place, kind, context = details["loc"], details["type"], details.get("ctx", {})
    wrong = str(context.get("error") or details["msg"])
    match kind:
        case "missing":
            wrong = f"missing. {_MISSING.get(str(place[-1]), 'Add it.')}"
        case "extra_forbidden":
            return f": {_unknown(place)}"
        case "too_short":
            wrong = f"no watch at all. {_MISSING['watch']}"
        case "sentence":
            pass
        case _:
            wrong = _WRONG_TYPE.get(kind, wrong).format(**{**context, "key": place[-1], "table": _table(place)})
            return f"{_value(place, details['input'])}: {wrong}"
    return f": {wrong}"
