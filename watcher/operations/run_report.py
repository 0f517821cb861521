"""The report of one `scan` or `backfill`, with its errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from watcher.errors import AccountRefused, BucketRefused, CloudError, WatcherError
from watcher.model.reports import RegisterReport, ScanReport, Undecided
from watcher.observe.escaping import one_line

_LATER = (
    "Nothing is lost: later scans retry each file when it is due. `export` shows the last answer "
    "for each."
)
DECLINED = 1
CLOUD_FAILED = 5
SOMETHING_FAILED = 6


@dataclass(slots=True, kw_only=True)
class RunReport:
    """The results of one run."""

    scans: list[ScanReport] = field(default_factory=list)
    registered: RegisterReport = field(default_factory=RegisterReport)
    pending: int = 0  # what the ledger still holds
    undecided: Undecided = field(default_factory=Undecided)  # of it: asked for, without an answer
    duration_s: float = 0.0
    error: CloudError | None = None  # why registering stopped, or had no answer
    registering_pid: int | None = None  # another process registers what this one found
    declined: bool = False  # a person was asked, and said no
    left: int | None = None  # files of the chosen watches not registered yet; None: a dry run
    cut_short: bool = False  # not all was listed

    @property
    def exit_status(self) -> int:
        """The documented exit status (design 4.1)."""
        if self.declined:
            return DECLINED
        if self.error or self.undecided.entries or any(not scan.complete for scan in self.scans):
            return CLOUD_FAILED
        return SOMETHING_FAILED if self.registered.failed else 0

    def add(self, later: RunReport) -> None:
        """Add what a later run did; its errors and undecided files replace the earlier ones."""
        again = {scan.watch: scan for scan in later.scans}
        self.scans = [again.pop(scan.watch, scan) for scan in self.scans]
        done, more = self.registered, later.registered
        done.registered += more.registered
        done.already_registered += more.already_registered
        done.failed += more.failed
        done.register_calls += more.register_calls
        self.undecided, self.error, self.declined = later.undecided, later.error, later.declined

    @property
    def met(self) -> list[WatcherError]:
        """The errors that were met, each once; after an interrupt a person needs no more."""
        found: dict[str, WatcherError] = {}
        for error in (*(scan.error for scan in self.scans), self.error):
            if isinstance(error, WatcherError):
                found.setdefault(str(error), error)
        return list(found.values())

    @property
    def errors(self) -> list[WatcherError]:
        """The errors of a run that ended by itself, with the files that have no answer."""
        found = {str(error): error for error in self.met}
        if self.undecided.entries and not isinstance(self.error, (AccountRefused, BucketRefused)):
            error = self._not_registered()
            found.pop(str(self.error), None)
            found[str(error)] = error
        return list(found.values())

    def _not_registered(self) -> CloudError:
        """Return how many files have no answer, one of them by name, and why."""
        left = self.undecided
        name = f"oss://{left.bucket}/{one_line(left.key)}"
        sentence = f"{left.entries} files are not registered yet, among them {name}"
        if left.entries == 1:
            sentence = f"{name} is not registered yet"
        why = [str(self.error)] if self.error else []
        if left.message and left.message not in "".join(why):
            why.insert(0, left.message)
        hint = self.error.hint if self.error else ""
        return CloudError(": ".join([sentence, *why]), hint=hint or _LATER)
