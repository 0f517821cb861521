"""The log: one line an event, stable names, nothing secret."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.checkout import CHECKOUT
from watcher.observe import log_setup, logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "S3cr3t+Key/With=Signs12345678"
AK = "LTAI5tExampleKeyId01"
DESIGNED = {
    "scan.started",
    "scan.progress",
    "backfill.progress",
    "inventory.read",
    "inventory.lacking",
    "listing.costly",
    "scan.finished",
    "scan.incomplete",
    "object.changed",
    "object.excluded",
    "batch.settled",
    "body.refused",
    "media.registered",
    "media.failed",
    "breaker.opened",
    "breaker.closed",
    "throttle.lowered",
    "throttle.raised",
    "ledger.recovered",
    "daemon.ready",
    "daemon.degraded",
    "daemon.reload_refused",
    "daemon.reloaded",
    "daemon.stopping",
    "daemon.stopped",
}


class Log:
    """A configured log, read back."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def set_up(
        self, log_format: str = "json", level: str = "debug", *, quiet: bool = False
    ) -> None:
        log_setup.configure(format=log_format, level=level, stream=self.stream, quiet=quiet)

    @property
    def lines(self) -> list[str]:
        """Return the lines as any reader splits them."""
        return self.stream.getvalue().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def log() -> Iterator[Log]:
    """Return a log, and restore the logging of the process afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield Log()
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def test_a_json_line_begins_with_time_level_and_event(log: Log) -> None:
    log.set_up()
    logs.emit("media.failed", bucket="b", key="a.mp4", reason="gone")
    (line,) = log.events
    assert list(line) == ["at", "level", "event", "bucket", "key", "reason"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"])
    assert (line["level"], line["event"], line["key"]) == ("error", "media.failed", "a.mp4")


def test_every_event_has_a_designed_name_a_level_and_a_meaning() -> None:
    rows = list(logs.table())
    assert {name for name, *_ in rows} <= DESIGNED
    assert all(meaning for *_, meaning, _alert in rows)
    assert {level for _, level, *_ in rows} == {"debug", "info", "warning", "error"}
    assert {name for name, level, *_ in rows if level == "debug"} == {
        "object.excluded",
        "media.registered",
    }


def test_the_table_holds_exactly_the_events_that_the_program_emits() -> None:
    emitted = {
        getattr(logs, constant)
        for path in (CHECKOUT / "watcher").rglob("*.py")
        for constant in re.findall(r"emit\(\s*logs\.([A-Z_]+)", path.read_text(encoding="utf-8"))
    }
    assert emitted == set(logs.EVENTS)


def test_the_fields_that_an_event_carries_are_those_of_the_table() -> None:
    carried: dict[str, set[str]] = {}
    gathered = set()  # events whose fields come in a mapping, too
    for path in (CHECKOUT / "watcher").rglob("*.py"):
        for name, fields in emissions(path):
            carried.setdefault(name, set()).update(field for field in fields if field)
            gathered |= {name} if None in fields else set()
    documented = {event.name: set(event.fields) for event in logs.EVENTS.values()}
    assert {
        name: fields - documented[name]
        for name, fields in carried.items()
        if fields - documented[name]
    } == {}
    assert [
        name for name in carried if name not in gathered and documented[name] - carried[name]
    ] == []


def emissions(path: Path) -> Iterator[tuple[str, list[str | None]]]:
    """Yield each event that a file emits, with its fields; None: and those of a mapping."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(args=[ast.Attribute(value=ast.Name(id="logs"), attr=constant), *_]):
                yield getattr(logs, constant), [keyword.arg for keyword in node.keywords]
            case _:
                pass


def test_every_event_is_emitted_by_its_constant() -> None:
    by_hand = [
        path.name
        for path in (CHECKOUT / "watcher").rglob("*.py")
        if re.search(r"""emit\(\s*["']""", path.read_text(encoding="utf-8"))
    ]
    assert by_hand == []


def test_an_event_comes_at_its_own_level(log: Log) -> None:
    log.set_up(level="info")
    logs.emit("object.excluded", key="a")
    logs.emit("scan.started", watch="w")
    logs.emit("scan.incomplete", watch="w")
    assert [(e["event"], e["level"]) for e in log.events] == [
        ("scan.started", "info"),
        ("scan.incomplete", "warning"),
    ]


def test_quiet_keeps_warnings_and_errors(log: Log) -> None:
    log.set_up(level="debug", quiet=True)
    logs.emit("scan.started", watch="w")
    logs.emit("media.failed", key="a")
    assert [e["event"] for e in log.events] == ["media.failed"]


def test_a_field_cannot_take_the_place_of_the_name_or_the_level(log: Log) -> None:
    log.set_up()
    logs.emit("scan.started", event="x", level="y", at="z")
    assert (log.events[0]["event"], log.events[0]["level"]) == ("scan.started", "info")


