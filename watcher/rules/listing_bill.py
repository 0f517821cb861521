"""The cost of listing: OSS bills each request, and all traffic by a public endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
PUBLIC_IS_DEAR_ABOVE: Final = 1_000_000
"""Objects above which a public endpoint gets a warning: 300 MB of billed traffic a scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingBill:
    """The daily cost of listing one watch."""

    calls_per_day: int
    gb_per_day: float  # 10^9 bytes of answers


def bill(*, calls: int, n_bytes: int, took_s: float, starts_per_day: float) -> ListingBill:
    """Return what scans like the last one cost a day.

    Scans of a watch never overlap, so that a day has at most as many as fit into it.

    Args:
        calls: requests of the last complete scan.
        n_bytes: of its answers.
        took_s: how long it took.
        starts_per_day: as scheduled.
    """
    scans = min(starts_per_day, DAY_S / took_s) if took_s > 0 else starts_per_day
    return ListingBill(
        calls_per_day=round(calls * scans), gb_per_day=round(n_bytes * scans / 1e9, 3)
    )


def costly_note(watch: str, listed: int, gb_per_day: float, cheaper_at: str | None) -> str:
    """Return a warning on the traffic by a public endpoint; "" if there is no need."""
    if cheaper_at is None or listed <= PUBLIC_IS_DEAR_ABOVE:
        return ""
    return (
        f'watch "{watch}" lists {listed} objects by a public endpoint, {gb_per_day} GB a day, '
        f'which OSS bills as traffic; from within the region, set endpoint = "{cheaper_at}" '
        "of the watch: there it is free and quicker."
    )


def internal_endpoint(endpoint: str, region: str) -> str | None:
    """Return the endpoint without billed traffic; None if `endpoint` is not the public one."""
    if endpoint.rstrip("/") != f"https://oss-{region}.aliyuncs.com":
        return None
    return f"https://oss-{region}-internal.aliyuncs.com"
