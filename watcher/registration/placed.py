"""Send each call as `Placement` decides, and fall back to the query if a body is refused.

A refused body call is repeated by smaller calls with the query.  Where those are accepted, the body
was at fault.  A refusal that the query meets too is a refusal like any other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from watcher.errors import AccountRefused, BodyRefused, BucketRefused, CallRefused, CloudError
from watcher.model import BatchResult
from watcher.registration.bisect import Bisecting, one_after_another, unknown
from watcher.registration.placement import fits, pieces
from watcher.rules.batching import MAX_QUERY_BYTES, batch_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import CallOptions, Media
    from watcher.ports import Registrar
    from watcher.registration.placement import Placement

_OF_THE_CALL: Final = ("signature", "incompletesignature", "missing")
"""Codes of refusals for the account that a form body can bring about."""


class Placed:
    """A registrar that sends each call as `Placement` decides, and finds a bad item by halves."""

    def __init__(self, inner: Registrar, placement: Placement) -> None:
        self._inner = inner
        self._placement = placement

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        calls = _Calls(self._inner, self._placement)
        result = Bisecting(_ByPlacement(calls, self._placement)).register(batch, options)
        refusal = calls.refusal_of_body()
        if refusal and result.error is None:
            self._placement.refuse_body(refusal)
        return result


class _Calls:
    """The calls that one batch takes, and what their answers say of the body."""

    def __init__(self, inner: Registrar, placement: Placement) -> None:
        self._inner = inner
        self._placement = placement
        self._refusal: CallRefused | None = None  # of the first body
        self._took_body = False
        self._refused_query = False  # for some item

    def in_body(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """Call with a form body."""
        result = self._inner.register(batch, replace(options, in_body=True))
        if result.error is None:
            self._took_body = True
            self._placement.answered(in_body=True)
        elif not isinstance(result.error, BodyRefused):
            self._placement.unanswered()
        return result

    def in_query(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """Call with everything in the query."""
        try:
            result = self._inner.register(batch, options)
        except CallRefused:
            self._refused_query = True
            self._placement.answered(in_body=False)
            raise
        if result.error is None:
            self._placement.answered(in_body=False)
        return result

    def note_refused_body(self, refusal: CallRefused) -> None:
        """Note that a body was refused for its content."""
        self._refusal = self._refusal or refusal

    def refusal_of_body(self) -> CallRefused | None:
        """Return why bodies were refused, if none was accepted and no item is at fault."""
        return None if self._took_body or self._refused_query else self._refusal


class _ByPlacement:
    """A registrar of parts of one batch."""

    def __init__(self, calls: _Calls, placement: Placement) -> None:
        self._calls = calls
        self._placement = placement

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        if not self._placement.is_in_body(batch):
            return self._in_query(batch, options)
        if not self._placement.falls_back:
            return self._calls.in_body(batch, options)
        return self._in_body_first(batch, options)

    def _in_query(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        if len(batch) == 1 or fits(batch):
            return self._calls.in_query(batch, options)
        return one_after_another(Bisecting(self), pieces(batch), options)

    def _in_body_first(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        try:
            result = self._calls.in_body(batch, options)
        except CallRefused as refusal:
            self._calls.note_refused_body(refusal)
            if len(batch) > 1:  # the bad item, or the body: halves show which
                raise
            return self._calls.in_query(batch, options)
        except (AccountRefused, BucketRefused) as refusal:
            return self._fall_back(batch, options, refusal)
        if isinstance(result.error, BodyRefused):
            return self._fall_back(batch, options, result.error)
        return result

    def _fall_back(
        self, batch: Sequence[Media], options: CallOptions, refusal: CloudError
    ) -> BatchResult:
        fallback = _Fallback(self._calls, self._placement, batch, options, refusal)
        return fallback.run(Bisecting(self))


class _Fallback:
    """The calls in place of one whose body was refused with its whole call."""

    def __init__(
        self,
        calls: _Calls,
        placement: Placement,
        batch: Sequence[Media],
        options: CallOptions,
        refusal: CloudError,
    ) -> None:
        self._calls = calls
        self._placement = placement
        self._batch = batch
        self._options = options
        self._refusal = refusal

    def run(self, registrar: Registrar) -> BatchResult:
        """Send a part of the batch in the query: its answer shows whether the body was at fault.

        `registrar` gets the rest.

        Raises:
            CloudError: the query is refused, too, or cannot be sent.
        """
        first = self._batch[: batch_size(self._batch, max_bytes=MAX_QUERY_BYTES)]
        try:
            result = self._calls.in_query(first, self._options)
        except CallRefused:  # it was read
            first, result = (), BatchResult(outcomes={})
        rest = self._batch[len(first) :]
        left = (
            BatchResult(outcomes=unknown(rest, result.error), error=result.error)
            if result.error
            else self._register_rest(rest, registrar)
        )
        return BatchResult(
            outcomes=left.outcomes | result.outcomes,
            request_id=result.request_id or left.request_id,
            error=left.error,
        )

    def _register_rest(self, rest: Sequence[Media], registrar: Registrar) -> BatchResult:
        """Register what is left, in a body if its refusal has passed, else in the query."""
        if self._may_have_passed():
            try:
                return self._calls.in_body(self._batch, self._options)
            except (AccountRefused, BucketRefused):
                pass
            except CallRefused:
                return one_after_another(registrar, pieces(rest), self._options)
            except CloudError as error:
                return BatchResult(outcomes=unknown(rest, error), error=error)
        self._placement.refuse_body(self._refusal)
        return one_after_another(registrar, pieces(rest), self._options)

    def _may_have_passed(self) -> bool:
        """Return whether the refusal was of the account or the bucket, and not of the body."""
        refusal = self._refusal
        is_of_call = refusal.code.lower().startswith(_OF_THE_CALL)
        return isinstance(refusal, (AccountRefused, BucketRefused)) and not is_of_call
