"""Stop calls while a breaker is open, and count those that go out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import BatchResult, CallOptions, Media
    from watcher.ports import Registrar


class Gate:
    """Suppress a call if a breaker has opened since it was admitted; count the others."""

    def __init__(self, inner: Registrar, *, check: Callable[[str], None]) -> None:
        self._inner = inner
        self._check = check  # (bucket); raises CallSuppressed
        self._count = threading.Lock()
        self.calls = 0

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        self._check(batch[0].bucket)
        with self._count:
            self.calls += 1
        return self._inner.register(batch, options)
