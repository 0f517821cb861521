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

    def __init__(self, source: Source, *, clock: Clock, jitter: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock
        self._jitter = jitter
        self.calls = 0

    def pages(self, *, start_after: str = "") -> Iterator[Page]:
        """Yield the pages behind `start_after`; ends early, without a last page, if the process is stopping.

        Raises:
            CloudError: a page could not be had; what was yielded before is still true.
        """
        marker, token, tries, since = start_after, "", 0, self._clock.monotonic()
        while True:
            try:
                for page in self._source.pages(start_after=marker, token=token):
                    marker, token, tries = page.last_key or marker, page.next_token, 0
                    self.calls += 1
                    yield page
                    since = self._clock.monotonic()
                    if self._clock.wait(0):
                        return
            except CloudError as error:
                self.calls += 1
                tries += 1
                rest_s = self._rest_s(error, tries)
                hopeless = tries == _TRIES or self._clock.monotonic() - since + rest_s > _PATIENCE_S
                if not error.transient or hopeless or self._clock.wait(rest_s):
                    raise
            else:
                return

    def _rest_s(self, error: CloudError, tries: int) -> float:
        asked_ms = int(error.retry_after_s * 1000)
        rest_ms = delay_ms(
            tries, first_ms=_FIRST_MS, max_ms=_LONGEST_MS, jitter=self._jitter(), retry_after_ms=asked_ms
        )
        return rest_ms / 1000
