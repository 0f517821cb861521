"""Use case: one turn.  List every watch, record, register what is due, and say how it went."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from watcher.errors import AccountRefused, BucketRefused, CloudError, WatcherError
from watcher.observe.printable import one_line
from watcher.reports import RegisterReport, ScanReport, Undecided

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ports import Clock
    from watcher.register import Registering

_LATER = "Nothing is lost; later scans ask again, each when it is due. `export` shows what was said of each."
DECLINED = 1
CLOUD_FAILED = 5
SOMETHING_FAILED = 6


@dataclass(slots=True, kw_only=True)
class TurnReport:
    """What one turn did."""

    scans: list[ScanReport] = field(default_factory=list)
    registered: RegisterReport = field(default_factory=RegisterReport)
    pending: int = 0  # what the ledger still holds
    undecided: Undecided = field(default_factory=Undecided)  # of it: asked, and not answered
    duration_s: float = 0.0
    error: CloudError | None = None  # why registering stopped, or was not answered
    registering_pid: int | None = None  # another process registers what this one found
    declined: bool = False  # a person was asked, and wants nothing registered
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

    def add(self, later: TurnReport) -> None:
        """Add what a later turn did; what was left undone before is now as that one left it."""
        again = {scan.watch: scan for scan in later.scans}
        self.scans = [again.pop(scan.watch, scan) for scan in self.scans]
        for name in ("registered", "already_registered", "failed", "register_calls"):
            setattr(self.registered, name, getattr(self.registered, name) + getattr(later.registered, name))
        self.undecided, self.error, self.declined = later.undecided, later.error, later.declined

    @property
    def met(self) -> list[WatcherError]:
        """What went wrong, each once: all that a person must know of a run that was interrupted."""
        found: dict[str, WatcherError] = {}
        for error in (*(scan.error for scan in self.scans), self.error):
            if isinstance(error, WatcherError):
                found.setdefault(str(error), error)
        return list(found.values())

    @property
    def errors(self) -> list[WatcherError]:
        """Those of a run that ended by itself: also that files wait for an answer."""
        found = {str(error): error for error in self.met}
        if self.undecided.entries and not isinstance(self.error, (AccountRefused, BucketRefused)):
            error = self._not_registered()
            found.pop(str(self.error), None)
            found[str(error)] = error
        return list(found.values())

    def _not_registered(self) -> CloudError:
        """Return how many files wait for an answer, one of them by name, and why."""
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


class Scans(Protocol):
    """One scan, or what stands in for it."""

    def run(self) -> ScanReport:
        """Scan, and return how it went."""
        ...


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A watch that is not scanned, and why."""

    watch: str
    error: CloudError

    def run(self) -> ScanReport:
        """See `Scans.run`."""
        return ScanReport(watch=self.watch, error=self.error)


def take_turn(
    scans: Sequence[Scans],
    registering: Registering | None,
    *,
    clock: Clock,
    pending: Callable[[], int],
    undecided: Callable[[bool], Undecided],
    listed: Callable[[], None] = lambda: None,
    consent: Callable[[], bool] | None = None,
) -> TurnReport:
    """Scan one watch after the other while what they find is being registered.

    Without `registering`, another process does that; then nothing here waits for it.  `listed` is
    called when the listing has ended; `undecided` with whether the run gave up, so that those to be
    asked once more wait, too.  With `consent` nothing is registered before that, and unless it says
    yes.
    """
    began = clock.monotonic()
    report = TurnReport()
    listing_ended = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="registering") as pool:
        at_once = registering if consent is None else None
        work = pool.submit(at_once.run, listing_ended.is_set) if at_once else None
        try:
            for scan in scans:
                if clock.wait(0) or (work and work.done()):
                    break
                report.scans.append(scan.run())
        except BaseException:
            if registering:
                registering.abandon()
            raise
        finally:
            listing_ended.set()
            listed()
        if registering and consent and not clock.wait(0):
            report.declined = not consent()
            work = None if report.declined else pool.submit(registering.run, listing_ended.is_set)
        if registering and work:
            report.registered = work.result()
            report.undecided = undecided(registering.gave_up)
            report.error = registering.error
    report.pending = pending()
    report.duration_s = round(clock.monotonic() - began, 3)
    return report
