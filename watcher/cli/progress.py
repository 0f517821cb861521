"""How far a long command is, on stderr."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.live import Live

    from watcher.reports import RegisterReport, ScanReport


class LiveLine:
    """One line that changes in place, on a terminal; elsewhere the log tells."""

    def __init__(self, *, wanted: bool) -> None:
        self._live: Live | None = None
        if wanted and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            from rich.spinner import Spinner

            self._spinner = Spinner("dots")
            self._live = Live(console=Console(stderr=True), transient=True, redirect_stdout=False)

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._live is not None

    def __enter__(self) -> Self:
        """Show the line."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._live:
            self._live.stop()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the line away while the block runs: somebody else has the terminal."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def show(self, text: str) -> None:
        """Let the line say `text`."""
        if self._live:
            self._spinner.update(text=text)
            self._live.update(self._spinner)


class LiveProgress(LiveLine):
    """`ports.Progress` for a scan or an audit."""

    def __init__(self, *, wanted: bool) -> None:
        super().__init__(wanted=wanted)
        self._listed = self._registered = ""

    def begin(self, *, in_line: int, to_list: int | None) -> None:
        """See `ports.Progress.begin`."""

    def listed(self, scan: ScanReport) -> None:
        """See `ports.Progress.listed`."""
        self._listed = f"{scan.watch}: listed {scan.listed:,}, new {scan.new:,}"
        self._show()

    def listing_ended(self) -> None:
        """See `ports.Progress.listing_ended`."""

    def registered(self, report: RegisterReport) -> None:
        """See `ports.Progress.registered`."""
        self._registered = f"registered {report.registered:,}"
        self._show()

    def _show(self) -> None:
        self.show(", ".join(filter(None, (self._listed, self._registered))))


def in_words(facts: Mapping[str, object]) -> str:
    """Return how far a backfill is, in one line; see `backfill.Tracker.facts`."""
    counts = ", ".join(f"{name} {facts[name]:,}" for name in ("listed", "new", "registered", "failed"))
    eta_s = facts["eta_s"]
    left = _left(eta_s) if isinstance(eta_s, int) else "ETA unknown"
    return f"{counts}; {facts['calls_per_second']:.1f} calls/s, {left}"


def _left(seconds: int) -> str:
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"ETA {hours}:{m:02}:{s:02}"
