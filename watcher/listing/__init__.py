"""A bucket's listing: by ranges of keys, several at once, or page after page.

plan       what is left, and where to cut        ahead    what was remembered becomes a plan
parallel   several requests at once              asking   one request, tried again     in_order   page after page
snapshots  what was there at an instant, in no order
"""

from watcher.listing.ahead import Trust, intervals, within
from watcher.listing.asking import Asking
from watcher.listing.in_order import pages_in_order, pieces_in_order
from watcher.listing.parallel import Piece, RangeListing
from watcher.listing.plan import PAGE_SIZE
from watcher.listing.snapshots import pieces_of_snapshot

__all__ = [
    "PAGE_SIZE",
    "Asking",
    "Piece",
    "RangeListing",
    "Trust",
    "intervals",
    "pages_in_order",
    "pieces_in_order",
    "pieces_of_snapshot",
    "within",
]
