"""A listing page after page, in the order of the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.discovery.listing.tuning import DEFAULT_TUNING
from watcher.discovery.pieces import Piece
from watcher.errors import CloudError, StartAfterIgnored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.discovery.listing.pager import Pager
    from watcher.model import Page
    from watcher.ports import ListAnswer

STUCK_HINT: Final = (
    "Look for a proxy or a cache between this machine and OSS. If there is none, ask OSS support."
)


def pages_in_order(pager: Pager, *, by_token: bool = False) -> Iterator[Page]:
    """Yield the pages from the front; a stop request ends them without a last page.

    The next page is asked for by the last key, since a token may expire meanwhile. The token is
    used with `by_token`, and where a key cannot name the place.

    Raises:
        CloudError: a page could not be had, or the listing does not advance. The pages before the
            error are true.
    """
    place = _Place(by_token=by_token)
    while True:
        try:
            page = pager.ask(
                _page,
                start_after="" if place.token else place.last_key,
                token=place.token,
                max_keys=DEFAULT_TUNING.page_size,
            )
        except StartAfterIgnored:
            if not place.switch_to_token():
                raise
            continue
        if page is None:
            return
        if page.objects.keys and page.objects.keys[0] <= place.last_key:
            raise _stuck(place.last_key)
        yield page
        if page.is_last:
            return
        if not place.advance(page):
            raise _stuck(place.last_key)


class _Place:
    """The place of the next page: behind the last key, or at a token."""

    def __init__(self, *, by_token: bool) -> None:
        self._by_token = by_token
        self._spare_token = ""  # of the last page, whether it is used or not
        self.last_key = ""
        self.token = ""  # "" = ask by the last key

    def switch_to_token(self) -> bool:
        """Continue with the last page's token; return False if there is none, or it was used."""
        if not self._spare_token or self.token:
            return False
        self._by_token, self.token = True, self._spare_token
        return True

    def advance(self, page: Page) -> bool:
        """Move behind a page; return whether that is another place."""
        is_same = bool(self.token) and page.token == self.token
        self.last_key = page.last_key or self.last_key
        self._spare_token = page.token
        self.token = page.token if self._by_token else page.next_token
        return not is_same and bool(self.token or page.last_key)


def _stuck(last_key: str) -> CloudError:
    return CloudError(f"the listing does not advance after {last_key!r}", hint=STUCK_HINT)


def pieces_in_order(pager: Pager) -> Iterator[Piece]:
    """Yield the listing from the front as pieces, by tokens; see `pages_in_order`."""
    lo, not_utf8 = "", 0
    for page in pages_in_order(pager, by_token=True):
        not_utf8 += len(page.not_utf8)
        if page.last_key or page.is_last:
            hi = None if page.is_last else page.last_key
            yield Piece(
                lo=lo,
                hi=hi,
                at=page.at,
                objects=page.objects,
                not_utf8=not_utf8,
                is_last_waiting=True,
            )
            lo, not_utf8 = hi or lo, 0


def _page(answer: ListAnswer) -> Page:
    return answer.page()
