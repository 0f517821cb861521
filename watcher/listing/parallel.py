"""A listing by ranges of keys, several at once: what it yields covers each key once, in whatever order."""

from __future__ import annotations

from bisect import bisect_right
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from watcher.errors import CloudError
from watcher.listing.plan import PAGE_SIZE, Interval, Plan
from watcher.model import Objects, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.listing.asking import Asking
    from watcher.model import Range
    from watcher.ports import Answer, Clock, Source

STUCK_CURE = "Look for a proxy or a cache between this machine and OSS. If there is none, ask OSS support."
_ALONE = 4  # requests to a bucket of unknown size that are made one by one: most buckets end there
_SLACK = 16  # one in so many objects more than remembered is asked for, so that a few new ones cost no second request
_A_PAGE_S = 0.001  # a page and a handing over: where answers come as quickly, more requests get in each other's way
_AT_ONCE_ANYWAY = 1
_AT_ONCE_S = 0.002  # as quickly as that
_COMPLAINTS_APART_S = 1.0  # requests in flight together are one complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What lies above `lo` up to `hi` and with it (None = to the end)."""

    lo: str
    hi: str | None
    at: int  # milliseconds since the epoch: the answer's `Date`
    was_known: bool = False  # whether it is the answer to a range that was remembered by its bytes
    known: Range | None = None  # ... and they are the same
    objects: Objects
    not_utf8: int = 0
    n_bytes: int = 0  # of what was listed, and their SHA-256: see `ports.Answer.digest`
    digest: bytes = b""  # none: it would not prove that the piece is the same
    is_last_waiting: bool = False  # whether no other answer has come meanwhile, or comes at once


@dataclass(frozen=True, slots=True, kw_only=True)
class _Got:
    """What came of one request, or of several where a key gave no place to go on from."""

    at: int
    answer: Answer | None  # None: more than one
    page: Page | None  # None: as remembered


