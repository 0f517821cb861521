"""The queue of log lines: whole lines, in order, and no writer waits."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pty
import socket
import termios
import threading
import time
from typing import TYPE_CHECKING, cast

import pytest

from tests.support.odd_streams import Reader
from tests.unit.test_journal import logging_to
from watcher.observe import logs, outlet
from watcher.observe.streams import Lines, Result, ResultLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """See that the block is quick."""
    began = time.monotonic()  # noqa: TID251 (real threads keep real time)
    yield
    assert time.monotonic() - began < seconds  # noqa: TID251


@pytest.fixture
def stalled() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def test_lines_come_whole_and_in_order_however_many_write_them() -> None:
    reads, writes = os.pipe()
    got: list[bytes] = []

    def read() -> None:
        with os.fdopen(reads, "rb") as stream:
            got.append(stream.read())

    reader = threading.Thread(target=read)
    reader.start()
    lines = outlet.open_outlet(writes)

    def write(who: int) -> None:
        for n in range(2000):
            lines.put(f"{who} {n} {'x' * (n * 7 % 9000 if n % 50 == 0 else 60)}\n".encode())

    writers = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines.close()
    os.close(writes)
    reader.join()
    found = [tuple(map(int, line.split()[:2])) for line in got[0].decode().splitlines()]
    assert {who: [n for w, n in found if w == who] for who in range(4)} == {
        who: list(range(2000)) for who in range(4)
    }
    assert lines.take_dropped() == 0


def test_no_writer_waits_for_a_stalled_reader(stalled: Reader) -> None:
    lines = outlet.open_outlet(stalled.writes)
    before = outlet.dropped()
    with within(6):
        for n in range(40_000):
            lines.put(f"{n} {'x' * 200}\n".encode())
        lines.close()
    assert lines.take_dropped() == 0, "nothing can be written"
    assert outlet.dropped() - before > 30_000


def test_lines_after_a_stall_arrive_and_the_lost_ones_are_counted(
    stalled: Reader,
) -> None:
    lines = outlet.open_outlet(stalled.writes)
    for n in range(3):
        lines.put(f"lost {n}\n".encode())
    time.sleep(1.5)  # noqa: TID251
    assert lines.take_dropped() == 0
    stalled.read_ready()
    lines.put(b"there\n")
    lines.drain()
    assert lines.take_dropped() == 3
    assert lines.take_dropped() == 0
    assert stalled.read_ready() == b"there\n"
    lines.close()


def test_a_begun_line_is_finished(stalled: Reader) -> None:
    """Half a line would spoil the next."""
    stalled.read_ready()
    lines = outlet.open_outlet(stalled.writes)
    lines.put(b"a" * 100_000 + b"\n")
    time.sleep(1.5)  # noqa: TID251
    lines.put(b"late\n")
    time.sleep(1.5)  # noqa: TID251
    text = b""
    while not text.endswith(b"\n"):
        text += stalled.read_ready()
    lines.put(b"next\n")
    lines.drain()
    text += stalled.read_ready()
    assert text == b"a" * 100_000 + b"\nnext\n"
    lines.close()


def test_the_descriptor_stays_blocking_and_one_that_is_not_does_no_harm(stalled: Reader) -> None:
    assert os.get_blocking(stalled.writes)
    lines = outlet.open_outlet(stalled.writes)
    lines.put(b"x\n")
    assert os.get_blocking(stalled.writes)
    os.set_blocking(stalled.writes, False)
    lines.put(b"y\n")
    stalled.read_ready()
    lines.put(b"z\n")
    lines.close()
    assert stalled.read_ready() == b"x\ny\nz\n"


@pytest.mark.parametrize("device", ["/dev/full", "gone"])
def test_a_line_that_cannot_be_written_is_counted_at_once(device: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    if device != "gone":
        os.dup2(os.open(device, os.O_WRONLY), writes)
    lines, before = outlet.open_outlet(writes), outlet.dropped()
    with within(1):
        for _ in range(5):
            lines.put(b"x\n")
        lines.close()
    assert outlet.dropped() - before == 5
    os.close(writes)


def test_a_stopped_terminal_is_a_stalled_reader() -> None:
    ours, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)  # Ctrl-S
    lines, before = outlet.open_outlet(theirs), outlet.dropped()
    with within(4):
        for n in range(3000):
            lines.put(f"{n} {'x' * 100}\n".encode())
        lines.close()
    assert outlet.dropped() > before
    termios.tcflow(theirs, termios.TCOON)
    os.close(ours)
    os.close(theirs)


def test_stderr_accepts_any_text_and_is_not_a_terminal(stalled: Reader) -> None:
    stalled.read_ready()
    lines = Lines(stalled.writes)
    assert (lines.isatty(), lines.fileno(), lines.writable()) == (False, stalled.writes, True)
    assert lines.write(memoryview(b"a\n")) == 2
    lines.outlet.close()
    assert stalled.read_ready() == b"a\n"


def test_a_lost_result_is_reported_once_and_the_rest_is_discarded() -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        result = Result(full.fileno(), before=lambda: None)
        with pytest.raises(ResultLost, match="No space left"):
            result.write(b"x")
        assert result.write(b"yy") == 2
        quiet = Result(full.fileno(), before=lambda: None)
        quiet.raises = False
        assert quiet.write(b"x") == 1
        assert quiet.lost
        assert not quiet.lost.reader_left


def test_a_stalled_result_is_given_up_on_a_stop_request(stalled: Reader) -> None:
    result = Result(stalled.writes, before=lambda: None)
    result.gives_up = lambda: True
    with within(2):
        assert result.write(b"x" * 10) == 10
        assert result.write(b"x" * 10) == 10
    os.set_blocking(stalled.writes, False)
    with within(2):
        assert Result.write(result, b"x") == 1


# The journal


class Busy:
    """A journal whose queue is full, since it takes nothing from it."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "socket"
        self.stderr = (folder / "stderr").open("w+", encoding="utf-8")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling:
            filling.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    filling.sendto(b"MESSAGE=other", str(self.address))

    def read_ready(self) -> list[bytes]:
        """Return all that waits."""
        self._socket.settimeout(0.3)
        got = []
        with contextlib.suppress(TimeoutError):
            while True:
                got.append(self._socket.recv(1_000_000))
        return [each for each in got if each != b"MESSAGE=other"]

    def close(self) -> None:
        self._socket.close()
        self.stderr.close()


