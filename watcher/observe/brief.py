"""Short log lines for a terminal. JSON, the journal and the debug level have all fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from watcher.observe.logs import BACKFILL_PROGRESS, BATCH_SETTLED, SCAN_PROGRESS

if TYPE_CHECKING:
    import logging
    from collections.abc import MutableMapping, Sequence

_SHOWN_BY_A_BAR: Final = {SCAN_PROGRESS, BACKFILL_PROGRESS}
_NAMED: Final = 3  # most files in a line


def is_shown_by_bar(record: logging.LogRecord) -> bool:
    """Whether a progress bar shows the content of this line already."""
    if record.msg in _SHOWN_BY_A_BAR:
        return True
    fields = getattr(record, "fields", {})
    return record.msg == BATCH_SETTLED and not (
        fields.get("FailedFileURLs") or fields.get("pending")
    )


def shortened(found: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the fields of a short line: for a batch its counts and the refused files."""
    if found.get("event") != BATCH_SETTLED:
        return found
    refused = found.get("FailedFileURLs") or ()
    short = {name: found[name] for name in ("at", "level", "event", "bucket") if name in found}
    short["registered"] = len(found.get("RegisteredMediaList") or ())
    if refused:
        short["refused"] = len(refused)
        short["FailedFileURLs"] = _named(refused)
    return short | {name: found[name] for name in ("pending", "reason") if name in found}


def _named(urls: Sequence[str]) -> str:
    more = len(urls) - _NAMED
    return ", ".join(urls[:_NAMED]) + (f" and {more} more" if more > 0 else "")
