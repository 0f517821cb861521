"""One line for each problem: where, what is wrong, and the cure.

Never a value that may be a secret.
"""

from __future__ import annotations

import difflib
import json
import re
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final, get_args

from watcher.config import cross_checks
from watcher.config.models import Config, Table, is_table
from watcher.config.parsers import START_CURE
from watcher.observe.escaping import printable

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from watcher.config.cross_checks import Place

_MOST_SHOWN: Final = 80
_USERINFO: Final = re.compile(r"(?<=://)[^\s@]*@")
_MOST_NUMBER: Final = 10**18
_MAY_BE_SECRET: Final = frozenset((("network", "proxy"), ("notify", "url")))
_MISSING: Final = {
    "name": 'Write e.g. name = "videos".',
    "source": 'Write e.g. source = "oss://my-bucket/videos/".',
    "start": START_CURE,
    "watch": "Write at least one [[watch]] with name, source and start.",
}


def lines(raw: dict[str, Any], error: ValidationError | None) -> tuple[str, ...]:
    """Return all problems of a parsed file; `error` is what validation made of it."""
    secrets = cross_checks.secrets(raw)
    found = [(place, f": {sentence}") for place, sentence in secrets.items()]
    invalid = error.errors(include_url=False) if error else []
    found.extend(
        (details["loc"], _sentence(details)) for details in invalid if details["loc"] not in secrets
    )
    found.extend((place, f": {sentence}") for place, sentence in cross_checks.disagreements(raw))
    return tuple(printable(_where(place, raw) + sentence) for place, sentence in found)


def _where(place: Place, raw: dict[str, Any]) -> str:
    """Return `watch[0] "videos": media.tags[3]` for ("watch", 0, "media", "tags", 3)."""
    head = ""
    if place[0] == "watch" and len(place) > 1:
        name = dict(cross_checks.watches(raw)).get(int(place[1]), {}).get("name")
        head = f"watch[{place[1]}]" + (f" {_shown(name)}" if isinstance(name, str) else "")
        place = place[2:]
        head += ": " if place else ""
    return head + "".join(
        f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in place
    ).lstrip(".")


def _key(part: str) -> str:
    return part if part.replace("_", "").replace("-", "").isalnum() else _shown(part)


def _sentence(details: ErrorDetails) -> str:
    """Return `: sentence`, or ` = value: sentence` where the value helps; it follows the place."""
    place, kind, context = details["loc"], details["type"], details.get("ctx", {})
    if kind in _ON_PRESENCE:
        return f": {_ON_PRESENCE[kind](place)}"
    if kind == "sentence":
        return f": {details['msg']}"
    if kind == "value_error":
        wrong = str(context["error"])
    elif kind == "tuple_type" and place == ("watch",):
        wrong = "must be a list of tables. Start each with [[watch]], in double brackets."
    elif kind in _ON_VALUE:
        wrong = _ON_VALUE[kind].format(**context, table=_header(place)).replace("'", '"')
    else:
        wrong = f"{details['msg']}."
    return f"{_value(place, details['input'])}: {wrong}"


def _missing(place: Place) -> str:
    return f"missing. {_MISSING.get(str(place[-1]), 'Add it.')}"


def _unknown(place: Place) -> str:
    """Return what may have been meant by a key that does not exist."""
    key, table = str(place[-1]), _table(place)
    tables = _tables(Config)
    homes = [_header(home) for home, keys in tables.items() if key in keys]
    if homes:
        return f"unknown key here. It belongs to {' or '.join(homes)}."
    written = key.lower().replace("-", "_")
    near = difflib.get_close_matches(written, tables[table], 1)
    if near:
        return f"unknown key. Did you mean {near[0]}?"
    near = difflib.get_close_matches(
        written, {known for keys in tables.values() for known in keys}, 1
    )
    if near:
        return (
            f"unknown key. Did you mean {near[0]} of "
            f"{' or '.join(_header(t) for t in tables if near[0] in tables[t])}?"
        )
    return f"unknown key. Here may stand {', '.join(tables[table])}."


def _table(place: Place) -> Place:
    """Return the table that a key lies in, as `_tables` names it."""
    return tuple(part for part in place[:-1] if isinstance(part, str))


def _header(table: Place) -> str:
    """Return how a table starts in the file."""
    names = [part for part in table if isinstance(part, str)]
    if not names:
        return "the top of the file, before the first [table]"
    return "[[watch]]" if names == ["watch"] else f"[{'.'.join(map(_key, names))}]"


def _tables(table: type[Table], place: Place = ()) -> dict[Place, tuple[str, ...]]:
    """Return the keys of every table below one, and its own."""
    keys = {field.alias or name: field.annotation for name, field in table.model_fields.items()}
    found: dict[Place, tuple[str, ...]] = {place: tuple(keys)}
    for key, annotation in keys.items():
        for inner in (annotation, *get_args(annotation)):
            if is_table(inner):
                found |= _tables(inner, (*place, key))
    return found


def _value(place: Place, value: object) -> str:
    """Return ` = value` for what is short and no secret."""
    if isinstance(value, list | dict) or _table((*place, "")) in _MAY_BE_SECRET:
        return ""
    return f" = {_shown(value)}"


def _shown(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int) and abs(value) > _MOST_NUMBER:
        return "a huge number"
    text = _USERINFO.sub("***@", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


_ON_PRESENCE: Final = {"missing": _missing, "extra_forbidden": _unknown}
_ON_VALUE: Final = {
    "string_type": "must be text in quotes.",
    "int_type": "must be a whole number without quotes.",
    "tuple_type": 'must be a list in brackets, e.g. ["a", "b"].',
    "model_type": "must be a table. Start it with {table}.",
    "literal_error": "no such choice. Write {expected}.",
    "greater_than_equal": "too small. Write {ge} or more.",
    "less_than_equal": "too large. Write {le} or less.",
}
