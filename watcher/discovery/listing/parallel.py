"""Ranges of keys, several at once: each key is covered once, and ranges come in any order."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from watcher.discovery.listing.cutting import Fetched, pieces_of_page
from watcher.discovery.listing.plan import Interval, Plan
from watcher.discovery.listing.sequential import STUCK_HINT
from watcher.discovery.listing.tuning import DEFAULT_TUNING
from watcher.discovery.pieces import Piece
from watcher.errors import CloudError
from watcher.model import Objects, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.discovery.listing.pager import Pager
    from watcher.discovery.listing.tuning import ListingTuning
    from watcher.model import Range
    from watcher.ports import Clock, ListAnswer, Source


class RangeListing:
    """Lists the ranges of a plan, with as many requests at once as the service bears."""

    def __init__(
        self,
        source: Source,
        pager: Pager,
        *,
        concurrency: int,
        digests: bool,
        clock: Clock,
        lowered: Callable[[int], None],
        tuning: ListingTuning = DEFAULT_TUNING,
    ) -> None:
        self._source = source
        self._pager = pager
        self._most = concurrency
        self._digests = digests  # whether pieces are to be recognised by the next scan
        self._clock = clock
        self._lowered = lowered  # called with the number of requests at once, when it falls
        self._tuning = tuning
        self._plan = Plan(iter(()), prefix=source.prefix, tuning=tuning)
        self._landed: SimpleQueue[tuple[Interval, str, Future[Fetched | None]]] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._unfinished: list[Interval] = []
        self._in_flight = 0
        self._alone = 1  # requests that are made before there are several at once
        self._together = float(concurrency)
        self._complaints = 0
        self._lowered_at = float("-inf")
        self.is_complete = False

    def pieces(self, unlisted: Iterator[Interval]) -> Iterator[Piece]:
        """Yield the pieces of all ranges of the plan.

        A stop request ends them early, and the listing is then not complete.

        Raises:
            StartAfterIgnored: the service does not list behind a given key.
            CloudError: some keys could not be listed. All pieces before the error are true.
        """
        self._plan = Plan(unlisted, prefix=self._source.prefix, tuning=self._tuning)
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
                self._send_all()
            if not self._in_flight:
                break
            interval, lo, landed = self._landed.get()
            self._in_flight -= 1
            try:
                fetched = landed.result()
            except CloudError as failure:
                error = error or failure
                continue
            finally:
                self._adapt()
            if fetched is None:  # the process is stopping
                self._unfinished.append(interval)
                continue
            pieces = self._pieces_of(interval, lo, fetched)
            if self._limit > 1 and not stopping:
                self._send_all()  # before the consumer works on the pieces
            yield from pieces
        if error:
            raise error
        self.is_complete = not self._unfinished and self._plan.is_done

    # Requests

    def _send_all(self) -> None:
        """Send requests up to the limit, as far as there are ranges for them."""
        while self._in_flight < self._limit:
            interval = self._unfinished.pop() if self._unfinished else self._next()
            if interval is None:
                return
            if self._send(interval):  # its answer decides whether another request is worth it
                return

    @property
    def _limit(self) -> int:
        if self._pager.calls < self._alone:
            return 1
        tuning = self._tuning
        useful = tuning.always_together + self._pager.quickest_s / tuning.page_work_s
        return max(1, int(min(self._together, useful)))

    def _next(self) -> Interval | None:
        alone = self._tuning.requests_alone
        interval = self._plan.next(cutting=self._most > 1 and self._pager.calls >= alone)
        if interval and not self._pager.calls and interval.expected is None:
            self._alone = alone
        return interval

    def _send(self, interval: Interval) -> bool:
        """Ask for a range; return whether its answer is here already, as with one at a time."""
        lo, is_alone = interval.lo, self._limit == 1
        self._in_flight += 1
        if not is_alone:
            self._pool = self._pool or ThreadPoolExecutor(self._most, thread_name_prefix="list")
            future = self._pool.submit(self._fetch, lo, interval.known)
            future.add_done_callback(lambda landed: self._landed.put((interval, lo, landed)))
            return False
        landed: Future[Fetched | None] = Future()
        try:
            landed.set_result(self._fetch(lo, interval.known))
        except CloudError as error:
            landed.set_exception(error)
        self._landed.put((interval, lo, landed))
        return True

    def _fetch(self, lo: str, known: Range | None) -> Fetched | None:
        """Return what is listed above `lo`; None if the process is stopping."""

        def read(answer: ListAnswer) -> Fetched:
            page = None if known and _repeats(answer, known) else answer.page()
            return Fetched(at=answer.at, answer=answer, page=page)

        fetched = self._pager.ask(read, start_after=lo, max_keys=self._max_keys(known))
        while fetched and fetched.page and _needs_another(fetched.page):
            if not fetched.page.next_token:
                raise CloudError(
                    f"the listing of bucket {self._source.bucket} does not advance after {lo!r}",
                    hint=STUCK_HINT,
                )
            fetched = self._fetch_more(fetched.at, fetched.page)
        return fetched

    def _fetch_more(self, at: int, page: Page) -> Fetched | None:
        """Return a page with the next one; None if the process is stopping."""
        more = self._pager.ask(
            lambda answer: answer.page(),
            token=page.next_token,
            max_keys=self._tuning.page_size,
        )
        return Fetched(at=at, answer=None, page=_joined(page, more)) if more else None

    def _max_keys(self, known: Range | None) -> int:
        """Return how many objects to ask for: with room for a few new ones."""
        if known is None or known.hi is None:
            return self._tuning.page_size
        room = known.listed // self._tuning.spare_objects + 1
        return min(self._tuning.page_size, known.listed + room)

    def _adapt(self) -> None:
        """Halve the requests at once after a throttled answer; otherwise raise them slowly."""
        now, complaints = self._clock.monotonic(), self._pager.throttled
        if complaints == self._complaints:
            self._together = min(self._most, self._together + 1 / self._together)
        elif now - self._lowered_at >= self._tuning.complaints_apart_s:
            self._lowered_at = now
            before, self._together = int(self._together), max(1.0, self._together / 2)
            if int(self._together) < before:
                self._lowered(int(self._together))
        self._complaints = complaints

    # Pieces

    def _pieces_of(self, interval: Interval, lo: str, fetched: Fetched) -> list[Piece]:
        """Return what was listed of a range, and plan what is left of it."""
        known, interval.known = interval.known, None
        page = fetched.page
        if page is None:
            return [self._repeated(interval, lo, fetched.at, known)]
        is_done = self._plan.advance(
            interval, page.objects.keys, last_key=page.last_key, is_last=page.is_last
        )
        if not is_done:
            self._unfinished.append(interval)
        pieces = pieces_of_page(
            lo,
            interval.hi if is_done else interval.lo,
            fetched,
            page,
            in_two=known is not None and not is_done,
            digests=self._digests,
        )
        pieces[0] = replace(pieces[0], was_known=known is not None)
        pieces[-1] = replace(pieces[-1], is_last_waiting=self._is_last_waiting)
        return pieces

    def _repeated(self, interval: Interval, lo: str, at: int, known: Range | None) -> Piece:
        """Return a range that is as it was remembered."""
        self._plan.repeated(interval, known.listed if known else 0)
        return Piece(
            lo=lo,
            hi=interval.hi,
            at=at,
            was_known=True,
            known=known,
            objects=Objects.of(()),
            is_last_waiting=self._is_last_waiting,
        )

    @property
    def _is_last_waiting(self) -> bool:
        is_quick = self._pager.quickest_s < self._tuning.at_once_s
        next_is_due = self._pager.calls > self._tuning.requests_alone and is_quick
        return self._landed.empty() and not next_is_due


def _needs_another(page: Page) -> bool:
    """Whether a page ends at a place that no key can name."""
    return not page.is_last and (bool(page.next_token) or not page.last_key)


def _repeats(answer: ListAnswer, known: Range) -> bool:
    return answer.repeats(known.n_bytes, known.digest, n=known.listed, to_the_end=known.hi is None)


def _joined(first: Page, then: Page) -> Page:
    return replace(
        then,
        objects=Objects.of((*first.objects, *then.objects)),
        not_utf8=first.not_utf8 + then.not_utf8,
    )
