"""Count the outcomes of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.model import Failure
from watcher.model.reports import RegisterReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.model import Settled

_PERHAPS_BUCKET = {Failure.REFUSED, Failure.BAD_REQUEST}


class RunTally:
    """The totals of a run, reported after each call."""

    def __init__(
        self, *, progress: Callable[[RegisterReport], None], calls: Callable[[], int]
    ) -> None:
        self._progress = progress
        self._calls = calls  # RegisterMedia calls made so far
        self._failed: dict[str, set[str]] = {}  # by bucket: failed keys, perhaps by its fault
        self.report = RegisterReport()

    def count(self, settled: Settled) -> None:
        """Add the outcomes of one call; a file that is pending again has not failed."""
        report = self.report
        report.registered += settled.registered
        report.already_registered += settled.already_registered
        failed = self._failed.setdefault(settled.bucket, set())
        report.failed += len(settled.failed) - len(failed.intersection(settled.restored))
        if settled.registered:
            failed.clear()
        failed.difference_update(settled.restored)
        failed.update(key for key, reason, _ in settled.failed if reason in _PERHAPS_BUCKET)
        self.count_calls()
        self._progress(report)

    def count_calls(self) -> None:
        """Take over the number of calls, also those that decided nothing."""
        self.report.register_calls = self._calls()
