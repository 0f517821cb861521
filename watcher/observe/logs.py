"""The log: one line for each event, under names that alerts can match on; nothing secret in it.

Everything goes through the standard library's loggers, ours and the SDKs' alike, into one handler, which masks secrets
and writes JSON, lines for people, or entries of the journal.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.observe import destinations

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

SCAN_STARTED: Final = "scan.started"
SCAN_PROGRESS: Final = "scan.progress"
SCAN_FINISHED: Final = "scan.finished"
SCAN_INCOMPLETE: Final = "scan.incomplete"
LISTING_COSTLY: Final = "listing.costly"
INVENTORY_READ: Final = "inventory.read"
INVENTORY_LACKING: Final = "inventory.lacking"
BACKFILL_PROGRESS: Final = "backfill.progress"
OBJECT_CHANGED: Final = "object.changed"
OBJECT_EXCLUDED: Final = "object.excluded"
BATCH_SETTLED: Final = "batch.settled"
MEDIA_REGISTERED: Final = "media.registered"
MEDIA_FAILED: Final = "media.failed"
BREAKER_OPENED: Final = "breaker.opened"
BREAKER_CLOSED: Final = "breaker.closed"
THROTTLE_LOWERED: Final = "throttle.lowered"
THROTTLE_RAISED: Final = "throttle.raised"
BODY_REFUSED: Final = "body.refused"
LEDGER_RECOVERED: Final = "ledger.recovered"
DAEMON_READY: Final = "daemon.ready"
DAEMON_DEGRADED: Final = "daemon.degraded"
DAEMON_RELOADED: Final = "daemon.reloaded"
DAEMON_RELOAD_REFUSED: Final = "daemon.reload_refused"
DAEMON_STOPPING: Final = "daemon.stopping"
DAEMON_STOPPED: Final = "daemon.stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the table of events: what the name means, and when it should wake a person."""

    name: str
    level: int
    fields: tuple[str, ...]
    meaning: str
    alert: str = ""


_COUNTS = ("watch", "listed", "matched", "new", "changed", "excluded", "list_calls", "duration_s")
_DEBUG, _INFO, _WARNING, _ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

EVENTS: Final = {
    event.name: event
    for event in (
        Event(
            SCAN_STARTED,
            _INFO,
            ("watch", "source", "listed", "start", "start_below"),
            "A listing began; `listed`: what the one that it resumes had seen. `start`: from when on objects count; "
            "`start_below`: prefixes with an earlier moment of their own.",
        ),
        Event(
            SCAN_PROGRESS, _INFO, ("watch", "listed", "new", "list_calls"), "A long listing goes on: every 100 pages."
        ),
        Event(
            SCAN_FINISHED,
            _INFO,
            (*_COUNTS, "list_calls_per_day", "list_gb_per_day", "note"),
            "A listing was complete. What listing costs a day at this schedule, unless this one was the first or not "
            "a usual one; `note`: once a day.",
            "none for three schedules",
        ),
        Event(
            SCAN_INCOMPLETE,
            _WARNING,
            ("reason", "hint", *_COUNTS),
            "A listing was cut short: why, and the cure.",
            "three in a row",
        ),
        Event(
            BACKFILL_PROGRESS,
            _INFO,
            ("listed", "new", "registered", "failed", "calls_per_second", "eta_s"),
            "How far a backfill is, every 10 s where no terminal shows it; null: how long it takes is not known yet.",
        ),
        Event(
            INVENTORY_READ,
            _INFO,
            ("watch", "inventory", "made_at", "age_s", "listed", "skipped", "note"),
            "All of a bucket inventory was read: how old it is, the objects below the watch's prefix, and what other "
            "rows were (`outside` of it, `old_version`, `delete_marker`).",
        ),
        Event(
            INVENTORY_LACKING,
            _WARNING,
            ("inventory", "columns", "note"),
            "A bucket inventory has not all columns that decide what is registered.",
        ),
        Event(
            LISTING_COSTLY,
            _WARNING,
            ("watch", "note"),
            "Many objects are listed by a public endpoint, which is billed; once a day.",
        ),
        Event(OBJECT_CHANGED, _WARNING, ("watch", "bucket", "key"), "A registered object was overwritten since."),
        Event(OBJECT_EXCLUDED, _DEBUG, ("watch", "key", "reason"), "The rules left an object out."),
        Event(
            BATCH_SETTLED,
            _INFO,
            ("bucket", "batch_id", "RequestId", "RegisteredMediaList", "FailedFileURLs", "pending", "reason"),
            "One RegisterMedia call, and what came of it; `pending` of its files are asked again, for `reason`. On a "
            "terminal counts and refused files only, unless the level is debug; nothing where a progress bar counts.",
        ),
        Event(
            MEDIA_REGISTERED,
            _DEBUG,
            ("watch", "key", "media_id", "new_register", "after_s"),
            "VOD knows an object; `after_s` since it was last modified.",
        ),
        Event(
            MEDIA_FAILED,
            _ERROR,
            ("watch", "bucket", "key", "reason", "message", "RequestId"),
            "An object will not be registered without a person.",
            "always: `export` shows it",
        ),
        Event(
            BREAKER_OPENED,
            _ERROR,
            ("bucket", "kind", "reason", "hint"),
            'Calls stopped, for one bucket or ("") for all; they are probed, and go on by themselves.',
            "always",
        ),
        Event(BREAKER_CLOSED, _INFO, ("bucket", "kind", "open_s"), "A probe was answered: calls go on."),
        Event(
            THROTTLE_LOWERED,
            _WARNING,
            ("calls_per_second", "hint", "watch", "list_concurrency"),
            "VOD asked to slow down (`calls_per_second`), or OSS did (`list_concurrency` of a `watch`); once when the "
            "rate falls.",
            "several an hour",
        ),
        Event(
            THROTTLE_RAISED,
            _INFO,
            ("calls_per_second", "hint"),
            "VOD accepts as many calls as before, or, with a `hint`, as many as the account gives now.",
        ),
        Event(
            BODY_REFUSED,
            _WARNING,
            ("code", "reason", "RequestId", "for_days"),
            "VOD refused RegisterMetadatas in a form body and took them in the query (`parameters_in` is `auto`): "
            "calls carry fewer files with long names for so many days, or until the program is upgraded.",
        ),
        Event(LEDGER_RECOVERED, _WARNING, ("entries",), "Claims of a process that died went back in line."),
        Event(
            DAEMON_READY,
            _INFO,
            ("pid", "version", "watches", "listen", "ledger"),
            "`run` has opened its ledger and works, or does all that it should again after `daemon.degraded`.",
        ),
        Event(
            DAEMON_DEGRADED,
            _WARNING,
            ("reasons",),
            "`run` goes on, but not with all that it should do; told whenever a reason comes or goes, each with its "
            "cure.",
            "for ten minutes",
        ),
        Event(
            DAEMON_RELOADED,
            _INFO,
            ("watches", "note"),
            "The configuration was read again and is in force; `note`: what takes a restart and stayed as it was.",
        ),
        Event(
            DAEMON_RELOAD_REFUSED,
            _ERROR,
            ("reason", "hint"),
            "The configuration was read again and has problems: the old one stays in force.",
            "always",
        ),
        Event(DAEMON_STOPPING, _INFO, ("signal", "reason"), "`run` was asked to stop, or cannot go on."),
        Event(DAEMON_STOPPED, _INFO, ("pending",), "`run` has ended; so many entries are in line."),
    )
}

