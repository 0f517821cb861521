"""Register what is queued: claim entries, make calls, settle the answers.

A claim is committed before its call is made.
"""

from __future__ import annotations

import gc
import math
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.errors import CloudError
    from watcher.model import Settled
    from watcher.model.reports import RegisterReport
    from watcher.ports import Clock
    from watcher.registration.admission import Admissions
    from watcher.registration.call import BatchCaller, Policy
    from watcher.registration.claimer import Claimer
    from watcher.registration.give_up import GiveUp
    from watcher.registration.run_tally import RunTally
    from watcher.registration.verdict import Verdicts
    from watcher.registration.work_signal import WorkSignal

_POLL_S: Final = 0.05  # how often a run with nothing due looks for what the listing found meanwhile


class RegistrationWorker:
    """Register what is due until nothing is, or until calls make no sense."""

    def __init__(
        self,
        claimer: Claimer,
        caller: BatchCaller,
        *,
        admissions: Admissions,
        verdicts: Verdicts,
        clock: Clock,
        policy: Policy,
        give_up: GiveUp,
        tally: RunTally,
    ) -> None:
        self._claimer = claimer
        self._caller = caller
        self._admissions = admissions
        self._verdicts = verdicts
        self._clock = clock
        self._policy = policy
        self._give_up = give_up
        self._tally = tally
        self._in_flight: set[Future[Settled]] = set()
        self._abandoned = False
        self.gave_up = False  # because nothing was decided for too long

    @property
    def report(self) -> RegisterReport:
        """The totals so far."""
        return self._tally.report

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

    def abandon(self) -> None:
        """Make no further call: something else went wrong that a person must see."""
        self._abandoned = True

    @property
    def error(self) -> CloudError | None:
        """The error that stopped calls, or why the run gave up, if entries wait."""
        waiting = self._claimer.waiting()
        gave_up = self._give_up.error() if self.gave_up and waiting else None
        return self._verdicts.error(waiting) or gave_up

    def _work(self, part_filled: Callable[[], bool], idle: Callable[..., bool]) -> RegisterReport:
        """Make calls until asked to stop, or until `idle` returns False when nothing is due.

        `part_filled` returns whether a call may carry less than it could.  It is asked before
        claiming, so that what was listed last is seen then.
        """
        with _loaded_objects_frozen(), self._pool() as pool:
            while not self._clock.wait(0) and not self._abandoned:
                self._count_ended()
                now_part_filled = part_filled()
                if self._gives_up():
                    break
                is_busy = self._make_call(pool, part_filled=now_part_filled)
                if not is_busy and not idle(ended=now_part_filled):
                    break
            wait(self._in_flight)
            self._count_ended()
        self._tally.count_calls()
        return self.report

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._policy.concurrent_calls, thread_name_prefix="register")

    def _make_call(self, pool: ThreadPoolExecutor, *, part_filled: bool) -> bool:
        """Make a call if one can begin, else wait for one in flight; return False if none is."""
        most = 1 if self._admissions.one_at_a_time else self._policy.concurrent_calls
        if len(self._in_flight) >= most:
            wait(self._in_flight, return_when=FIRST_COMPLETED)
        elif claimed := self._claimer.claim(part_filled=part_filled):
            self._in_flight.add(pool.submit(self._caller.run, *claimed))
        elif self._in_flight:
            wait(self._in_flight, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        else:
            return False
        return True

    def _count_ended(self) -> None:
        ended = {future for future in self._in_flight if future.done()}
        self._in_flight -= ended
        for future in ended:
            self._tally.count(future.result())

    def _gives_up(self) -> bool:
        self.gave_up = self.gave_up or self._give_up.is_over
        return self.gave_up

    def _wait_for_more(self) -> bool:
        """Wait a second at most for the next retry; return False if the run ends instead."""
        if self._gives_up():
            return False
        until_s = self._claimer.until_s()
        if math.isinf(until_s) or until_s > self._policy.patience_s:
            return False
        if until_s <= 0:  # due, and yet not claimed
            self._claimer.no_probe_left()
        self._clock.wait(min(max(until_s, _POLL_S), 1.0))
        return True


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
