"""The times in signatures, and how far from the services' clock they may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from watcher.sandbox.account import MAX_SKEW_S
from watcher.sandbox.oss.answers import OssRefused, second_text

ISO_BASIC: Final = "%Y%m%dT%H%M%SZ"  # of x-oss-date
_MISSING: Final = "0002-00000503"
_MALFORMED: Final = "0002-00000502"


def iso_time(text: str) -> datetime:
    """Return the instant of `20261201T031148Z`.

    Raises:
        OssRefused: it has another form.
    """
    try:
        return datetime.strptime(text, ISO_BASIC).replace(tzinfo=UTC)
    except ValueError:
        raise _no_date(_MALFORMED) from None


def http_time(text: str) -> datetime:
    """Return the instant of `Tue, 01 Dec 2026 03:11:48 GMT`.

    Raises:
        OssRefused: it is missing, or has another form.
    """
    if not text:
        raise _no_date(_MISSING)
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)  # it is always GMT
    except ValueError:
        raise _no_date(_MALFORMED) from None


def check_skew(signed_at: datetime, now: datetime) -> None:
    """Check the time of a signature in a header.

    Raises:
        OssRefused: it is too far from the services' clock.
    """
    if abs((now - signed_at).total_seconds()) > MAX_SKEW_S:
        message = "The difference between the request time and the current time is too large."
        raise OssRefused(
            403, "RequestTimeTooSkewed", message,
            MaxAllowedSkewMilliseconds=str(MAX_SKEW_S * 1000),
            RequestTime=second_text(signed_at), ServerTime=second_text(now),
        )  # fmt: skip


def check_expiry(expires_at: datetime, now: datetime, *, ec: str) -> None:
    """Check the end of a signed URL.

    Raises:
        OssRefused: the URL has expired.
    """
    if now > expires_at:
        raise OssRefused(
            403, "AccessDenied", "Request has expired.", ec=ec,
            Expires=second_text(expires_at), ServerTime=second_text(now),
        )  # fmt: skip


def check_begin(signed_at: datetime, now: datetime, *, ec: str) -> None:
    """Check the beginning of a signed URL.

    Raises:
        OssRefused: the URL is not valid yet.
    """
    if signed_at - now > timedelta(seconds=MAX_SKEW_S):
        raise OssRefused(
            403, "AccessDenied", "Request is not valid yet.", ec=ec,
            RequestTime=second_text(signed_at), ServerTime=second_text(now),
        )  # fmt: skip


def _no_date(ec: str) -> OssRefused:
    return OssRefused(403, "AccessDenied", "OSS authentication requires a valid Date.", ec=ec)
