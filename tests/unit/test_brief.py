"""Short lines on a terminal, and where all fields stay."""

from __future__ import annotations

import logging
import os
import pty
from typing import TYPE_CHECKING, Any

import pytest

from watcher.observe import brief, log_handlers, log_setup, logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

URL = "https://b.oss-cn-shanghai.aliyuncs.com/{}.mp4"


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """A stream to a terminal, and its other end."""
    master, slave = pty.openpty()
    before = logging.getLogger().level
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream, master
    os.close(master)
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, log_handlers.OURS)]:
        root.removeHandler(handler)
    root.setLevel(before)


def settle(stream: TextIO, master: int, *, log_format: str, level: str, **fields: Any) -> str:
    log_setup.configure(format=log_format, level=level, stream=stream, quiet=False)
    media = [{"FileURL": URL.format(n), "MediaId": f"m{n}", "NewRegister": True} for n in range(9)]
    logs.emit(
        logs.BATCH_SETTLED,
        bucket="b",
        batch_id=7,
        RequestId="R1",
        RegisteredMediaList=media,
        **fields,
    )
    stream.flush()
    return os.read(master, 65536).decode().strip()


def test_the_hidden_events_exist() -> None:
    assert logs.EVENTS.keys() >= brief._SHOWN_BY_A_BAR


@pytest.mark.parametrize(
    ("log_format", "level", "whole"),
    [
        ("auto", "info", False),
        ("console", "info", False),
        ("console", "debug", True),
        ("auto", "debug", True),
        ("json", "info", True),
        ("journal", "info", True),
    ],
)
def test_a_batch_is_short_on_a_terminal_only(
    terminal: tuple[TextIO, int], log_format: str, level: str, *, whole: bool
) -> None:
    line = settle(*terminal, log_format=log_format, level=level, FailedFileURLs=[URL.format("x")])
    assert URL.format("x") in line
    for words in (URL.format(3), "R1", "MediaId"):
        assert (words in line) == whole, line
    if not whole:
        assert line.split(" ", 1)[1] == (
            "info    batch.settled bucket=b registered=9 refused=1 "
            f"FailedFileURLs={URL.format('x')}"
        )


def test_a_console_without_a_terminal_gets_all_fields() -> None:
    reads, writes = os.pipe()
    with os.fdopen(writes, "w", encoding="utf-8") as stream:
        assert "RegisteredMediaList=" in settle(
            stream, reads, log_format="console", level="info", FailedFileURLs=[]
        )
    os.close(reads)


def test_some_of_many_refused_files_are_named_and_pending_has_its_reason(
    terminal: tuple[TextIO, int],
) -> None:
    refused = [URL.format(n) for n in range(10)]
    line = settle(
        *terminal,
        log_format="console",
        level="info",
        FailedFileURLs=refused,
        pending=2,
        reason="timed out",
    )
    assert line.endswith(
        f'refused=10 FailedFileURLs="{", ".join(refused[:3])} and 7 more" pending=2 reason="timed '
        'out"'
    )


def test_a_progress_bar_hides_its_own_events_but_no_failure() -> None:
    def spared(event: str, **fields: Any) -> bool:
        record = logging.LogRecord("watcher", logging.INFO, __file__, 0, event, None, None)
        record.fields = fields
        return brief.is_shown_by_bar(record)

    assert spared("batch.settled", RegisteredMediaList=[{}], FailedFileURLs=[])
    assert not spared("batch.settled", RegisteredMediaList=[{}], FailedFileURLs=["u"])
    assert not spared(
        "batch.settled", RegisteredMediaList=[], FailedFileURLs=[], pending=1, reason="timed out"
    )
    assert spared("scan.progress")
    assert {name for name in logs.EVENTS if spared(name)} == brief._SHOWN_BY_A_BAR | {
        "batch.settled"
    }
