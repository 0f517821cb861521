"""Measure each call that goes out: its code and its seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.errors import CloudError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import BatchResult, CallOptions, Media
    from watcher.ports import Clock, Registrar

_LABELS: Final[dict[type, str]] = {Unreachable: "NotSent"}  # the label is public


class CallMetrics:
    """Report the code of each call ("" = answered) and its seconds to a callback."""

    def __init__(
        self, inner: Registrar, *, clock: Clock, callback: Callable[[str, float], None]
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._callback = callback

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        began, code = self._clock.monotonic(), "unforeseen"
        try:
            result = self._inner.register(batch, options)
            code = _code(result.error)
        except CloudError as error:
            code = _code(error)
            raise
        finally:
            self._callback(code, self._clock.monotonic() - began)
        return result


def _code(error: Exception | None) -> str:
    """Return what the service called an error, or what we call it."""
    if error is None:
        return ""
    return getattr(error, "code", "") or _LABELS.get(type(error), type(error).__name__)
