"""From the bytes of a file to a `Config`, or to all that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from watcher.config import messages, parsers
from watcher.config.examples import CONFIG, example
from watcher.config.models import Config, Surroundings
from watcher.errors import ConfigError
from watcher.model.decoding import WrongEncodingError, decoded
from watcher.observe.escaping import printable

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES: Final = 1_048_576
_POSITION: Final = re.compile(r"(.*) \(at (.*)\)", re.DOTALL)
_SYNTAX_CURES: Final = {
    "Invalid value": ' Text needs quotes: name = "videos".',
    "Cannot declare": (
        " A table may stand there once; each watch starts with [[watch]], in double brackets."
    ),
    "Cannot overwrite": " A key may stand there once.",
    "Cannot mutate": " Each watch starts with [[watch]], in double brackets.",
    "Unescaped '\\'": " Single quotes take a backslash as it is.",
}


def load(path: Path) -> Config:
    """Return what the file says.

    Raises:
        ConfigError: with every problem of the file.
    """
    try:
        raw = _parsed(_content(path))
    except ValueError as problem:
        raise ConfigError(str(path), (printable(str(problem)),), hint=_cure()) from None
    error = None
    try:
        config = Config.model_validate(raw, context=_surroundings(path, raw))
    except ValidationError as caught:
        error = caught
    if found := messages.lines(raw, error):
        raise ConfigError(str(path), found, hint=_cure())
    return config


def _cure() -> str:
    return f"Correct the file. {example(CONFIG)} shows every key."


def _copy() -> str:
    return f"Copy {example(CONFIG)} there and edit it, or name the file with --config-file."


def _content(path: Path) -> str:
    """Return the file's text.

    Raises:
        ValueError: a sentence with the cure.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"There is no such file. {_copy()}") from None
    except IsADirectoryError:
        raise ValueError(f"A folder, not a file. {_copy()}") from None
    except PermissionError:
        raise ValueError(
            "Not allowed to read it. Give its group to the user that runs this program."
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no valid name"
        raise ValueError(f"Cannot be read: {why}. {_copy()}") from None
    if len(content) > _MOST_BYTES:
        raise ValueError(f"Longer than a megabyte, so hardly a configuration. {_copy()}")
    try:
        return decoded(content)
    except WrongEncodingError as error:
        cure = (
            f"The file is {error.encoding}: save it as UTF-8."
            if error.encoding
            else "Save the file as UTF-8."
        )
        raise ValueError(f"line {error.line}: not UTF-8. {cure}") from None


def _parsed(text: str) -> dict[str, Any]:
    """Return the file's tables.

    Raises:
        ValueError: a sentence with the cure.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"Nested too deeply. Compare it with {example(CONFIG)}.") from None
    except ValueError as error:  # tomllib's own, and what int() and datetime() say of oddities
        matched = _POSITION.fullmatch(str(error))
        what, where = (matched[1], matched[2]) if matched else (str(error), "some line")
        cure = next((cure for start, cure in _SYNTAX_CURES.items() if what.startswith(start)), "")
        raise ValueError(f"{where}: not TOML: {what.removesuffix('.')}.{cure}") from None


def _surroundings(path: Path, raw: dict[str, Any]) -> Surroundings:
    """Return what keys depend on, with defaults for what is wrong, so that the rest is checked."""
    vod = raw.get("vod")
    vod = vod if isinstance(vod, dict) else {}
    region = vod.get("region")
    try:
        zone = parsers.zone(raw["timezone"])
    except (KeyError, TypeError, ValueError):
        zone = ZoneInfo("UTC")
    return Surroundings(
        path=parsers.absolute(path),
        zone=zone,
        region=region if isinstance(region, str) else "cn-shanghai",
        vod_endpoint_given=bool(vod.get("endpoint")),
    )
