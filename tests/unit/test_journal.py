"""The default destination of the log, and the content of journal entries."""

from __future__ import annotations

import json
import logging
import os
import pty
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from watcher.observe import log_handlers, logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

SECRET = "tok3n-of-nobody-at-all"


class Journal:
    """A stderr that is the journal, and the journal's socket beside it."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "socket"
        self.stderr = (folder / "stderr").open("w+", encoding="utf-8")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.address))
        self.socket.settimeout(5)
        status = os.fstat(self.stderr.fileno())
        self.stream = f"{status.st_dev}:{status.st_ino}"

    def entry(self) -> dict[str, str]:
        """Return the next entry; every line of it has to be a field."""
        return dict(line.split("=", 1) for line in self.socket.recv(1_000_000).decode().split("\n"))

    def lines(self) -> list[str]:
        """Return what was written to stderr."""
        logging.getLogger().handlers[0].flush()
        self.stderr.seek(0)
        return self.stderr.read().splitlines()


@contextmanager
def logging_to(stream: TextIO, log_format: str, *, journal_socket: str) -> Iterator[None]:
    """Log as `log_setup.configure` does, but to this socket, and clean up afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    handler = log_handlers.choose(log_format, stream, journal_socket=journal_socket)
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        handler.close()
        root.handlers[:] = before[0]
        root.setLevel(before[1])


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A log with the format `auto` that is connected to the journal."""
    made = Journal(tmp_path)
    monkeypatch.setenv("JOURNAL_STREAM", made.stream)
    with logging_to(made.stderr, "auto", journal_socket=str(made.address)):
        yield made
    made.socket.close()
    made.stderr.close()


def test_the_journal_gets_the_message_the_priority_and_every_field_as_its_own(
    journal: Journal,
) -> None:
    logs.emit(
        "media.failed",
        bucket="b",
        key="电影/a b.mp4",
        reason="gone",
        n=3,
        none=None,
        RequestId="R-1",
    )
    assert journal.entry() == {
        "MESSAGE": (
            'media.failed bucket=b key="电影/a b.mp4" reason=gone n=3 none=null RequestId=R-1'
        ),
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "oss-vod-watcher",
        "OSS_VOD_WATCHER_EVENT": "media.failed",
        "OSS_VOD_WATCHER_BUCKET": "b",
        "OSS_VOD_WATCHER_KEY": "电影/a b.mp4",
        "OSS_VOD_WATCHER_REASON": "gone",
        "OSS_VOD_WATCHER_N": "3",
        "OSS_VOD_WATCHER_NONE": "null",
        "OSS_VOD_WATCHER_REQUEST_ID": "R-1",
    }
    assert journal.lines() == []


def test_field_names_become_valid_journal_names(journal: Journal) -> None:
    logs.emit("batch.settled", FailedFileURLs=["u"], RegisteredMediaList=[{"MediaId": "m"}])
    entry = journal.entry()
    assert json.loads(entry["OSS_VOD_WATCHER_FAILED_FILE_URLS"]) == ["u"]
    assert json.loads(entry["OSS_VOD_WATCHER_REGISTERED_MEDIA_LIST"]) == [{"MediaId": "m"}]


def test_the_priority_follows_the_level(journal: Journal) -> None:
    for event in ("object.excluded", "scan.started", "scan.incomplete", "media.failed"):
        logs.emit(event)
    logging.getLogger("x").critical("the end")
    assert [journal.entry()["PRIORITY"] for _ in range(5)] == ["7", "6", "4", "3", "2"]


def test_no_key_can_add_a_field_or_steer_a_terminal(journal: Journal) -> None:
    logs.emit("media.failed", key="a\nPRIORITY=0\n\x1b[31m\x00\udc80\u202e.mp4")
    entry = journal.entry()
    assert entry["PRIORITY"] == "3"
    assert all(value.isprintable() for value in entry.values())
    assert entry["OSS_VOD_WATCHER_KEY"].startswith("a\\u000aPRIORITY=0\\u000a\\u001b[31m")


def test_no_secret_reaches_the_journal(journal: Journal) -> None:
    logging.getLogger("some.library").warning("GET https://vod/?SecurityToken=%s failed", SECRET)
    logs.emit("scan.incomplete", reason=f"SecurityToken={SECRET}", security_token=SECRET)
    for _ in range(2):
        assert SECRET not in str(journal.entry())


def test_an_exception_is_a_field_too(journal: Journal) -> None:
    try:
        int("x")
    except ValueError:
        logging.getLogger("watcher").exception("broken")
    assert "ValueError" in journal.entry()["OSS_VOD_WATCHER_EXCEPTION"]


def test_without_the_socket_lines_with_their_priority_go_to_stderr(journal: Journal) -> None:
    journal.address.unlink()
    logs.emit("scan.incomplete", watch="a b")
    assert journal.lines() == ['<4>scan.incomplete watch="a b"']


def test_after_a_restart_of_the_journal_the_next_entry_reaches_the_new_one(
    journal: Journal,
) -> None:
    journal.socket.close()
    logs.emit("scan.started")
    assert journal.lines() == ["<6>scan.started"]
    journal.address.unlink()
    journal.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.socket.bind(str(journal.address))
    journal.socket.settimeout(5)
    logs.emit("scan.finished")
    assert journal.entry()["OSS_VOD_WATCHER_EVENT"] == "scan.finished"
    assert journal.lines() == ["<6>scan.started"]


def test_an_entry_too_long_for_a_datagram_is_a_line_on_stderr(journal: Journal) -> None:
    logs.emit("media.failed", message="x" * 2_000_000)
    (line,) = journal.lines()
    assert line.startswith("<3>media.failed message=xxx")


def test_a_pipe_to_the_journal_gets_lines_where_journal_is_asked_for_by_name(
    tmp_path: Path,
) -> None:
    with (tmp_path / "pipe").open("w+") as stream:
        with logging_to(stream, "journal", journal_socket=str(tmp_path / "none")):
            logs.emit("scan.started", watch="w")
        stream.seek(0)
        assert stream.read() == "<6>scan.started watch=w\n"


def test_a_file_gets_json_by_default_even_under_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "file").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        with logging_to(stream, "auto", journal_socket=str(tmp_path / "none")):
            logs.emit("scan.started", watch="w")
        stream.seek(0)
        assert json.loads(stream.read())["event"] == "scan.started"


def test_a_terminal_gets_lines_for_people_by_default(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        with logging_to(stream, "auto", journal_socket=str(tmp_path / "none")):
            logs.emit("scan.started", watch="w")
        shown = os.read(ours, 1000).decode()
    os.close(ours)
    assert shown.endswith("info    scan.started watch=w\r\n")
