"""Decide whether RegisterMetadatas go in the query or in the form body.

They go in the query while they fit.  Once VOD has refused a body, calls stay small.  The ledger
remembers that for 30 days, or until the program is upgraded.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal

from watcher.errors import CloudError
from watcher.model import BodyRefusal
from watcher.observe import logs
from watcher.rules.batching import MAX_QUERY_BYTES, batch_size, encoded_bytes, metadatas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.ledger.port import BodyRefusalMemory
    from watcher.model import Media
    from watcher.ports import Clock

Setting = Literal["auto", "query", "body"]
KEPT_DAYS: Final = 30
_KEPT_MS: Final = KEPT_DAYS * 86_400_000
_SILENT: Final = 3  # body calls without an answer, each with a query call answered after it


def stands(refusal: BodyRefusal | None, *, version: str, now_ms: int) -> bool:
    """Return whether a body that was refused is still not tried again."""
    return (
        refusal is not None and refusal.version == version and abs(now_ms - refusal.at) < _KEPT_MS
    )


def takes_body(setting: Setting, refusal: BodyRefusal | None, *, version: str, now_ms: int) -> bool:
    """Return whether a call may have a body, as far as earlier ones show."""
    if setting == "auto":
        return not stands(refusal, version=version, now_ms=now_ms)
    return setting == "body"


def max_bytes(
    setting: Setting, refusal: BodyRefusal | None, *, version: str, now_ms: int
) -> int | None:
    """Return the limit for RegisterMetadatas of a call; None = no limit."""
    return None if takes_body(setting, refusal, version=version, now_ms=now_ms) else MAX_QUERY_BYTES


class Placement:
    """Decide by the service's earlier answers; for any number of threads."""

    def __init__(
        self,
        setting: Setting,
        memory: BodyRefusalMemory,
        *,
        version: str,
        clock: Clock,
        emit: Callable[..., None],
    ) -> None:
        self._setting = setting
        self._memory = memory
        self._version = version
        self._clock = clock
        self._emit = emit
        self._lock = threading.Lock()
        self._refusal = memory.refused_body()
        self._unanswered = (
            False  # the last body call: calls are small until one by the query is answered
        )
        self._silent = 0  # body calls without an answer, with a query call answered after each

    @property
    def falls_back(self) -> bool:
        """Whether files of a refused body are sent again in the query."""
        return self._setting == "auto"

    @property
    def takes_body(self) -> bool:
        """Whether a call may have a body now."""
        is_accepted = takes_body(
            self._setting, self._refusal, version=self._version, now_ms=self._clock.now_ms()
        )
        return is_accepted and not (self.falls_back and self._unanswered)

    def max_bytes(self) -> int | None:
        """Return the limit for RegisterMetadatas in the next call; None = no limit."""
        return None if self.takes_body else MAX_QUERY_BYTES

    def is_in_body(self, batch: Sequence[Media]) -> bool:
        """Return whether a call for `batch` has a body."""
        return self._setting == "body" or (self.takes_body and not fits(batch))

    def answered(self, *, in_body: bool) -> None:
        """Note a trustworthy answer, a refusal included."""
        if self._setting != "auto":
            return
        with self._lock:
            if in_body:
                self._silent = 0
                return
            self._silent += self._unanswered
            self._unanswered = False
            silent = self._silent >= _SILENT
        if silent:
            self.refuse_body(
                CloudError(
                    f"{_SILENT} calls with a form body were not answered, those without were"
                )
            )

    def unanswered(self) -> None:
        """Note that a body call got no trustworthy answer."""
        with self._lock:
            self._unanswered = True

    def refuse_body(self, why: CloudError) -> None:
        """Make no more calls with a body, now and in later processes."""
        now_ms = self._clock.now_ms()
        with self._lock:
            if stands(self._refusal, version=self._version, now_ms=now_ms):
                return
            self._refusal = BodyRefusal(at=now_ms, version=self._version, reason=str(why))
            self._silent = 0
        self._memory.remember_refused_body(self._refusal)
        self._emit(
            logs.BODY_REFUSED,
            code=why.code,
            reason=str(why),
            RequestId=why.request_id,
            for_days=KEPT_DAYS,
        )


def fits(batch: Sequence[Media]) -> bool:
    """Return whether RegisterMetadatas of a batch fit into the query."""
    return encoded_bytes(metadatas(batch)) <= MAX_QUERY_BYTES


def pieces(batch: Sequence[Media]) -> Iterator[Sequence[Media]]:
    """Yield the batch in as few pieces as the query takes."""
    while batch:
        n = batch_size(batch, max_bytes=MAX_QUERY_BYTES)
        yield batch[:n]
        batch = batch[n:]
