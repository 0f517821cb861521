"""How long to wait before the next attempt."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOO_MANY_DIGITS = 10  # for a number of seconds: longer than any wait
_DOUBLINGS = 64  # any delay, doubled as often, is beyond every limit


def delay_ms(
    attempt: int, *, first_ms: int, max_ms: int, jitter: float, retry_after_ms: int = 0
) -> int:
    """Return how long to wait after failed attempt number `attempt`, in milliseconds.

    "Full jitter": uniform between zero and a doubling bound. Requests that failed together are then
    not repeated together. The delay is at least what the service asked for, up to the limit.

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


def asked_rest_s(headers: Mapping[str, str]) -> float:
    """Return for how many seconds a service asks for no request; 0 = for none, or unreadable.

    `Retry-After` holds seconds or an instant (RFC 9110), OSS's `x-oss-qos-delay-time` milliseconds.
    """
    retry_after = headers.get("Retry-After", "").strip()
    rest_s = _number(retry_after) or _until_s(retry_after, headers.get("Date", ""))
    return max(rest_s, _number(headers.get("x-oss-qos-delay-time", "").strip()) / 1000)


def _number(text: str) -> float:
    if not (text.isascii() and text.isdecimal()):
        return 0.0
    return float(text) if len(text) < _TOO_MANY_DIGITS else float("9" * _TOO_MANY_DIGITS)


def _until_s(instant: str, now: str) -> float:
    try:
        return max(
            0.0, (parsedate_to_datetime(instant) - parsedate_to_datetime(now)).total_seconds()
        )
    except (TypeError, ValueError, LookupError, ArithmeticError):
        return 0.0
