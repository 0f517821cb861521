"""Put RegisterMetadatas in the query while they fit, else in the form body.

A refused body call is asked again by smaller calls with the query.  Where those are taken, the body
was at fault: calls stay small from then on, and the ledger remembers it for 30 days, or until the
program is upgraded.  A refusal that the query meets too is a refusal like any other.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from watcher.errors import AccountRefused, BodyRefused, BucketRefused, CallRefused, CloudError
from watcher.model import BatchResult, BodyRefusal
from watcher.observe import logs
from watcher.registration.bisect import Bisecting, in_turn, unknown
from watcher.rules.batching import MAX_QUERY_BYTES, batch_size, encoded_bytes, metadatas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.ledger.port import BodyRefusalMemory
    from watcher.model import CallOptions, Media
    from watcher.ports import Clock, Registrar

Setting = Literal["auto", "query", "body"]
KEPT_DAYS: Final = 30
_KEPT_MS: Final = KEPT_DAYS * 86_400_000
_SILENT: Final = 3  # body calls without an answer, each with a query call answered after it
_OF_THE_CALL: Final = ("signature", "incompletesignature", "missing")
"""Codes of refusals for the account that a form body can bring about."""


def stands(refusal: BodyRefusal | None, *, version: str, now_ms: int) -> bool:
    """Return whether a body that was refused is still not tried again."""
    return (
        refusal is not None and refusal.version == version and abs(now_ms - refusal.at) < _KEPT_MS
    )


def takes_body(setting: Setting, refusal: BodyRefusal | None, *, version: str, now_ms: int) -> bool:
    """Return whether a call may have a body, as far as earlier ones tell."""
    if setting == "auto":
        return not stands(refusal, version=version, now_ms=now_ms)
    return setting == "body"


def max_bytes(
    setting: Setting, refusal: BodyRefusal | None, *, version: str, now_ms: int
) -> int | None:
    """Return the limit for RegisterMetadatas of a call; None = no limit."""
    return None if takes_body(setting, refusal, version=version, now_ms=now_ms) else MAX_QUERY_BYTES


class Placement:
    """What is known of the service, for any number of threads."""

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
        self._turn = threading.Lock()
        self._refusal = memory.refused_body()
        self._unanswered = (
            False  # the last body call: calls are small until one by the query is answered
        )
        self._silent = 0  # body calls without an answer, with a query call answered after each

    @property
    def falls_back(self) -> bool:
        """Whether a refused body is asked again by the query."""
        return self._setting == "auto"

    @property
    def takes_body(self) -> bool:
        """Whether a call may have a body now."""
        takes = takes_body(
            self._setting, self._refusal, version=self._version, now_ms=self._clock.now_ms()
        )
        return takes and not (self.falls_back and self._unanswered)

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
        with self._turn:
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
        with self._turn:
            self._unanswered = True

    def refuse_body(self, why: CloudError) -> None:
        """Make no more calls with a body, now and in later processes."""
        now_ms = self._clock.now_ms()
        with self._turn:
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


class Placed:
    """A registrar that sends each call as `Placement` decides, and finds a bad item by halves."""

    def __init__(self, inner: Registrar, placement: Placement) -> None:
        self._inner = inner
        self._placement = placement

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        asking = _Asking(self._inner, self._placement)
        result = Bisecting(asking).register(batch, options)
        if asking.body_is_at_fault and result.error is None:
            assert asking.refused  # noqa: S101 (then one was)
            self._placement.refuse_body(asking.refused)
        return result


class _Asking:
    """The calls that one batch takes, and what they say of the body."""

    def __init__(self, inner: Registrar, placement: Placement) -> None:
        self._inner = inner
        self._placement = placement
        self.refused: CallRefused | None = None  # the first body
        self._taken = False  # a body
        self._bad = False  # some item, by the query

    @property
    def body_is_at_fault(self) -> bool:
        """Whether bodies were refused for their content, and no item was by the query."""
        return self.refused is not None and not self._taken and not self._bad

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        if not self._placement.is_in_body(batch):
            return self._by_query(batch, options)
        try:
            result = self._in_body(batch, options)
        except CallRefused as refusal:
            if not self._placement.falls_back:
                raise
            self.refused = self.refused or refusal
            if len(batch) > 1:  # the bad item, or the body: halves tell
                raise
            return self._ask(batch, options)
        except (AccountRefused, BucketRefused) as refusal:
            if not self._placement.falls_back:
                raise
            return self._instead(batch, options, refusal)
        if isinstance(result.error, BodyRefused) and self._placement.falls_back:
            return self._instead(batch, options, result.error)
        return result

    def _in_body(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        result = self._inner.register(batch, replace(options, in_body=True))
        if result.error is None:
            self._taken = True
            self._placement.answered(in_body=True)
        elif not isinstance(result.error, BodyRefused):
            self._placement.unanswered()
        return result

    def _by_query(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        if len(batch) == 1 or fits(batch):
            return self._ask(batch, options)
        return in_turn(Bisecting(self), _pieces(batch), options)

    def _ask(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        try:
            result = self._inner.register(batch, options)
        except CallRefused:
            self._bad = True
            self._placement.answered(in_body=False)
            raise
        if result.error is None:
            self._placement.answered(in_body=False)
        return result

    def _instead(
        self, batch: Sequence[Media], options: CallOptions, refusal: CloudError
    ) -> BatchResult:
        """Send a part of the batch in the query: its answer shows whether the body was at fault.

        Raises:
            CloudError: that is refused, too, or cannot be sent.
        """
        first = batch[: batch_size(batch, max_bytes=MAX_QUERY_BYTES)]
        try:
            result = self._ask(first, options)
        except CallRefused:  # it was read
            first, result = (), BatchResult(outcomes={})
        rest = batch[len(first) :]
        if result.error:
            left = BatchResult(outcomes=unknown(rest, result.error), error=result.error)
        else:
            left = self._once_more(batch, rest, options, refusal) or self._in_pieces(
                rest, options, refusal
            )
        return BatchResult(
            outcomes=left.outcomes | result.outcomes,
            request_id=result.request_id or left.request_id,
            error=left.error,
        )

    def _in_pieces(
        self, rest: Sequence[Media], options: CallOptions, refusal: CloudError
    ) -> BatchResult:
        self._placement.refuse_body(refusal)
        return in_turn(Bisecting(self), _pieces(rest), options)

    def _once_more(
        self,
        batch: Sequence[Media],
        rest: Sequence[Media],
        options: CallOptions,
        refusal: CloudError,
    ) -> BatchResult | None:
        """Send the body again if its refusal may have passed; None if refused again."""
        if not isinstance(
            refusal, (AccountRefused, BucketRefused)
        ) or refusal.code.lower().startswith(_OF_THE_CALL):
            return None
        try:
            return self._in_body(batch, options)
        except (AccountRefused, BucketRefused):
            return None
        except CallRefused:
            return in_turn(Bisecting(self), _pieces(rest), options)
        except CloudError as error:
            return BatchResult(outcomes=unknown(rest, error), error=error)


def fits(batch: Sequence[Media]) -> bool:
    """Return whether RegisterMetadatas of a batch fit into the query."""
    return encoded_bytes(metadatas(batch)) <= MAX_QUERY_BYTES


def _pieces(batch: Sequence[Media]) -> Iterator[Sequence[Media]]:
    """Yield the batch in as few pieces as the query takes."""
    while batch:
        n = batch_size(batch, max_bytes=MAX_QUERY_BYTES)
        yield batch[:n]
        batch = batch[n:]
