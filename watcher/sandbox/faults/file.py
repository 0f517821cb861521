"""Faults from a file, for `sandbox --faults FILE`.

The file is TOML with one `[[fault]]` table for each fault. Of several that match a call, the first
hits it:

    [[fault]]
    kind = "reset"               # required; config/faults.example.toml shows each kind
    operation = "RegisterMedia"  # or "ListObjectsV2", "HeadObject", ..., "vod", "oss"; default "*"
    effect = "before"            # of the operation: "before" the fault shows, "after" it, or "none"
    skip = 2                     # the first two calls pass
    every = 3                    # then every third is hit
    next = 5                     # until five have been hit
    probability = 0.5            # each with this probability,
    seed = 7                     # the same ones at every start
    keys = ["a/1.mp4"]           # only calls with one of these objects
    bucket = "media-bucket"      # only calls for this bucket
    parameters_in = "body"       # only calls of VOD with a form or JSON body; or "query", others

Some kinds take more: `status`, `code`, `message`, `retry_after_s`, `seconds`, `items`, `spelling`.
"""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, Final

from watcher.config.examples import FAULTS, example
from watcher.errors import UsageError
from watcher.model.decoding import CURE, WrongEncodingError, decoded
from watcher.sandbox.faults.fault import Fault, InvalidFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEXT: Final = ("text", str)
_NUMBER: Final = ("a number", int, float)
_WHOLE: Final = ("a whole number", int)
_KEYS: Final[dict[str, tuple[Any, ...]]] = {
    "kind": _TEXT,
    "operation": _TEXT,
    "skip": _WHOLE,
    "next": _WHOLE,
    "every": _WHOLE,
    "probability": _NUMBER,
    "seed": _WHOLE,
    "keys": ("a list of texts", list),
    "bucket": _TEXT,
    "parameters_in": _TEXT,
    "effect": _TEXT,
    "status": _WHOLE,
    "code": _TEXT,
    "message": _TEXT,
    "retry_after_s": _WHOLE,
    "seconds": _NUMBER,
    "items": _WHOLE,
    "spelling": _TEXT,
}

_HINT: Final = f"{example(FAULTS)} shows every kind and key."


def load(path: Path) -> tuple[Fault, ...]:
    """Return the faults of a file, in its order.

    Raises:
        UsageError: the file cannot be read, or has problems; all of them are listed.
    """
    document = _document(path)
    problems = [
        f"{name}: unknown; only [[fault]] tables belong here"
        for name in document
        if name != "fault"
    ]
    tables = document.get("fault", [])
    if not isinstance(tables, list):
        problems.append("fault: write [[fault]], with two brackets")
        tables = [tables]
    faults: list[Fault] = []
    for number, table in enumerate(tables, 1):
        wrong = list(_problems(table))
        if isinstance(table, dict):
            try:
                faults.append(_fault(table))
            except InvalidFault as invalid:
                # A missing kind is in `wrong` already.
                known = "kind" in table
                wrong += [each for each in invalid.problems if known or each[:6] != "kind: "]
        problems += [f"[[fault]] {number}: {problem}" for problem in wrong]
    if problems:
        raise _unusable(path, *problems)
    return tuple(faults)


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decoded(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
    except WrongEncodingError as error:
        raise UsageError(f"{path} {error}", hint=CURE) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}", hint=_HINT) from error


def _fault(table: dict[str, Any]) -> Fault:
    """Return the fault of a table, from the fields whose names and types are right.

    Raises:
        InvalidFault: other fields make no sense.
    """
    right = {
        name: value
        for name, value in table.items()
        if name in _KEYS and _fits(value, *_KEYS[name][1:])
    }
    return Fault(**{"kind": "", **right, "keys": tuple(right.get("keys", ()))})


def _problems(table: object) -> Iterator[str]:
    """Yield what is wrong with the names and types in one table."""
    if not isinstance(table, dict):
        yield "not a table"
        return
    if "kind" not in table:
        yield "kind: missing"
    for name, value in table.items():
        if name not in _KEYS:
            near = difflib.get_close_matches(name, _KEYS, n=1)
            yield f"{name}: unknown key" + (f"; {near[0]} is meant?" if near else "")
        elif not _fits(value, *_KEYS[name][1:]):
            yield f"{name}: must be {_KEYS[name][0]}, not {value!r}"


def _fits(value: object, *types: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    return not isinstance(value, list) or all(isinstance(each, str) for each in value)


def _unusable(path: Path, *problems: str) -> UsageError:
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    return UsageError("\n".join((f"{path}: {count}", *problems)), hint=_HINT)
