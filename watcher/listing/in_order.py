"""A listing page after page, in the order of the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import CloudError, StartAfterIgnored
from watcher.listing.parallel import STUCK_CURE, Piece
from watcher.listing.plan import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.listing.asking import Asking
    from watcher.model import Page
    from watcher.ports import Answer


def pages_in_order(asking: Asking, *, by_token: bool = False) -> Iterator[Page]:
    """Yield the pages from the front; ends early, without a last page, if the process is stopping.

    Goes on behind the last key, as a token may expire while a page is waited for; with `by_token`, or where keys
    cannot tell, by the token.

    Raises:
        CloudError: a page could not be had, or the listing does not advance; what was yielded is true.
    """
    last_key, token, in_any_case = "", "", ""
    while True:
        start_after = "" if token else last_key
        try:
            page = asking.ask(_page, start_after=start_after, token=token, max_keys=PAGE_SIZE)
        except StartAfterIgnored:
            if not in_any_case or token:
                raise
            by_token, token = True, in_any_case
            continue
        if page is None:
            return
        if page.objects.keys and page.objects.keys[0] <= last_key:
            raise CloudError(f"the listing does not advance after {last_key!r}", hint=STUCK_CURE)
        yield page
        if page.is_last:
            return
        is_stuck = bool(token) and page.token == token
        last_key, in_any_case = page.last_key or last_key, page.token
        token = page.token if by_token else page.next_token
        if is_stuck or not (token or page.last_key):
            raise CloudError(f"the listing does not advance after {last_key!r}", hint=STUCK_CURE)


def pieces_in_order(asking: Asking) -> Iterator[Piece]:
    """Yield the listing from the front as pieces, by tokens; see `pages_in_order`."""
    lo, not_utf8 = "", 0
    for page in pages_in_order(asking, by_token=True):
        not_utf8 += len(page.not_utf8)
        if page.last_key or page.is_last:
            hi = None if page.is_last else page.last_key
            yield Piece(lo=lo, hi=hi, at=page.at, objects=page.objects, not_utf8=not_utf8, is_last_waiting=True)
            lo, not_utf8 = hi or lo, 0


def _page(answer: Answer) -> Page:
    return answer.page()
