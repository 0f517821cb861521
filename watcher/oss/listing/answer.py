"""One ListObjectsV2 answer, unparsed until asked."""

from __future__ import annotations

import hashlib
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING

from watcher.errors import CloudError, StartAfterIgnored
from watcher.oss.error_codes import BAD_BODY, NOT_OSS, as_cloud_error
from watcher.oss.listing.columns import CLOSE
from watcher.oss.listing.fast import envelope_of, listed_span, read_page
from watcher.oss.listing.xml import answered_at
from watcher.rules.backoff import asked_rest_s

if TYPE_CHECKING:
    from watcher.model import Page
    from watcher.oss.transport import Received

_MOST_REST_S = 30.0  # between two requests, whatever OSS asks for


class OssListAnswer:
    """`ports.ListAnswer` over a body held in memory.

    Raises:
        CloudError: the answer has no `Date`.
    """

    def __init__(self, received: Received, *, bucket: str, start_after: str) -> None:
        self._body = received.body
        self._bucket = bucket
        self._start_after = start_after
        self._start, self._end = listed_span(received.body)
        self._listed: int | None = None  # number of objects, once parsed
        self.n_bytes = len(received.body)
        self.requests = 1
        self.asked_rest_s = min(asked_rest_s(received.headers), _MOST_REST_S)
        try:
            self.at = answered_at(received.headers)
        except BAD_BODY:
            raise _without_date(received.body, bucket) from None

    def page(self) -> Page:
        """See `ports.ListAnswer.page`."""
        try:
            page = read_page(self._body, at=self.at)
        except BAD_BODY as error:
            raise as_cloud_error(error, bucket=self._bucket) from None
        keys = page.objects.keys
        self._listed = len(keys) + len(page.not_utf8)
        if not all(map(lt, keys, islice(keys, 1, None))):
            raise CloudError(
                f"the listing of bucket {self._bucket} is out of order: its keys do not ascend",
                hint=NOT_OSS,
            )
        if keys and keys[0] <= self._start_after:
            raise StartAfterIgnored(
                f"the listing of bucket {self._bucket} is out of order: it begins before "
                f"{self._start_after!r}",
                hint=NOT_OSS,
            )
        return page

    def digest(self, n: int) -> tuple[int, bytes]:
        """See `ports.ListAnswer.digest`."""
        if n == self._listed:
            return self._end - self._start, self._sha256(self._end)
        end = self._start
        for _ in range(n):
            found = self._body.find(CLOSE, end)
            if found < 0:
                raise ValueError(f"fewer than {n} objects are listed")
            end = found + len(CLOSE)
        return end - self._start, self._sha256(end)

    def repeats(self, n_bytes: int, digest: bytes, *, n: int, to_the_end: bool) -> bool:
        """See `ports.ListAnswer.repeats`."""
        end = self._start + n_bytes
        if end > self._end or self._sha256(end) != digest:
            return False
        envelope = envelope_of(self._body, self._start, self._end)
        if envelope is None:
            return False
        return not to_the_end or (end == self._end and envelope.is_last and envelope.key_count == n)

    def _sha256(self, end: int) -> bytes:
        return hashlib.sha256(memoryview(self._body)[self._start : end]).digest()


def _without_date(body: bytes, bucket: str) -> CloudError:
    """Return our error for an answer without a valid `Date`, or of a body that is no listing."""
    try:
        read_page(body, at=0)
    except BAD_BODY as error:
        return as_cloud_error(error, bucket=bucket)
    return CloudError(
        f"OSS answered for bucket {bucket} without a `Date` header that can be read", hint=NOT_OSS
    )
