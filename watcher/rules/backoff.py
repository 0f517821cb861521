"""How long to wait before the next attempt."""

from __future__ import annotations

_DOUBLINGS = 64  # any delay, doubled as often, is beyond every limit


def delay_ms(attempt: int, *, first_ms: int, max_ms: int, jitter: float, retry_after_ms: int = 0) -> int:
    """Return how long to wait after failed attempt number `attempt`, in milliseconds.

    "Full jitter": uniform between zero and a doubling bound, so that what failed together does not come back
    together.  What the service asked for is waited at least, as far as the limit allows.

    Args:
        attempt: how many attempts have failed so far; the first is 1.
        first_ms: the bound after the first.
        max_ms: the limit, whatever else is given.
        jitter: a number drawn by the caller from [0, 1).
        retry_after_ms: what the service asked for; 0 = nothing.

    Returns:
        From zero to `max_ms`.

    Raises:
        ValueError: `attempt` is below 1, or `jitter` is outside [0, 1).

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if attempt < 1:
        raise ValueError(f"attempt must be 1 or more, got {attempt}")
    if not 0 <= jitter < 1:
        raise ValueError(f"jitter must be in [0, 1), got {jitter}")
    bound = min(max_ms, first_ms << min(attempt - 1, _DOUBLINGS))
    return min(max_ms, max(int(bound * jitter), retry_after_ms))
