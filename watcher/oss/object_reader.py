"""Objects of a bucket as byte streams that survive a lost connection."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import requests
import urllib3

from watcher.errors import AccountRefused, CloudError, CredentialsMissing
from watcher.oss.error_codes import BAD_ANSWER, BAD_BODY, as_cloud_error
from watcher.oss.listing.xml import answered_at
from watcher.oss.refusals import Refusal
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    import oss2

    from watcher.ports import Clock

TRIES = 5  # in a row, without a byte received
_FIRST_MS = 1_000
_LONGEST_MS = 60_000
_CURES = {
    "NoSuchKey": "Check the address; a lifecycle rule may have deleted the object.",
    "PreconditionFailed": "The object was replaced while it was read: run the command again.",
    "InvalidObjectState": "The object is archived: restore it, then run the command again.",
}
_BUCKET_CURES = {
    "NoSuchBucket": "Correct the address in --list-manifest-from: there is no such bucket.",
    "InvalidBucketName": (
        "Correct the address in --list-manifest-from: no bucket can have this name."
    ),
    "AccessDenied": "Grant oss:GetObject on acs:oss:*:*:BUCKET/* to the RAM user or role.",
}
_OTHER_REGION = (
    "Name an inventory in the region of the watch: requests go to `endpoint` of the watch."
)


class ObjectReader:
    """Opens objects of one bucket. Threads may share it."""

    def __init__(self, client: oss2.Bucket, *, clock: Clock, jitter: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self.requests = 0
        self.n_bytes = 0  # received so far, of all objects
        self.bucket: str = client.bucket_name

    def open(self, key: str) -> ObjectBody:
        """Return the object's bytes as a stream. The caller closes it.

        Raises:
            CloudError: the object could not be read; `code` is "NoSuchKey" if it is missing.
        """
        return ObjectBody(self, key)

    def get(self, key: str, first: int, etag: str) -> oss2.models.GetObjectResult:
        """Return one answer from byte `first` on, of the object with this ETag ("" = any).

        Raises:
            CloudError: no good answer came.
        """
        headers = {"If-Match": f'"{etag}"'} if etag else None
        self.count(requests=1)
        try:
            return self._client.get_object(
                key, byte_range=(first, None) if first else None, headers=headers
            )
        except CredentialsMissing as error:  # the command began with credentials
            raise AccountRefused(str(error), hint=error.hint) from None
        except (Refusal, *BAD_ANSWER) as error:
            self._client.session.drop()
            raise self._fault(key, error) from None

    def count(self, *, requests: int = 0, n_bytes: int = 0) -> None:
        """Add to the totals of all streams."""
        with self._lock:
            self.requests += requests
            self.n_bytes += n_bytes

    def close(self) -> None:
        """Close the connections."""
        self._client.session.session.close()

    def wait_before_retry(self, error: CloudError, tries: int) -> None:
        """Wait before the next try.

        Raises:
            CloudError: `error` itself, if it is permanent, if `tries` are used up, or if the
                process is stopping.
        """
        asked_ms = int(error.retry_after_s * 1000)
        rest_ms = delay_ms(
            tries,
            first_ms=_FIRST_MS,
            max_ms=_LONGEST_MS,
            jitter=self._jitter(),
            retry_after_ms=asked_ms,
        )
        if not error.transient or tries == TRIES or self._clock.wait(rest_ms / 1000):
            raise error

    def _fault(self, key: str, error: Exception) -> CloudError:
        fault = as_cloud_error(error, bucket=self.bucket, endpoint=self._client.endpoint)
        facts: dict[str, Any] = {"code": fault.code, "request_id": fault.request_id}
        if fault.code in _BUCKET_CURES:
            hint = _BUCKET_CURES[fault.code].replace("BUCKET", self.bucket)
            hint = _OTHER_REGION if "specified endpoint" in str(fault) else hint
            said = str(fault).replace(
                f"refused bucket {self.bucket}", f"refused the inventory's bucket {self.bucket}"
            )
            return type(fault)(said, hint=hint, **facts)
        if fault.code not in _CURES:
            return fault
        address = f"oss://{self.bucket}/{key}"
        sentence = f"{address} cannot be read: {fault.code} (RequestId {fault.request_id})"
        return CloudError(sentence, hint=_CURES[fault.code], **facts)


class ObjectBody:
    """One object, read from its beginning to its end.

    After a lost connection a new one resumes behind the last byte received, for the same version
    of the object. The reader sees one stream.
    """

    def __init__(self, reader: ObjectReader, key: str) -> None:
        self._reader = reader
        self._key = key
        self._etag = ""
        self._tries = 0
        self._stream: Any = None  # urllib3's answer; None = not connected
        self.name = f"oss://{reader.bucket}/{key}"
        self.position = 0  # bytes read so far
        self.size_bytes = 0
        self.at = 0  # milliseconds since the epoch: the `Date` of the first answer
        while self._stream is None:
            self._try(self._connect)

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def read(self, most: int) -> bytes:
        """Return the next bytes, at most `most`; b"" only after the last byte of the object.

        Raises:
            CloudError: the bytes could not be read. Transient errors are retried four times.
        """
        got = b""
        while not got and self.position < self.size_bytes:
            got = self._try(lambda: self._receive(most))
        return got

    def close(self) -> None:
        """Give the connection back, or close it if bytes are left on it."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _try(self, act: Callable[[], bytes]) -> bytes:
        """Return the result of `act`, or b"" after a transient error and a wait."""
        try:
            return act()
        except CloudError as error:
            self.close()
            self._tries += 1
            self._reader.wait_before_retry(error, self._tries)
            return b""

    def _receive(self, most: int) -> bytes:
        if self._stream is None:
            self._connect()
        try:
            # Ignore Content-Encoding: the checksum is that of the bytes as stored.
            got: bytes = self._stream.read(most, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            timed_out = isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError))
            known = requests.Timeout(error) if timed_out else requests.ConnectionError(error)
            raise as_cloud_error(known, bucket=self._reader.bucket) from None
        if not got:
            raise CloudError(
                f"{self.name} ended after {self.position} of {self.size_bytes} bytes",
                hint="Run the command again.",
            )
        self.position += len(got)
        self._reader.count(n_bytes=len(got))
        self._tries = 0
        return got

    def _connect(self) -> bytes:
        """Request the missing part of the object. Return b"": nothing is read yet."""
        answer = self._reader.get(self._key, self.position, self._etag)
        self._stream = answer.resp.response.raw
        try:
            if self.position:
                self._check_range(answer.headers.get("Content-Range", ""))
                return b""
            self._etag, self.at = str(answer.etag), answered_at(answer.headers)
            self.size_bytes = int(answer.headers["Content-Length"])
        except BAD_BODY:
            raise CloudError(
                f"the answer for {self.name} does not come from OSS",
                hint=(
                    "Look for a proxy or captive portal between this machine and OSS ([network] "
                    "proxy)."
                ),
            ) from None
        return b""

    def _check_range(self, content_range: str) -> None:
        """Refuse an answer that does not begin where the last one broke off."""
        if content_range != f"bytes {self.position}-{self.size_bytes - 1}/{self.size_bytes}":
            raise ValueError(content_range)