class RangeListing:
    """Lists what a plan says, with as many requests at once as the service bears."""

    def __init__(
        self,
        source: Source,
        asking: Asking,
        *,
        concurrency: int,
        digests: bool,
        clock: Clock,
        lowered: Callable[[int], None],
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._source = source
        self._asking = asking
        self._most = concurrency
        self._digests = digests  # whether pieces are to be recognised another time
        self._clock = clock
        self._lowered = lowered  # told how many requests are made at once from now on
        self._page_size = page_size  # objects asked for at once, at most
        self._plan = Plan(iter(()), prefix=source.prefix)
        self._landed: SimpleQueue[tuple[Interval, str, Future[_Got | None]]] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._goes_on: list[Interval] = []
        self._flying = 0
        self._alone = 1  # requests that are made before there are several at once
        self._together = float(concurrency)
        self._complaints = 0
        self._lowered_at = float("-inf")
        self.is_complete = False

    def pieces(self, ahead: Iterator[Interval]) -> Iterator[Piece]:
        """Yield pieces until the plan is carried out; ends early, not complete, if the process is stopping.

        Raises:
            StartAfterIgnored: the service does not list behind a given key.
            CloudError: something could not be listed; all that was yielded is true.
        """
        self._plan = Plan(ahead, prefix=self._source.prefix, page_size=self._page_size)
        try:
            yield from self._work()
        finally:
            if self._pool:
                self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self) -> Iterator[Piece]:
        error: CloudError | None = None
        while True:
            stopping = error is not None or self._clock.wait(0)
            if not stopping:
                self._send_some()
            if not self._flying:
                break
            interval, lo, landed = self._landed.get()
            self._flying -= 1
            try:
                got = landed.result()
            except CloudError as failure:
                error = error or failure
                continue
            finally:
                self._adapt()
            if got is None:  # the process is stopping
                self._goes_on.append(interval)
                continue
            pieces = self._take(interval, lo, got)
            if self._limit > 1 and not stopping:
                self._send_some()  # before the pieces are worked on
            yield from pieces
        if error:
            raise error
        self.is_complete = not self._goes_on and self._plan.is_done

    # Requests

    def _send_some(self) -> None:
        while self._flying < self._limit:
            interval = self._goes_on.pop() if self._goes_on else self._next()
            if interval is None:
                return
            if self._send(interval):  # what came decides whether there is more to ask for
                return

    @property
    def _limit(self) -> int:
        if self._asking.calls < self._alone:
            return 1
        useful = _AT_ONCE_ANYWAY + self._asking.quickest_s / _A_PAGE_S
        return max(1, int(min(self._together, useful)))

    def _next(self) -> Interval | None:
        interval = self._plan.next(cutting=self._most > 1 and self._asking.calls >= _ALONE)
        if interval and not self._asking.calls and interval.expected is None:
            self._alone = _ALONE
        return interval

    def _send(self, interval: Interval) -> bool:
        """Ask for a range; return whether the answer has landed already, where one at a time is asked for."""
        lo, is_alone = interval.lo, self._limit == 1
        self._flying += 1
        if not is_alone:
            self._pool = self._pool or ThreadPoolExecutor(self._most, thread_name_prefix="list")
            future = self._pool.submit(self._fetch, lo, interval.known)
            future.add_done_callback(lambda landed: self._landed.put((interval, lo, landed)))
            return False
        landed: Future[_Got | None] = Future()
        try:
            landed.set_result(self._fetch(lo, interval.known))
        except CloudError as error:
            landed.set_exception(error)
        self._landed.put((interval, lo, landed))
        return True

    def _fetch(self, lo: str, known: Range | None) -> _Got | None:
        """Return what is listed above `lo`; None if the process is stopping."""

        def read(answer: Answer) -> _Got:
            return _Got(at=answer.at, answer=answer, page=None if known and _repeats(answer, known) else answer.page())

        got = self._asking.ask(read, start_after=lo, max_keys=self._max_keys(known))
        while got and got.page and not got.page.is_last and (token := got.page.next_token or not got.page.last_key):
            if token is True:
                raise CloudError(
                    f"the listing of bucket {self._source.bucket} does not advance after {lo!r}", hint=STUCK_CURE
                )
            more = self._asking.ask(lambda answer: answer.page(), token=token, max_keys=self._page_size)
            got = _Got(at=got.at, answer=None, page=_joined(got.page, more)) if more else None
        return got

    def _max_keys(self, known: Range | None) -> int:
        """Return how many objects to ask for: a few more than remembered, lest a few new ones cost another request."""
        if known is None or known.hi is None:
            return self._page_size
        return min(self._page_size, known.listed + known.listed // _SLACK + 1)

    def _adapt(self) -> None:
        """Make fewer requests at once when the service complained, and slowly more when it did not."""
        now, complaints = self._clock.monotonic(), self._asking.throttled
        if complaints == self._complaints:
            self._together = min(self._most, self._together + 1 / self._together)
        elif now - self._lowered_at >= _COMPLAINTS_APART_S:
            self._lowered_at = now
            before, self._together = int(self._together), max(1.0, self._together / 2)
            if int(self._together) < before:
                self._lowered(int(self._together))
        self._complaints = complaints

    # Pieces

    def _take(self, interval: Interval, lo: str, got: _Got) -> list[Piece]:
        known, interval.known = interval.known, None
        if got.page is None:
            self._plan.repeated(interval, known.listed if known else 0)
            piece = Piece(lo=lo, hi=interval.hi, at=got.at, was_known=True, known=known, objects=Objects.of(()))
            return [replace(piece, is_last_waiting=self._is_last_waiting)]
        page = got.page
        is_done = self._plan.advance(interval, page.objects.keys, last_key=page.last_key, is_last=page.is_last)
        if not is_done:
            self._goes_on.append(interval)
        hi = interval.hi if is_done else interval.lo
        pieces = self._cut(lo, hi, got, page, in_two=known is not None and not is_done)
        pieces[0] = replace(pieces[0], was_known=known is not None)
        pieces[-1] = replace(pieces[-1], is_last_waiting=self._is_last_waiting)
        return pieces

    @property
    def _is_last_waiting(self) -> bool:
        comes_at_once = self._asking.calls > _ALONE and self._asking.quickest_s < _AT_ONCE_S
        return self._landed.empty() and not comes_at_once

    def _cut(self, lo: str, hi: str | None, got: _Got, page: Page, *, in_two: bool) -> list[Piece]:
        """Return the pieces of a page that lie up to `hi`, each ending at a key that is listed, if that can be.

        Only then do the same bytes prove that nothing came behind them; so what is behind the last key is an
        (empty) piece of its own.
        """
        keys = page.objects.keys
        end = len(keys) if hi is None else bisect_right(keys, hi)
        ends = [end // 2] if in_two else []
        if end and hi is not None:
            ends.append(end)
        uptos: list[str | None] = [keys[each - 1] for each in ends]
        if not uptos or uptos[-1] != hi:
            ends.append(end)
            uptos.append(hi)
        pieces, first = [], 0
        for last, upto in zip(ends, uptos, strict=True):
            not_utf8 = sum(1 for raw in page.not_utf8 if raw > lo.encode() and (upto is None or raw <= upto.encode()))
            n_bytes, digest = 0, b""
            if got.answer and self._digests and not first and (last or upto is None):
                n_bytes, digest = got.answer.digest(last + not_utf8)
            pieces.append(
                Piece(
                    lo=lo,
                    hi=upto,
                    at=got.at,
                    objects=page.objects[first:last],
                    not_utf8=not_utf8,
                    n_bytes=n_bytes,
                    digest=digest,
                )
            )
            lo, first = upto or "", last
        return pieces


def _repeats(answer: Answer, known: Range) -> bool:
    return answer.repeats(known.n_bytes, known.digest, n=known.listed, to_the_end=known.hi is None)


def _joined(first: Page, then: Page) -> Page:
    return replace(then, objects=Objects.of((*first.objects, *then.objects)), not_utf8=first.not_utf8 + then.not_utf8)
