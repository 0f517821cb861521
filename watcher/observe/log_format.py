"""Formats a log record, with secrets masked: JSON, a line for people, an entry for the journal."""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from watcher.observe import brief
from watcher.observe.escaping import one_line
from watcher.redaction import redact_value

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from types import TracebackType

    Fields = MutableMapping[str, Any]
    Renderer = Callable[[Fields], str]

IDENTIFIER: Final = "oss-vod-watcher"
_PREFIX: Final = "OSS_VOD_WATCHER_"  # other programs use the journal's own names, too
_LONGEST_NAME: Final = 64  # of a field of the journal
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # of syslog
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Formatter(logging.Formatter):
    """Orders the parts of a record, masks secrets, and renders them."""

    def __init__(self, render: Renderer) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """Return the rendered record."""
        return self._render(_redacted(_collected(record)))


def as_json(found: Fields) -> str:
    """Return a JSON object on one line."""
    return one_line(json.dumps(found, ensure_ascii=False, default=str))


def for_people(found: Fields) -> str:
    """Return a line with time, level, event and fields."""
    return f"{found.pop('at')} {found.pop('level'):<7} {_words(found)}"


def for_a_terminal(found: Fields) -> str:
    """Return a line for people, shortened for events with long lists."""
    return for_people(brief.shortened(found))


def for_a_pipe_to_the_journal(found: Fields) -> str:
    """Return a line with its priority in front (sd-daemon(3)). The journal adds the time."""
    priority, _ = _priority(found), found.pop("at")
    return f"<{priority}>{_words(found)}"


def entry_of_the_journal(found: Fields) -> str:
    """Return NAME=value lines, MESSAGE and PRIORITY first: the journal's native protocol.

    All values are single lines, so the protocol's binary form is not needed.
    """
    priority, _ = _priority(found), found.pop("at")
    fields = {
        f"{_PREFIX}{_journal_name(name)}"[:_LONGEST_NAME]: value for name, value in found.items()
    }
    return "\n".join(
        [
            f"MESSAGE={_words(found)}",
            f"PRIORITY={priority}",
            f"SYSLOG_IDENTIFIER={IDENTIFIER}",
            *(f"{name}={_value(value)}" for name, value in fields.items()),
        ]
    )


def line_of_entry(entry: str) -> str:
    """Return an entry as a line for a pipe, for when the journal's socket takes no entry."""
    message, priority, *_ = entry.split("\n")
    return f"<{priority.removeprefix('PRIORITY=')}>{message.removeprefix('MESSAGE=')}"


def _collected(record: logging.LogRecord) -> Fields:
    """Return the parts of a record in order: at, level, event, then its fields."""
    at = (
        datetime.fromtimestamp(record.created, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    head = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
    fields: dict[str, Any] = {**getattr(record, "fields", {})}
    if not record.name.startswith("watcher"):
        fields["logger"] = record.name
    if record.exc_info and record.exc_info[0]:
        fields["exception"] = _trace(record.exc_info)
    return head | {name: value for name, value in fields.items() if name not in head}


def _trace(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    return "".join(traceback.format_exception(*exc_info)).rstrip()


def _redacted(found: Fields) -> Fields:
    return {name: redact_value(value, name=name) for name, value in found.items()}


def _priority(found: Fields) -> int:
    return _PRIORITIES.get(found.pop("level"), _PRIORITIES["info"])


def _words(found: Fields) -> str:
    fields = [f"{name}={_word(value)}" for name, value in found.items() if name != "event"]
    return " ".join([one_line(str(found["event"]).replace("\n", "\\n")), *fields])


def _word(value: object) -> str:
    if isinstance(value, str) and value and not set(value) & set(" \"'=\\") and value.isprintable():
        return value
    return one_line(json.dumps(value, ensure_ascii=False, default=str))


def _value(value: object) -> str:
    """Return text as it is, so that a query of the journal can match it; all else as JSON."""
    return one_line(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    )


def _journal_name(name: str) -> str:
    """Return REQUEST_ID for RequestId: the journal takes capitals, digits and underscores."""
    return re.sub(r"[^A-Z0-9_]", "_", _HUMP.sub("_", name).upper())
