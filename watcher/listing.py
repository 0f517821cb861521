"""A listing, page by page; a page that could not be had is asked for again from where the listing stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import CloudError
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.model import Page
    from watcher.ports import Clock, Source

_TRIES = 5  # of one page
_FIRST_MS = 1_000
_LONGEST_MS = 60_000
_PATIENCE_S = 30.0  # with one page


class Listing:
    """Yields pages, waits out what passes by itself, and counts its calls."""

    def __init__(
        self,
        source: Source,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        pace: Callable[[float], bool] = lambda _rest_s: True,
    ) -> None:
        self._source = source
        self._clock = clock
        self._jitter = jitter
        self._pace = pace  # waits until the next call may be made, at least so many seconds; False: no more
        self.calls = 0

    def pages(self, *, start_after: str = "") -> Iterator[Page]:
        """Yield the pages behind `start_after`; ends early, without a last page, if the process is stopping.

        Raises:
            CloudError: a page could not be had; what was yielded before is still true.
        """
        marker, token, tries, since, rest_s = start_after, "", 0, self._clock.monotonic(), 0.0
        while self._pace(rest_s):
            self.calls += 1
            try:
                answer = self._source.list_objects(start_after=marker, token=token)
                rest_s, page = answer.asked_rest_s, answer.page()
            except CloudError as error:
                tries += 1
                again_s = self._rest_s(error, tries)
                hopeless = tries == _TRIES or self._clock.monotonic() - since + again_s > _PATIENCE_S
                if not error.transient or hopeless or self._clock.wait(again_s):
                    raise
                continue
            yield page
            if page.is_last or self._clock.wait(0):
                return
            if not page.next_token and not page.last_key:
                raise CloudError(f"the listing of bucket {self._source.bucket} does not advance after {marker!r}")
            marker, token, tries, since = page.last_key or marker, page.next_token, 0, self._clock.monotonic()

    def _rest_s(self, error: CloudError, tries: int) -> float:
        asked_ms = int(error.retry_after_s * 1000)
        rest_ms = delay_ms(
            tries, first_ms=_FIRST_MS, max_ms=_LONGEST_MS, jitter=self._jitter(), retry_after_ms=asked_ms
        )
        return rest_ms / 1000
