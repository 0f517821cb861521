"""How far a long command is, on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.live import Live

    from watcher.reports import ScanReport


class LiveProgress:
    """A live line on a terminal; elsewhere the log tells."""

    def __init__(self, *, wanted: bool) -> None:
        self._live: Live | None = None
        self._listed = self._registered = ""
        if wanted and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            from rich.spinner import Spinner

            self._spinner = Spinner("dots")
            self._live = Live(console=Console(stderr=True), transient=True, redirect_stdout=False)

    def __enter__(self) -> Self:
        """Show the line."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._live:
            self._live.stop()

    def listed(self, scan: ScanReport) -> None:
        """See `ports.Progress.listed`."""
        self._listed = f"{scan.watch}: listed {scan.listed:,}, new {scan.new:,}"
        self._show()

    def registered(self, n: int) -> None:
        """See `ports.Progress.registered`."""
        self._registered = f"registered {n:,}"
        self._show()

    def _show(self) -> None:
        if self._live:
            self._spinner.update(text=", ".join(filter(None, (self._listed, self._registered))))
            self._live.update(self._spinner)
