"""How far a long command is: a bar below the log lines of a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from typing import TYPE_CHECKING, Final, Self

from watcher.observe import streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from watcher.operations.progress import ProgressReport, ProgressTracker
    from watcher.ports import Clock

_CANNOT_DRAW: Final = {"", "dumb", "unknown"}  # values of TERM
_WIDEST: Final = 100
_LEAST: Final = 24  # columns with room for a bar beside its words
_GAP: Final = "  "


def draws_on(stream: object) -> bool:
    """Whether a stream is a terminal on which the cursor can be moved."""
    try:
        is_terminal = bool(stream.isatty())  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        return False
    return is_terminal and os.environ.get("TERM", "") not in _CANNOT_DRAW


class _Sheet(io.StringIO):
    """The stream that a bar is drawn on; it can show the characters that the terminal can."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the terminal: it decides how the bar is drawn."""
        return self._encoding


class Bar:
    """A progress bar where stderr is a terminal, elsewhere nothing.  No work waits for it."""

    def __init__(self, *, wanted: bool, registers: bool = True) -> None:
        self._outlet = streams.lines() if wanted and draws_on(sys.stderr) else None
        self._registers = registers  # else it only lists
        self._lock = threading.Lock()
        self._hidden = True
        self._console: Console | None = None

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to draw the bar on."""
        return self._outlet is not None

    def __enter__(self) -> Self:
        """Show the bar, from the beginning of a line on."""
        if self._outlet:
            self._outlet.note_line_end()
        self._hidden = False
        return self

    def __exit__(self, *_: object) -> None:
        """Hide the bar."""
        with self._lock:
            self._hidden = True
            if self._outlet:
                self._outlet.set_footer(b"")
        if self._outlet:
            self._outlet.drain()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the bar while the block runs: something else uses the terminal."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def show(self, it: ProgressReport) -> None:
        """Draw the bar, if this process has the terminal."""
        if self._hidden or not self._outlet:
            return
        if not _is_in_the_foreground():
            self._outlet.forget_footer()
            return
        columns, rows = _size()
        # A last column that is filled may end the row.
        lines = self._drawn(it, columns - 1)[: max(1, rows - 1)]
        text = "\n".join(lines).encode(sys.stderr.encoding or "utf-8", "backslashreplace")
        with self._lock:
            if not self._hidden:
                self._outlet.set_footer(text)

    def _drawn(self, it: ProgressReport, columns: int) -> list[str]:
        """Return the rows: the bar, and below it the counts that fit, whole."""
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table

        share = it.share
        head = "" if columns < _LEAST else "listing" if it.listing else "registering"
        if share is not None:
            head += f"{_GAP * bool(head)}{int(share * 1000) / 10:.1f}%"  # rounded down: 100% is all
        eta = f"ETA {_time(it.eta_s)}"
        counts = self._counts(it)
        if columns - len(head) - len(eta) - 3 * len(_GAP) < 0:
            return _joined([head, eta, *counts], columns)
        bar = ProgressBar(total=1000, completed=(share or 0) * 1000, pulse=share is None)
        texts = Column(no_wrap=True), Column(ratio=1), Column(no_wrap=True)
        grid = Table.grid(*texts, expand=True, padding=(0, len(_GAP), 0, 0))
        grid.add_row(head, bar, eta)
        return [self._rendered(grid, min(columns, _WIDEST)), *_joined(counts, columns)]

    def _rendered(self, grid: object, width: int) -> str:
        from rich.console import Console

        console = self._console
        if console is None:
            sheet = _Sheet(sys.stderr.encoding or "utf-8")
            console = self._console = Console(file=sheet, force_terminal=True, highlight=False)
        with console.capture() as capture:
            console.print(grid, width=width, end="")
        return capture.get().rstrip("\n")

    def _counts(self, it: ProgressReport) -> list[str]:
        found = [f"listed {it.listed:,}"]
        if self._registers:
            found += [f"registered {it.registered:,}", f"failed {it.failed:,}"]
        if it.listing:
            found.append(f"{it.listed_per_second:,.0f} objects/s")
        if it.calls_per_second or not it.listing:
            found.append(f"{it.calls_per_second:.1f} calls/s")
        return found


@contextlib.contextmanager
def shown(
    clock: Clock, *, wanted: bool = True, registers: bool = True
) -> Iterator[tuple[ProgressTracker, Bar]]:
    """Yield what follows a scan or an audit, and the bar that shows it on a terminal."""
    from watcher.operations.progress import ProgressTicker, ProgressTracker

    with Bar(wanted=wanted, registers=registers) as bar:
        tracker = ProgressTracker(clock, emit=_mute, show=bar.show)
        with ProgressTicker(tracker, clock) if bar.is_shown else contextlib.nullcontext():
            yield tracker, bar


def _mute(*_: object, **__: object) -> None:
    """Say nothing."""


def _joined(texts: Sequence[str], columns: int) -> list[str]:
    """Return the texts in rows of so many columns; one that is wider is left out."""
    rows = [""]
    for text in texts:
        if len(text) > columns:
            continue
        if not rows[-1]:
            rows[-1] = text
        elif len(rows[-1]) + len(_GAP) + len(text) <= columns:
            rows[-1] += _GAP + text
        else:
            rows.append(text)
    return rows


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "unknown"
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}"


def _size() -> tuple[int, int]:
    """Return columns and rows of the terminal, as they are now."""
    try:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        columns = rows = 0
    return columns or 80, rows or 24


def _is_in_the_foreground() -> bool:
    """Whether the terminal is ours: a command put into the background leaves it to the shell."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) in {os.getpgrp(), 0}  # 0: another namespace
    except (OSError, ValueError):  # it is not the one that controls us
        return True
