"""Find the one item for which VOD refuses a whole call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import CallRefused, CloudError
from watcher.model import BatchResult, Failure, Outcome, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from watcher.model import CallOptions, Media
    from watcher.ports import Registrar


class Bisecting:
    """Halve a call that is refused for its content until the bad item stands alone.

    The other items are registered.

    One bad item of ten costs at most eight extra calls: 10 -> 5 5 -> 2 3 -> 1 2 -> 1 1.
    """

    def __init__(self, inner: Registrar) -> None:
        self._inner = inner

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        try:
            return self._inner.register(batch, options)
        except CallRefused as refusal:
            if len(batch) == 1:
                return BatchResult(
                    outcomes={batch[0].key: _final(refusal)}, request_id=refusal.request_id
                )
        middle = len(batch) // 2
        return one_after_another(self, (batch[:middle], batch[middle:]), options)


def one_after_another(
    inner: Registrar, pieces: Iterable[Sequence[Media]], options: CallOptions
) -> BatchResult:
    """Register one piece after another, and return their results as one.

    After a piece that meets an error no other is sent: it would meet the same.
    """
    outcomes: dict[str, Outcome] = {}
    request_id = ""
    error: Exception | None = None
    for piece in pieces:
        if error is None:
            result = _one_of_some(inner, piece, options)
            error = result.error
            if not request_id or any(
                isinstance(outcome, Refused) for outcome in result.outcomes.values()
            ):
                request_id = result.request_id  # of the call that refused a file, if one did
            outcomes |= result.outcomes
        else:
            outcomes |= unknown(piece, error)
    return BatchResult(outcomes=outcomes, request_id=request_id, error=error)


def _one_of_some(inner: Registrar, piece: Sequence[Media], options: CallOptions) -> BatchResult:
    try:
        return inner.register(piece, options)
    except CloudError as error:  # what the other pieces came to must not be lost with it
        return BatchResult(outcomes=unknown(piece, error), error=error)


def unknown(batch: Sequence[Media], error: Exception) -> dict[str, Outcome]:
    """Return the outcomes of a call that was not answered."""
    return {media.key: Unknown(message=str(error)) for media in batch}


def _final(refusal: CallRefused) -> Refused:
    illegal = refusal.code.lower().startswith("illegalcharacters")
    return Refused(
        reason=Failure.ILLEGAL_CHARACTERS if illegal else Failure.BAD_REQUEST,
        message=str(refusal),
        final=True,
    )
