"""A bucket's listing: by ranges of keys, several at once, or page after page.

plan       what is left, and where to cut        ahead    what was remembered becomes a plan
parallel   several requests at once              asking   one request, tried again     in_order   page after page
"""

from watcher.listing.ahead import Trust, intervals, within
from watcher.listing.asking import Asking
from watcher.listing.in_order import pages_in_order, pieces_in_order
from watcher.listing.parallel import Piece, RangeListing
from watcher.listing.plan import PAGE_SIZE

__all__ = [
    "PAGE_SIZE",
    "Asking",
    "Piece",
    "RangeListing",
    "Trust",
    "intervals",
    "pages_in_order",
    "pieces_in_order",
    "within",
]
