"""What lines on a terminal leave out: JSON, the journal and the debug level have all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import MutableMapping, Sequence

BATCH_SETTLED: Final = "batch.settled"
_SHOWN_BY_A_BAR: Final = {"scan.progress", "backfill.progress"}
_NAMED: Final = 3  # files that a line names


def is_spared(record: logging.LogRecord) -> bool:
    """Whether a progress bar shows what this line would say."""
    if record.msg in _SHOWN_BY_A_BAR:
        return True
    fields = getattr(record, "fields", {})
    return record.msg == BATCH_SETTLED and not (fields.get("FailedFileURLs") or fields.get("pending"))


def shortened(found: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the fields that a short line has: of a batch counts, and the refused files."""
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
