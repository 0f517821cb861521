"""Use case: ledger -> registrar -> ledger.  Claims are committed before a call is made, and settled after it."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Protocol

from watcher.calling import too_long
from watcher.model import Claim, Entry, Media, RegisterReport, Settled
from watcher.rules.batching import MAX_ITEMS, take

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.calling import Calling, Group, Policy
    from watcher.errors import CloudError
    from watcher.ports import Clock

_POLL_S = 0.05  # how often a run with nothing due looks for what the listing found meanwhile


class Queue(Protocol):
    """The ledger, as far as claiming is concerned."""

    def claim(
        self,
        bucket: str,
        watches: Sequence[str],
        *,
        choose: Callable[[Sequence[Entry]], Sequence[Entry]],
        now_ms: int,
        horizon_ms: int,
    ) -> Claim | None:
        """Commit entries as claimed; see `ledger.queue`."""
        ...

    def next_due_at(self, bucket: str, watches: Sequence[str]) -> int | None:
        """Return when the next pending entry is due; see `ledger.queue`."""
        ...


class Registering:
    """Registers what is due until nothing is, or until it makes no sense to go on."""

    def __init__(
        self,
        queue: Queue,
        calling: Calling,
        *,
        groups: Sequence[Group],
        describe: Callable[[Entry], Media],
        clock: Clock,
        policy: Policy,
        progress: Callable[[int], None],  # told how many were registered so far
        calls: Callable[[], int],  # RegisterMedia calls made so far
    ) -> None:
        self._queue = queue
        self.calling = calling
        self._groups = list(groups)
        self._describe = describe
        self._clock = clock
        self._policy = policy
        self._progress = progress
        self._calls = calls
        self.report = RegisterReport()

    def run(self, listing_ended: Callable[[], bool]) -> RegisterReport:
        """Work until the listing has ended and nothing is due within the patience; return the totals."""
        flying: set[Future[Settled]] = set()
        with ThreadPoolExecutor(self._policy.concurrent_calls, thread_name_prefix="register") as pool:
            while not self._clock.wait(0):
                landed = {future for future in flying if future.done()}
                flying -= landed
                for future in landed:
                    self._count(future.result())
                ended = listing_ended()  # asked before claiming: what the listing found last is then seen
                if len(flying) >= (1 if self.calling.unreachable else self._policy.concurrent_calls):
                    wait(flying, return_when=FIRST_COMPLETED)
                elif not self.calling.resting and (claimed := self._claim(part_filled=ended)):
                    flying.add(pool.submit(self.calling.carry_out, *claimed))
                elif flying:
                    wait(flying, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                elif ended and not self._wait_for_more():
                    break
                elif not ended:
                    self._clock.wait(_POLL_S)
            for future in flying:
                self._count(future.result())
        self.report.register_calls = self._calls()
        return self.report

    def _wait_for_more(self) -> bool:
        """Wait for the next attempt if it is near; return False if it makes no sense to."""
        next_due_at = self._next_due_at(self._open_groups())
        if next_due_at is None:
            return False
        until_s = (next_due_at - self._clock.now_ms()) / 1000
        if until_s > self._policy.patience_s:
            return False
        self._clock.wait(min(max(until_s, _POLL_S), 1.0))
        return True

    def _next_due_at(self, groups: Sequence[Group]) -> int | None:
        found = [self._queue.next_due_at(group.bucket, group.watches) for group in groups]
        return min((due_at for due_at in found if due_at is not None), default=None)

    @property
    def error(self) -> CloudError | None:
        """What stopped calls; or why none was answered at the end, if entries wait because of that."""
        waiting = self._next_due_at(self._groups) is not None
        return self.calling.error if self.calling.halted or waiting else None

    def _open_groups(self) -> list[Group]:
        return [group for group in self._groups if self.calling.open_to(group.bucket)]

    def _claim(self, *, part_filled: bool) -> tuple[Group, Claim] | None:
        """Claim for the next group that has something due; groups take turns, call by call."""
        now_ms = self._clock.now_ms()
        for group in self._open_groups():
            claim = self._queue.claim(
                group.bucket,
                group.watches,
                choose=lambda due: self._choose(due, part_filled=part_filled),
                now_ms=now_ms,
                horizon_ms=now_ms + self._policy.max_delay_ms,
            )
            if claim:
                self._groups.remove(group)
                self._groups.append(group)
                return group, claim
        return None

    def _choose(self, due: Sequence[Entry], *, part_filled: bool) -> Sequence[Entry]:
        """Return which of the due entries go now: together, as many as one call carries."""
        if due[0].attempts:
            return due[:1]
        media = [self._describe(entry) for entry in due]
        unsendable = [entry for entry, item in zip(due, media, strict=True) if too_long(item)]
        if unsendable:
            return unsendable
        room = take(media, max_bytes=self._policy.max_bytes)
        return due[:room] if room < len(due) or room == MAX_ITEMS or part_filled else ()

    def _count(self, settled: Settled) -> None:
        report = self.report
        report.registered += settled.registered
        report.already_registered += settled.already_registered
        report.failed += len(settled.failed)
        self._progress(report.registered)
