"""Log lines: one an event, past tense, stable names.  What the SDKs log goes the same way, redacted."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from watcher.observe.redaction import redact

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import WrappedLogger


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line; names are an interface, alerts match on them."""

    name: str
    level: str
    fields: tuple[str, ...]
    alert: str = ""


EVENTS: Final = (
    Event("scan.started", "info", ("watch", "source")),
    Event(
        "scan.finished",
        "info",
        ("watch", "listed", "matched", "new", "changed", "excluded", "list_calls", "duration_s", "note"),
        "none for longer than a scan may take",
    ),
    Event("scan.incomplete", "warning", ("watch", "reason", "listed", "new"), "several in a row"),
    Event("object.changed", "warning", ("watch", "bucket", "key"), "if overwriting is not meant to happen"),
    Event("object.excluded", "debug", ("watch", "key", "reason")),
    Event(
        "batch.settled",
        "info",
        ("bucket", "batch_id", "RequestId", "RegisteredMediaList", "FailedFileURLs", "unknown", "reason"),
    ),
    Event("media.registered", "debug", ("key", "media_id", "new_register")),
    Event("media.failed", "error", ("bucket", "key", "reason", "message", "RequestId"), "each"),
    Event("throttle.lowered", "warning", ("calls_per_second",), "often: other software shares the quota"),
    Event("ledger.recovered", "warning", ("entries",), "each: the last run died"),
)

_LEVELS = {event.name: event.level for event in EVENTS}
_SDK_LOGGERS = ("aliyunsdkcore", "oss2", "urllib3", "apscheduler", "alibabacloud_credentials", "credentials")
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_LOGGER = "watcher"


def emit(event: str, /, **fields: object) -> None:
    """Log one event at its own level; costs next to nothing when that level is off."""
    level = logging.getLevelNamesMapping()[_LEVELS[event].upper()]
    logger = logging.getLogger(_LOGGER)
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"fields": fields})


def configure(*, format: str, level: str, stream: TextIO, quiet: bool) -> None:  # noqa: A002 (the option's name)
    """Send every log line of this process to `stream`, redacted.

    Args:
        format: "json", "console", "journal", or "auto": journal under systemd, console elsewhere.
        level: the least that is shown; `quiet` shows nothing below warning.
        stream: where to; stderr.
        quiet: see `level`.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(_chosen(format, stream), stream))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    least = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(least, logging.WARNING) if quiet else least)
    for name in _SDK_LOGGERS:  # at DEBUG and INFO they print signed requests
        logging.getLogger(name).setLevel(logging.WARNING)
    tame_sdk_loggers()


def tame_sdk_loggers() -> None:
    """Take away the stderr handler and the DEBUG level that the VOD SDK gives itself at import."""
    logger = logging.getLogger("aliyunsdkcore.http.http_response")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    # It logs each failed call with its signed URL; we say of each what came of it.
    logging.getLogger("aliyunsdkcore").setLevel(logging.CRITICAL)


def _chosen(log_format: str, stream: TextIO) -> str:
    if log_format != "auto":
        return log_format
    return "journal" if _is_journal(stream) else "console"


def _is_journal(stream: TextIO) -> bool:
    """Whether `stream` is systemd's journal.  Source: systemd.exec(5), $JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _formatter(log_format: str, stream: TextIO) -> logging.Formatter:
    import structlog  # noqa: PLC0415 (only commands that log pay for it)

    last: Any
    if log_format == "json":
        last = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    elif log_format == "journal":
        last = _journal_line
    else:
        last = structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False, timestamp_key="at")
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            _in_order,
            last,
            lambda _logger, _method, line: redact(line),
        ],
        foreign_pre_chain=[_with_fields],
    )


def _with_fields(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Bring over the fields of an event of ours, or the name of the library that spoke."""
    record: logging.LogRecord = event["_record"]
    fields = getattr(record, "fields", None)
    event.update(fields if fields is not None else {"logger": record.name})
    return event


def _in_order(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return `at`, `level`, `event` first; each value on one line, milliseconds in `at`."""
    event["at"] = f"{event['at'][:23]}Z"
    first = {name: event.pop(name) for name in ("at", "level", "event")}
    return {name: _on_one_line(value) for name, value in (first | dict(event)).items()}


def _on_one_line(value: object) -> object:
    """Escape control characters in text, so that a key can neither break a line nor steer a terminal."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)
    return value


def _journal_line(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> str:
    """Return the line with systemd's priority in front; the journal has its own clock.  Source: sd-daemon(3)."""
    fields = " ".join(f"{name}={value}" for name, value in event.items() if name not in {"at", "level", "event"})
    return f"<{_PRIORITIES[event['level']]}>{event['event']} {fields}".rstrip()
