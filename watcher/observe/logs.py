"""The events of the log: one line for each, under names that alerts can match on.

`log_setup` sends them to their place. Their names and fields are public (design 4.4).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """One row of the table of events: its meaning, and when to alert a person."""

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
            "A listing began. `listed`: objects listed before, if the scan is resumed. `start`: "
            "older objects are ignored. `start_below`: prefixes with an earlier start.",
        ),
        Event(
            SCAN_PROGRESS,
            _INFO,
            ("watch", "listed", "new", "list_calls"),
            "Progress of a long listing, every 100 pages.",
        ),
        Event(
            SCAN_FINISHED,
            _INFO,
            (*_COUNTS, "list_calls_per_day", "list_gb_per_day", "note"),
            "A listing was complete. Cost of listing a day at this schedule, except for the first "
            "and for unusual listings; `note`: once a day.",
            "none for three schedules",
        ),
        Event(
            SCAN_INCOMPLETE,
            _WARNING,
            ("reason", "hint", *_COUNTS),
            "A listing ended early: reason and cure.",
            "three in a row",
        ),
        Event(
            BACKFILL_PROGRESS,
            _INFO,
            ("listed", "new", "registered", "failed", "calls_per_second", "eta_s"),
            "Progress of a backfill, every 10 s without a progress bar. `eta_s` null: not known "
            "yet.",
        ),
        Event(
            INVENTORY_READ,
            _INFO,
            ("watch", "inventory", "made_at", "age_s", "listed", "skipped", "note"),
            "A whole bucket inventory was read: its age, the objects below the watch's prefix, and "
            "the skipped rows (`outside` the prefix, `old_version`, `delete_marker`).",
        ),
        Event(
            INVENTORY_LACKING,
            _WARNING,
            ("inventory", "columns", "note"),
            "A bucket inventory lacks columns that decide which objects are registered.",
        ),
        Event(
            LISTING_COSTLY,
            _WARNING,
            ("watch", "note"),
            "Many objects are listed through a public endpoint, which is billed; once a day.",
        ),
        Event(
            OBJECT_CHANGED,
            _WARNING,
            ("watch", "bucket", "key"),
            "A registered object was overwritten since.",
        ),
        Event(OBJECT_EXCLUDED, _DEBUG, ("watch", "key", "reason"), "The rules left an object out."),
        Event(
            BATCH_SETTLED,
            _INFO,
            (
                "bucket",
                "batch_id",
                "RequestId",
                "RegisteredMediaList",
                "FailedFileURLs",
                "pending",
                "reason",
            ),
            "One RegisterMedia call and its result. `pending` files are retried because of "
            "`reason`. A terminal shows counts and refused files only, unless the level is debug, "
            "and nothing beside a progress bar.",
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
            "An object needs a person before it can be registered.",
            "always: `export` shows it",
        ),
        Event(
            BREAKER_OPENED,
            _ERROR,
            ("bucket", "kind", "reason", "hint"),
            'Calls stopped, for one bucket or ("") for all. Trial calls follow, and calls resume '
            "by themselves.",
            "always",
        ),
        Event(
            BREAKER_CLOSED,
            _INFO,
            ("bucket", "kind", "open_s"),
            "A trial call succeeded: calls resume.",
        ),
        Event(
            THROTTLE_LOWERED,
            _WARNING,
            ("calls_per_second", "hint", "watch", "list_concurrency"),
            "VOD asked to slow down (`calls_per_second`), or OSS did (`list_concurrency` of a "
            "`watch`). Once when the rate falls.",
            "several an hour",
        ),
        Event(
            THROTTLE_RAISED,
            _INFO,
            ("calls_per_second", "hint"),
            "VOD accepts the former rate again or, with a `hint`, the highest rate that the "
            "account allows now.",
        ),
        Event(
            BODY_REFUSED,
            _WARNING,
            ("code", "reason", "RequestId", "for_days"),
            "VOD refused RegisterMetadatas in a form body and accepted them in the query "
            "(`parameters_in` is `auto`). Calls carry fewer files with long names for `for_days` "
            "days, or until an upgrade of the program.",
        ),
        Event(
            LEDGER_RECOVERED,
            _WARNING,
            ("entries",),
            "Claims of a process that died are queued again.",
        ),
        Event(
            DAEMON_READY,
            _INFO,
            ("pid", "version", "watches", "listen", "ledger"),
            "`run` has opened its ledger and works, or has recovered fully after "
            "`daemon.degraded`.",
        ),
        Event(
            DAEMON_DEGRADED,
            _WARNING,
            ("reasons",),
            "`run` works in part only. Logged when a reason begins or ends, each with its cure.",
            "for ten minutes",
        ),
        Event(
            DAEMON_RELOADED,
            _INFO,
            ("watches", "note"),
            "The configuration was reloaded. `note`: changed settings that need a restart; their "
            "old values stay.",
        ),
        Event(
            DAEMON_RELOAD_REFUSED,
            _ERROR,
            ("reason", "hint"),
            "The reloaded configuration has problems: the old one stays in force.",
            "always",
        ),
        Event(
            DAEMON_STOPPING,
            _INFO,
            ("signal", "reason"),
            "`run` was asked to stop, or cannot go on.",
        ),
        Event(DAEMON_STOPPED, _INFO, ("pending",), "`run` has ended. `pending`: queued entries."),
    )
}

_log: Final = logging.getLogger("watcher")


def emit(event: str, /, **fields: object) -> None:
    """Write one event at its own level. An unknown name is a warning."""
    known = EVENTS.get(event)
    level = known.level if known else _WARNING
    if _log.isEnabledFor(level):
        _log.log(level, event, extra={"fields": fields})


def is_enabled(event: str) -> bool:
    """Whether an event would be written at the present log level."""
    return _log.isEnabledFor(EVENTS[event].level)


def table() -> Iterable[tuple[str, str, str, str, str]]:
    """Yield (event, level, fields, meaning, when to alert) for the documentation."""
    for event in EVENTS.values():
        yield (
            event.name,
            logging.getLevelName(event.level).lower(),
            ", ".join(event.fields),
            event.meaning,
            event.alert,
        )
