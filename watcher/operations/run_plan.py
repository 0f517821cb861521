"""The task of one `scan` or `backfill`, and its questions to the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import Breaker, Standing, Waiting, WatchSpec
    from watcher.model.reports import Undecided
    from watcher.registration.call import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The watches that a run works on, and how long it waits."""

    chosen: Sequence[str]  # names of watches
    served: Sequence[WatchSpec]  # the same watches, as the owner of the ledger publishes them
    groups: Sequence[Group]  # the same watches, by bucket and call-level options
    lists_all: bool  # no filter, no list of keys
    is_backfill: bool
    give_up_after_s: float  # without one entry decided; infinity = never


class RunCounts(Protocol):
    """Counts of entries by watch."""

    def standing(self, watches: Sequence[str]) -> Standing:
        """Return the counts of `watches` together."""
        ...

    def waiting(self, watch: str) -> Waiting:
        """Return how many entries of `watch` are queued, and their size."""
        ...

    def undecided(self, watches: Sequence[str], *, refused: bool) -> Undecided:
        """Return what of `watches` waits for an answer; with `refused` also what is retried."""
        ...

    def last_listed(self, watches: Sequence[str]) -> int | None:
        """Return how many objects the last complete scans listed; None unless all had one."""
        ...

    def decisions(self) -> int:
        """Return how often an entry was registered, refused or failed, by any process."""
        ...


class RunQueue(Protocol):
    """The entries that wait for a call."""

    def pending(self) -> int:
        """Return how many entries of all watches are pending or claimed."""
        ...

    def next_due_at(self, bucket: str, watches: Sequence[str]) -> int | None:
        """Return when the next pending entry is due (milliseconds since the epoch), or None."""
        ...


class OpenBreakers(Protocol):
    """The open breakers."""

    def all(self) -> Sequence[Breaker]:
        """Return the open breakers, the account's first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLedger:
    """The parts of an open ledger that a run reads."""

    counts: RunCounts
    queue: RunQueue
    breakers: OpenBreakers
