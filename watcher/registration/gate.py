"""Stop calls while a breaker is open, and count those that go out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import BatchResult, CallOptions, Media
    from watcher.ports import Registrar
    from watcher.registration.ticket import CallTicket


class Gate:
    """Pass on the calls of one ticket unless a breaker has opened since it was admitted."""

    def __init__(
        self, inner: Registrar, ticket: CallTicket, *, check: Callable[[CallTicket], None]
    ) -> None:
        self._inner = inner
        self._ticket = ticket
        self._check = check  # raises CallSuppressed

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        self._check(self._ticket)
        return self._inner.register(batch, options)


class CallCounter:
    """Count the calls that go out, from any number of threads."""

    def __init__(self, inner: Registrar) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.calls = 0

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        with self._lock:
            self.calls += 1
        return self._inner.register(batch, options)