@pytest.mark.parametrize("log_format", ["json", "console", "journal"])
def test_one_event_is_one_line_whatever_is_in_the_key(log: Log, log_format: str) -> None:
    log.set_up(log_format)
    logs.emit(
        "media.failed", key="a\nb\r\x1b[31m\x85\u2028\u202e\x00\x7f\udc80.mp4", message="two\nlines"
    )
    (line,) = log.lines
    assert line.isprintable()
    assert "\\u001b" in line
    line.encode()


def test_json_gives_back_the_exact_key(log: Log) -> None:
    log.set_up()
    key = 'a\n"b"\\\x1b\x7f\u2028\U0001f3ac影.mp4'
    logs.emit("media.failed", key=key)
    assert log.events[0]["key"] == key


@pytest.mark.parametrize("log_format", ["json", "console", "journal"])
def test_chinese_stays_readable(log: Log, log_format: str) -> None:
    log.set_up(log_format)
    logs.emit("media.failed", key="电影/第 一 集\u3000上.mp4")
    assert "电影/第 一 集\u3000上.mp4" in log.lines[0]


def test_a_line_for_people_has_no_colours_and_quotes_what_is_ambiguous(log: Log) -> None:
    log.set_up("console")
    logs.emit("media.failed", key="a b.mp4", reason="gone", n=3, none=None, empty="")
    assert re.fullmatch(
        r'\S+Z error   media\.failed key="a b\.mp4" reason=gone n=3 none=null empty=""',
        log.lines[0],
    )


def test_the_journal_gets_priorities_and_no_time_of_ours(log: Log) -> None:
    log.set_up("journal")
    logs.emit("object.excluded", key="a")
    logs.emit("scan.started", watch="w")
    logs.emit("scan.incomplete", watch="w")
    logs.emit("media.failed", key="a")
    logging.getLogger("x").critical("the end")
    assert [line.split(" ")[0] for line in log.lines] == [
        "<7>object.excluded",
        "<6>scan.started",
        "<4>scan.incomplete",
        "<3>media.failed",
        "<2>the",
    ]


def test_configuring_again_replaces_the_first_and_writes_nothing_twice(log: Log) -> None:
    log.set_up("console")
    log.set_up("json")
    logs.emit("scan.started", watch="w")
    assert len(log.lines) == len(log.events) == 1


def test_log_lines_of_libraries_are_masked_single_lines(log: Log) -> None:
    log.set_up()
    try:
        int(f"GET https://vod/?AccessKeyId={AK}&Signature=abc%3D&SecurityToken=tok failed")
    except ValueError:
        logging.getLogger("some.library").exception(
            "failed:\n%s", f"Authorization: OSS {AK}:c2lnbmF0dXJlc2ln"
        )
    (line,) = log.events
    assert line["logger"] == "some.library"
    assert "Traceback" in line["exception"]
    assert "ValueError" in line["exception"]
    for secret in (AK, "abc%3D", "=tok", "c2lnbmF0dXJlc2ln"):
        assert secret not in log.stream.getvalue()


def test_a_bad_log_call_or_a_dead_stream_prints_nothing_and_stops_nothing() -> None:
    script = (
        "import io, logging\nfrom watcher.observe import log_setup, logs\nstream = io.StringIO()\n"
        "log_setup.configure(format='json', level='info', stream=stream, quiet=False)\n"
        f"logging.getLogger('x').warning('%d', {SECRET!r})\nstream.close()\n"
        "logs.emit('media.failed', key='a')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_tamed_sdks_write_only_through_our_log() -> None:
    script = """
import logging, sys
from watcher.observe import log_setup, logs
log_setup.configure(format="json", level="debug", stream=sys.stderr, quiet=False)
import oss2, aliyunsdkcore.client, alibabacloud_credentials.provider
from aliyunsdkcore.http import http_response
log_setup.tame_sdk_loggers()
sdk = "aliyunsdkcore aliyunsdkcore.http.http_response oss2.http credentials alibabacloud-tea"
for name in sdk.split():
    logger = logging.getLogger(name)
    assert not logger.handlers, name
    logger.debug("Authorization: leak of %s", name)
    logger.info("Authorization: leak of %s", name)
    logger.error("SecurityToken=leak of %s", name)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in seen] == ["oss2.http", "credentials", "alibabacloud-tea"]
    assert "leak" not in done.stderr


def test_a_log_line_imports_no_terminal_library() -> None:
    script = """import sys
from watcher.observe import log_setup, logs
log_setup.configure(format='auto', level='info', stream=sys.stderr, quiet=False)
logs.emit('scan.started', watch='w')
assert not {'structlog', 'rich', 'attr'} & set(sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    assert done.returncode == 0, done.stderr
