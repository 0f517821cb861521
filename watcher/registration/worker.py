"""Register what is queued: claim entries, make calls, settle the answers.

A claim is committed before its call is made.
"""

from __future__ import annotations

import gc
import math
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from watcher.model import Claim, Entry, Failure, Media, Settled
from watcher.model.reports import RegisterReport
from watcher.registration.breaker import Admission
from watcher.registration.call import too_long
from watcher.rules.batching import MAX_ITEMS, batch_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.errors import CloudError
    from watcher.ledger.port import ClaimQueue
    from watcher.ports import Clock
    from watcher.registration.call import BatchCaller, Group, Policy
    from watcher.registration.give_up import GiveUp
    from watcher.registration.work_signal import WorkSignal

_POLL_S = 0.05  # how often a run with nothing due looks for what the listing found meanwhile


class RegistrationWorker:
    """Register what is due until nothing is, or until calls make no sense."""

    def __init__(
        self,
        queue: ClaimQueue,
        calling: BatchCaller,
        *,
        groups: Sequence[Group],
        describe: Callable[[Entry], Media],
        clock: Clock,
        policy: Policy,
        give_up: GiveUp,
        max_bytes: Callable[
            [], int | None
        ],  # of RegisterMetadatas in the next call; None = no limit
        progress: Callable[[RegisterReport], None],  # called after each call
        calls: Callable[[], int],  # RegisterMedia calls made so far
    ) -> None:
        self._queue = queue
        self._calling = calling
        self._breakers = calling.breakers
        self._groups = list(groups)
        self._describe = describe
        self._clock = clock
        self._policy = policy
        self._give_up = give_up
        self._max_bytes = max_bytes
        self._progress = progress
        self._calls = calls
        self._failed: dict[
            str, set[str]
        ] = {}  # by bucket: keys that failed in this run, perhaps by the bucket's fault
        self._abandoned = False
        self.gave_up = False  # because nothing was decided for too long
        self.report = RegisterReport()

    def run(self, listing_ended: Callable[[], bool]) -> RegisterReport:
        """Register until listing has ended and no attempt is due soon, or give up.

        Return the totals.
        """

        def ended() -> bool:
            if not listing_ended():
                return False
            self._give_up.begin()
            return True

        def idle(*, ended: bool) -> bool:
            return self._wait_for_more() if ended else not self._clock.wait(_POLL_S)

        return self._work(ended, idle)

    def serve(self, arrivals: WorkSignal) -> RegisterReport:
        """Register what is queued and what is found, until asked to stop; return the totals."""

        def idle(*, ended: bool) -> bool:
            return not (arrivals.wait(self._clock) if ended else self._clock.wait(_POLL_S))

        return self._work(arrivals.suffice, idle)

    def _work(self, part_filled: Callable[[], bool], idle: Callable[..., bool]) -> RegisterReport:
        """Make calls until asked to stop, or until `idle` returns False when nothing is due.

        `part_filled` returns whether a call may carry less than it could.  It is asked before
        claiming, so that what was listed last is seen then.
        """
        flying: set[Future[Settled]] = set()
        with (
            _loaded_objects_frozen(),
            ThreadPoolExecutor(
                self._policy.concurrent_calls, thread_name_prefix="register"
            ) as pool,
        ):
            while not self._clock.wait(0) and not self._abandoned:
                landed = {future for future in flying if future.done()}
                flying -= landed
                for future in landed:
                    self._count(future.result())
                now_part_filled = part_filled()
                if self._gives_up():
                    break
                if len(flying) >= (1 if self._breakers.is_open else self._policy.concurrent_calls):
                    wait(flying, return_when=FIRST_COMPLETED)
                elif claimed := self._claim(part_filled=now_part_filled):
                    flying.add(pool.submit(self._calling.run, *claimed))
                elif flying:
                    wait(flying, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                elif not idle(ended=now_part_filled):
                    break
            for future in flying:
                self._count(future.result())
        self.report.register_calls = self._calls()
        return self.report

    def abandon(self) -> None:
        """Make no further call: something else went wrong that a person must see."""
        self._abandoned = True

    def _gives_up(self) -> bool:
        self.gave_up = self.gave_up or self._give_up.is_over
        return self.gave_up

    def _wait_for_more(self) -> bool:
        """Wait for the next attempt if it is near; return False if it makes no sense to."""
        if self._gives_up():
            return False
        until_s = min((self._until_s(group) for group in self._groups), default=math.inf)
        if math.isinf(until_s) or until_s > self._policy.patience_s:
            return False
        if until_s <= 0:  # due, and yet not claimed: not as a probe of what stands still
            for group in self._groups:
                self._breakers.no_probe_left(group.bucket)
        self._clock.wait(min(max(until_s, _POLL_S), 1.0))
        return True

    def _until_s(self, group: Group) -> float:
        """Return how long until the next call of a group; infinity if this run makes none."""
        next_due_at = self._queue.next_due_at(group.bucket, group.watches)
        if next_due_at is None or not self._breakers.may_call(group.bucket):
            return math.inf
        return max((next_due_at - self._clock.now_ms()) / 1000, self._breakers.rest_s(group.bucket))

    @property
    def error(self) -> CloudError | None:
        """What stopped calls, or why nothing was decided at last, if entries wait for it."""
        waiting = [
            group.bucket
            for group in self._groups
            if self._queue.next_due_at(group.bucket, group.watches) is not None
        ]
        gave_up = self._give_up.error() if self.gave_up and waiting else None
        return self._breakers.error(waiting, waiting=bool(waiting)) or gave_up

    def _claim(self, *, part_filled: bool) -> tuple[Group, Claim, float] | None:
        """Claim for the next group that has something due; groups take turns, call by call."""
        now_ms, begun = self._clock.now_ms(), self._clock.monotonic()
        for group in self._groups:
            admission = self._breakers.admit(group.bucket)
            if admission is Admission.NONE:
                continue
            ready = part_filled or admission is not Admission.CALL
            claim = self._queue.claim(
                group.bucket,
                group.watches,
                choose=partial(self._choose, part_filled=ready),
                now_ms=now_ms,
                horizon_ms=now_ms + self._policy.max_delay_ms,
                probe=admission is Admission.PROBE_ALONE,
            )
            if claim:
                self._breakers.call_claimed(group.bucket)
                self._groups.remove(group)
                self._groups.append(group)
                return group, claim, begun
        return None

    def _choose(self, due: Sequence[Entry], *, part_filled: bool) -> Sequence[Entry]:
        """Return which of the due entries go now: together, as many as one call carries."""
        if due[0].attempts or (len(due) == 1 and due[0].unmentioned):
            return due[:1]
        due, all_due = [entry for entry in due if not entry.unmentioned], due
        part_filled = part_filled or len(due) < len(all_due)  # an entry that goes alone comes next
        media = [self._describe(entry) for entry in due]
        unsendable = [entry for entry, item in zip(due, media, strict=True) if too_long(item)]
        if unsendable:
            return unsendable
        room = batch_size(media, max_bytes=self._max_bytes())
        return due[:room] if room < len(due) or room == MAX_ITEMS or part_filled else ()

    def _count(self, settled: Settled) -> None:
        report = self.report
        report.registered += settled.registered
        report.already_registered += settled.already_registered
        failed = self._failed.setdefault(settled.bucket, set())
        report.failed += len(settled.failed) - len(failed.intersection(settled.restored))
        failed.difference_update(failed.copy() if settled.registered else settled.restored)
        failed |= {
            key
            for key, reason, _ in settled.failed
            if reason in {Failure.REFUSED, Failure.BAD_REQUEST}
        }
        report.register_calls = self._calls()
        self._progress(report)


@contextmanager
def _loaded_objects_frozen() -> Iterator[None]:
    """Keep the garbage collector off the objects that exist now while the block runs.

    Modules, classes and the configuration stay for good.  To look through them takes a tenth of
    what calls cost.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
