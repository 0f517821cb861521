"""The figures of the listing, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTuning:
    """How a bucket is listed. Measured figures are in docs and in the bench."""

    page_size: int = 1000
    """Objects that one request asks for. OSS returns no more; its own default of 100 costs ten
    times the requests."""

    requests_alone: int = 4
    """Requests to a bucket of unknown size that are made one by one. Most buckets end there, and a
    cut would only cost them more requests."""

    spare_objects: int = 16
    """For every so many remembered objects a request asks for one more. A few new objects then
    cost no second request."""

    page_work_s: float = 0.001
    """Time that one page keeps this process busy. More requests at once than answers take such
    times only get in each other's way."""

    always_together: int = 1
    """Requests at once that are useful however quick the answers are."""

    at_once_s: float = 0.002
    """Answers that come as quickly as this are due at once: wait for the next one and write both
    in one commit."""

    complaints_apart_s: float = 1.0
    """Throttled answers within this time are one complaint: their requests were in flight
    together."""

    pages_worth_cutting: int = 2
    """Pages that must be left in a range before a cut saves more time than its request costs."""

    probes: int = 16
    """Requests that may find nothing, so that the first cuts of any bucket can be tried."""

    most_probes_by_page: int = 60
    """One more such request is allowed for each full page, up to this many."""

    pages_a_probe: int = 40
    """Beyond that, one more is allowed for so many pages: 2.5 % in a large bucket."""

    levels: int = 24
    """Separators and digits in the common beginning of the first keys where a cut is tried. The
    keys of dates and counters have no more."""

    keys_a_sample: int = 128
    """One key in so many is searched for unknown characters. All keys would cost more than the
    cuts gain."""

    small_share: float = 0.8
    """Neighbouring ranges that together hold at most this share of a page become one request. The
    rest is room for new objects."""

    ranges_together: int = 32
    """Ranges that are listed as one where none is trusted by its bytes. Their pages are cut again
    and are full."""

    ranges_before_judging: int = 32
    """Remembered ranges that are asked for before their changes are judged."""

    mostly_same: float = 0.7
    """Share of the ranges that must be the same. Below it the digests cost more than they save."""

    tries: int = 5
    """Tries of one page."""

    first_delay_ms: int = 1_000
    """Delay bound after the first failed try."""

    max_delay_ms: int = 60_000
    """Longest delay between two tries."""

    give_up_after_s: float = 30.0
    """Time for one page with all its delays. The next scan resumes a listing that gave up."""


DEFAULT_TUNING: Final = ListingTuning()