def test_a_stalled_journal_blocks_no_writer_and_gets_the_number_of_lost_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Busy(tmp_path)
    status = os.fstat(journal.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    with logging_to(journal.stderr, "auto", journal_socket=str(journal.address)):
        with within(3):
            for n in range(100):
                logs.emit("scan.incomplete", watch=f"{n}")
            time.sleep(1.2)  # noqa: TID251
        journal.read_ready()
        logs.emit("scan.incomplete", watch="there")
        logging.getLogger().handlers[0].flush()
        logs.emit("scan.incomplete", watch="next")
        logging.getLogger().handlers[0].flush()
        got = b"\n".join(journal.read_ready()).decode()
    assert "100 log lines were dropped" in got
    assert got.index("watch=there") < got.index("log lines were dropped") < got.index("watch=next")
    journal.stderr.seek(0)
    assert journal.stderr.read() == ""
    journal.close()


@pytest.mark.parametrize("log_format", ["json", "console", "journal"])
def test_a_log_states_its_lost_lines_in_its_own_format(stalled: Reader, log_format: str) -> None:
    stream = Stream(stalled.writes)
    with logging_to(cast("TextIO", stream), log_format, journal_socket=""):
        logs.emit("scan.incomplete", watch="lost")
        time.sleep(1.2)  # noqa: TID251
        stalled.read_ready()
        for watch in ("there", "next"):
            logs.emit("scan.incomplete", watch=watch)
            stream.outlet.drain()
        lines = stalled.read_ready().decode().splitlines()
    assert len(lines) == 3
    assert "1 log line was dropped" in lines[1]
    if log_format == "json":
        assert [json.loads(line)["level"] for line in lines] == ["warning"] * 3


class Stream:
    """A stream for the log: text into an outlet."""

    def __init__(self, descriptor: int) -> None:
        self.outlet = outlet.open_outlet(descriptor)

    def write(self, text: str) -> int:
        self.outlet.put(text.encode())
        return len(text)

    def flush(self) -> None:
        """See `TextIO.flush`."""
