"""The sandbox's clock: the machine's, moved by an offset."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """The services' time, and waits that end when the sandbox is closed."""

    def __init__(self) -> None:
        self.offset_s = 0.0  # added to the machine's time
        self._closing = threading.Event()

    def now(self) -> datetime:
        """Return the services' wall clock, UTC."""
        machine = datetime.now(UTC)  # noqa: TID251 - the services' time is not the program's clock
        return machine + timedelta(seconds=self.offset_s)

    def now_ms(self) -> int:
        """Return the services' wall clock: milliseconds since the epoch."""
        return int(self.now().timestamp() * 1000)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds, so that tests can compare them with their own."""
        return time.monotonic()  # noqa: TID251 - as above

    def wait(self, seconds: float) -> bool:
        """Wait; return True as soon as the sandbox is closed, else False."""
        return self._closing.wait(seconds)

    def close(self) -> None:
        """End all waits."""
        self._closing.set()