_LEVELS: Final = {"debug": _DEBUG, "info": _INFO, "warning": _WARNING, "error": _ERROR}
_SDK_LEVELS: Final = {  # the SDKs tell by exceptions too; below these levels they print headers and signed URLs
    "aliyunsdkcore": logging.CRITICAL,
    "alibabacloud-tea": _WARNING,
    "credentials": _WARNING,
    "oss2": _WARNING,
    "urllib3": _WARNING,
    "requests": _WARNING,
    "apscheduler": _ERROR,  # it warns of each start that it skips
    "filelock": _WARNING,
    "asyncio": _WARNING,
    "werkzeug": _WARNING,
    "waitress": _ERROR,  # it warns of each request that waits for a thread
}
_log: Final = logging.getLogger("watcher")


def emit(event: str, /, **fields: object) -> None:
    """Write one event at its own level; unknown names count as warnings."""
    known = EVENTS.get(event)
    level = known.level if known else _WARNING
    if _log.isEnabledFor(level):
        _log.log(level, event, extra={"fields": fields})


def tells(event: str) -> bool:
    """Return whether an event would be written."""
    return _log.isEnabledFor(EVENTS[event].level)


def configure(*, format: str, level: str, stream: TextIO, quiet: bool) -> None:  # noqa: A002 (the option's public name)
    """Send all logging of this process to one place; calling it again replaces what it set up before.

    Args:
        format: auto | console | json | journal; auto = journal if `stream` is connected to it, console if it is a
            terminal, else json.
        level: debug | info | warning | error; what is below it is not written.  On a terminal lines are short unless it
            is debug (see `brief`).
        stream: usually stderr.  If it is connected to the journal, the journal format goes there directly, with every
            field as one of the journal's.
        quiet: nothing below warning, whatever `level` says.
    """
    handler = destinations.choose(format, stream, whole=level == "debug")
    root = logging.getLogger()
    for before in [each for each in root.handlers if isinstance(each, destinations.OURS)]:
        root.removeHandler(before)
        before.close()
    root.addHandler(handler)
    root.setLevel(max(_LEVELS[level], _WARNING) if quiet else _LEVELS[level])
    tame_sdk_loggers()


def tame_sdk_loggers() -> None:
    """Take the SDKs' own handlers off and raise their levels: to be called after each of them is imported."""
    for name in list(logging.root.manager.loggerDict):
        top = name.split(".")[0]
        if top in _SDK_LEVELS:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
    for name, level in _SDK_LEVELS.items():
        logging.getLogger(name).setLevel(level)


def table() -> Iterable[tuple[str, str, str, str, str]]:
    """Yield (event, level, fields, meaning, when to alert) for the documentation."""
    for event in EVENTS.values():
        yield event.name, logging.getLevelName(event.level).lower(), ", ".join(event.fields), event.meaning, event.alert
