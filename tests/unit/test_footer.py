"""The footer of a terminal: drawn below each line, and never waited for."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import threading
import time
from typing import TYPE_CHECKING

import pyte
import pytest

from watcher.observe import outlet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.observe.outlet import Outlet


class Screen:
    """An outlet into a terminal, and the content of the screen."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 40, 0, 0))
        self.outlet: Outlet = outlet.open_outlet(self.slave)
        self._screen = pyte.Screen(40, 12)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""

    def rows(self) -> list[str]:
        """Return what is shown once all is drawn."""
        self.outlet.drain()
        while select.select([self.master], [], [], 0.1)[0]:
            self.raw += (data := os.read(self.master, 65536))
            self._stream.feed(data)
        return [row.rstrip() for row in self._screen.display if row.strip()]

    def fill(self) -> None:
        """Stop reading, so that no more can be written."""
        while select.select([], [self.slave], [], 0.2)[1]:
            self.outlet.set_footer(os.urandom(1500).hex().encode())
            self.outlet.drain()


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.outlet.close()
    os.close(made.master)
    os.close(made.slave)


@pytest.mark.parametrize("below", [b"bar", b"bar\nsecond\nthird"])
def test_the_footer_is_below_all_lines_and_leaves_no_trace(screen: Screen, below: bytes) -> None:
    shown = below.decode().split("\n")
    screen.outlet.put(b"before\n")
    screen.outlet.set_footer(below)
    assert screen.rows() == ["before", *shown]
    for n in range(3):
        screen.outlet.put(f"line {n}\n".encode())
        assert screen.rows() == ["before", *(f"line {each}" for each in range(n + 1)), *shown]
    screen.outlet.set_footer(b"shorter")
    assert screen.rows()[-2:] == ["line 2", "shorter"]
    screen.outlet.set_footer(b"")
    assert screen.rows() == ["before", "line 0", "line 1", "line 2"]
    screen.outlet.put(b"after\n")
    assert screen.rows()[-1] == "after"


def test_the_footer_waits_for_the_end_of_an_open_line(screen: Screen) -> None:
    screen.outlet.set_footer(b"bar")
    screen.outlet.put(b"Register? [y/N] ")
    assert screen.rows() == ["Register? [y/N]"]
    screen.outlet.set_footer(b"another")
    assert screen.rows() == ["Register? [y/N]"]
    screen.outlet.put(b"y\n")
    assert screen.rows() == ["Register? [y/N] y", "another"]
    screen.outlet.put(b"Sure? ")
    assert screen.rows()[-1] == "Sure?"
    os.write(screen.slave, b"n\n")  # as the terminal shows what is typed
    screen.outlet.note_line_end()
    assert screen.rows() == ["Register? [y/N] y", "Sure? n", "another"]


def test_lines_of_many_threads_stay_whole_above_the_footer(screen: Screen) -> None:
    got: list[list[str]] = []
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(0.3):  # or else the screen is never still, and never looked at
            for n in range(100):
                screen.outlet.set_footer(f"bar {n}\nsecond".encode())

    def write(who: int) -> None:
        for n in range(300):
            screen.outlet.put(f"<{who} {n}>\n".encode())

    threads = [threading.Thread(target=write, args=(who,)) for who in range(3)]
    drawing = threading.Thread(target=draw)
    for thread in (*threads, drawing):
        thread.start()
    while any(thread.is_alive() for thread in threads):
        got.append(screen.rows())
    ended.set()
    drawing.join()
    screen.outlet.set_footer(b"end")
    got.append(screen.rows())
    for rows in got:
        assert all(row.startswith(("<", "bar ", "second", "end")) for row in rows)
        assert all(
            row.startswith("<") and row.endswith(">") for row in rows[:-2] if row != "end"
        ), rows
    assert got[-1][-1] == "end"
    assert screen.outlet.take_dropped() == 0


def test_no_writer_waits_for_the_footer_and_only_the_last_one_is_drawn(
    screen: Screen,
) -> None:
    screen.fill()
    began = time.monotonic()  # noqa: TID251 (real threads keep real time)
    for n in range(50_000):
        screen.outlet.set_footer(f"old {n}".encode())
    assert time.monotonic() - began < 2  # noqa: TID251
    time.sleep(1.5)  # noqa: TID251 (longer than a line would be kept)
    screen.outlet.set_footer(b"last")
    assert screen.rows()[-1] == "last"
    assert screen.raw.count(b"old ") <= 2
    assert screen.outlet.take_dropped() == 0, "it is no line of the log"


def test_lost_lines_are_counted_despite_a_footer(screen: Screen) -> None:
    screen.fill()
    for n in range(7):
        screen.outlet.put(f"lost {n}\n".encode())
    time.sleep(1.5)  # noqa: TID251
    screen.outlet.set_footer(b"last")
    assert screen.rows()[-1] == "last"
    assert "lost" not in screen.raw.decode()
    assert screen.outlet.take_dropped() == 7


def test_a_closed_terminal_is_not_tried_again() -> None:
    tried: list[bytes] = []

    def deliver(text: bytes) -> int:
        tried.append(text)
        raise OSError(5, "Input/output error")

    gone = outlet.Outlet(deliver)
    for n in range(3):
        gone.set_footer(f"{n}".encode())
        time.sleep(0.2)  # noqa: TID251
    assert len(tried) == 3
    gone.close()
    gone.set_footer(b"after the end")
    assert len(tried) == 3


def test_the_footer_scrolls_away_when_another_process_has_the_terminal(screen: Screen) -> None:
    screen.outlet.set_footer(b"bar")
    assert screen.rows() == ["bar"]
    screen.outlet.forget_footer()
    os.write(screen.slave, b"\nshell\n")
    screen.outlet.put(b"line\n")
    assert screen.rows() == ["bar", "shell", "line"]
    screen.outlet.set_footer(b"again")
    assert screen.rows() == ["bar", "shell", "line", "again"]
