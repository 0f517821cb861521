"""The end of a scan: its log lines, and the record that the ledger keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.errors import WatcherError
from watcher.model import Excluded, ScanEnd
from watcher.observe import logs
from watcher.rules.advice import ambiguous_note
from watcher.rules.listing_bill import bill, costly_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.discovery.selector import ScanTarget
    from watcher.ledger.port import ScanRecords
    from watcher.model import ScanKind
    from watcher.model.reports import ScanReport

_COUNTS: Final = (
    "watch",
    "listed",
    "matched",
    "new",
    "changed",
    "excluded",
    "list_calls",
    "duration_s",
)
STOPPED: Final = "it was stopped before its end"
_RESUMES: Final[dict[ScanKind, str]] = {
    "scan": "The next scan resumes it.",
    "backfill": "Run the same command again to resume it.",
}


def end_of(report: ScanReport, kind: ScanKind, *, covered: str, now_ms: int) -> ScanEnd:
    """Return how a scan ended, as the ledger keeps it."""
    error, hint = "", ""
    if isinstance(report.error, WatcherError):
        error, hint = str(report.error), report.error.hint
    elif not report.complete:
        error, hint = STOPPED, _RESUMES[kind]
    return ScanEnd(
        kind=kind,
        at=now_ms,
        complete=report.complete,
        listed=report.listed,
        matched=report.matched,
        covered=covered,
        error=error,
        hint=hint,
    )


def unforeseen(error: Exception) -> WatcherError:
    """Return the error that reports a bug."""
    hint = "This is a bug: run `oss-vod-watcher --log-level debug scan`, and report what it prints."
    return WatcherError(f"unforeseen: {error!r}", hint=hint)


def log_incomplete(emit: Callable[..., None], report: ScanReport) -> None:
    """Log that a scan is incomplete, why, and the cure."""
    why = str(report.error) if report.error else "it was asked to stop"
    hint = getattr(report.error, "hint", "")
    emit(logs.SCAN_INCOMPLETE, reason=why, hint=hint, **_facts(report))


def log_finished(
    emit: Callable[..., None],
    report: ScanReport,
    target: ScanTarget,
    *,
    records: ScanRecords,
    is_usual: bool,
    now_ms: int,
) -> None:
    """Log a complete scan, each note once a day; `is_usual`: the next ones cost the same."""
    cost = bill(
        calls=report.list_calls,
        n_bytes=report.list_bytes,
        took_s=report.duration_s,
        starts_per_day=target.starts_per_day,
    )
    facts = _facts(report)
    if is_usual:
        facts |= {"list_calls_per_day": cost.calls_per_day, "list_gb_per_day": cost.gb_per_day}
    ambiguous = report.excluded.get(Excluded.AMBIGUOUS_EXTENSION, 0)
    notes = [*([ambiguous_note(report.watch, ambiguous)] if ambiguous else []), *report.notes]
    if due := records.due_notes(report.watch, notes, now_ms=now_ms) if notes else []:
        facts["note"] = " ".join(due)
    emit(logs.SCAN_FINISHED, **facts)
    note = (
        costly_note(report.watch, report.listed, cost.gb_per_day, target.cheaper_at)
        if is_usual
        else ""
    )
    if note and records.due_notes(report.watch, [note], now_ms=now_ms):
        emit(logs.LISTING_COSTLY, watch=report.watch, note=note)


def _facts(report: ScanReport) -> dict[str, object]:
    return {name: getattr(report, name) for name in _COUNTS}
