"""The progress bar on a real terminal: what its screen shows of a backfill, a scan and an audit."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.bars import (
    ONE_BY_ONE,
    WORK,
    N,
    bars,
    fill,
    percent,
    registers,
    slow_workspace,
)
from tests.support.daemons import known
from tests.support.terminals import Terminal
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

slow = slow_workspace


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("command", WORK)
def test_the_bar_stands_alone_below_the_lines_and_says_how_far_it_is(
    slow: Workspace, command: str, columns: int
) -> None:
    with Terminal(slow, command, columns=columns) as terminal:
        terminal.until(registers)
        before = terminal.text.count("batch.settled")  # the bar stands
        terminal.read(1)
        assert len(bars(terminal)) == 1, terminal.text
        at = terminal.rows.index(bars(terminal)[0])
        bar = "  ".join(terminal.rows[at:])
        for words in (
            r"^registering +\d+\.\d% +[━╸╺ ]+ +ETA 0:0\d:\d\d( |$)",
            r" listed 3,000( |$)",
            r" registered [1-9]\d*( |$)",
            r" failed 0( |$)",
            r" \d+\.\d calls/s( |$)",
        ):
            assert re.search(words, bar), (words, terminal.text)
        assert all(row.startswith("20") for row in terminal.rows[:at] if "scan." in row)
        assert terminal.text.count("batch.settled") == before
        first = percent(terminal)
        terminal.read(2)
        assert (percent(terminal) or 0) > (first or 100)
        terminal.interrupt()
        assert terminal.end() == 130
        assert bars(terminal) == [], "it was taken away"


def test_quiet_keeps_the_bar_and_drops_the_lines(slow: Workspace) -> None:
    with Terminal(slow, "backfill", "-q") as terminal:
        terminal.until(registers)
        assert terminal.rows[0].startswith("registering"), terminal.text


def test_the_debug_level_and_json_have_each_batch_whole(slow: Workspace) -> None:
    for options in (["--log-level", "debug"], ["--log-format", "json"]):
        with Terminal(slow, *options, "backfill", columns=3000) as terminal:
            terminal.until(registers)
            terminal.read(1)
            batches = [row for row in terminal.all_rows if "batch.settled" in row]
            assert len(batches) > 5
            assert all(row.count("FileURL") == 11 and "RequestId" in row for row in batches)
            assert len(bars(terminal)) == 1
        if "json" in options:
            assert all(len(json.loads(row)["RegisteredMediaList"]) == 10 for row in batches)


def test_refused_files_are_named_in_a_short_line(slow: Workspace, sandbox: Sandbox) -> None:
    for n in range(5):
        sandbox.vod.refuse(BUCKET, f"{n:06}.mp4")
    with Terminal(slow, "backfill", columns=400) as terminal:
        terminal.until(lambda it: "batch.settled" in it.text and registers(it))
        first = next(row for row in terminal.all_rows if "batch.settled" in row)
        assert " bucket=media-bucket registered=5 refused=5 FailedFileURLs=" in first
        host = "https://media-bucket.oss-cn-shanghai.aliyuncs.com"
        assert first.endswith(f'/000000.mp4, {host}/000001.mp4, {host}/000002.mp4 and 2 more"')
        assert "RegisteredMediaList" not in terminal.text


def test_a_bar_follows_the_width_of_its_window(slow: Workspace) -> None:
    with Terminal(slow, "-q", "backfill", columns=120) as terminal:
        terminal.until(registers)
        for columns in (40, 100, 25, 80):
            terminal.resize(columns, 24)
            terminal.read(1)
            assert len(bars(terminal)) == 1, (columns, terminal.text)
            assert terminal.rows[0].startswith("registering")
            assert max(map(len, terminal.rows)) < columns
            assert "listed 3,000" in terminal.text
        terminal.resize(80, 2)
        terminal.read(1)
        assert len(bars(terminal)) == 1


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_draw_gets_lines(slow: Workspace, term: str) -> None:
    with Terminal(slow, "backfill", env={"TERM": term}, columns=200) as terminal:
        terminal.until_shown("backfill.progress")
        assert b"\x1b" not in terminal.raw
        assert "batch.settled bucket=media-bucket registered=10\n" in terminal.text
        assert "RegisteredMediaList" not in terminal.text


def test_no_color_means_none(slow: Workspace) -> None:
    def colours(raw: bytes) -> set[bytes]:
        return set(re.findall(rb"\x1b\[[0-9;]*m", raw))

    for env, some in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal(slow, "backfill", env=env) as terminal:
            terminal.until(registers)
            assert any(re.search(rb"[34][0-8]", code) for code in colours(terminal.raw)) == some


def test_a_terminal_without_unicode_gets_what_it_can_show(slow: Workspace) -> None:
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    with Terminal(slow, "backfill", env=env) as terminal:
        terminal.until(lambda it: "ETA 0:" in it.text)
        assert terminal.raw.isascii()
        assert b"\\u" not in terminal.raw
        assert re.search(r"registering +\d+\.\d% +-+", terminal.text)


@pytest.mark.parametrize(
    "env", [{"TERM": "xterm-256color"}, {"TERM": "xterm", "CI": "true", "FORCE_COLOR": "1"}]
)
def test_a_log_file_of_ci_holds_no_bar(
    workspace: Workspace, sandbox: Sandbox, env: dict[str, str]
) -> None:
    fill(sandbox, 30)
    ran = workspace.run("backfill", env=workspace.env | env)
    assert ran.status == 0
    assert "\x1b" not in ran.out + ran.err
    assert any(
        event["event"] == "batch.settled" and event["RegisteredMediaList"] for event in ran.events
    )


def test_while_it_lists_there_is_a_percentage_only_beside_the_last_listing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(
        workspace.watch(more=ONE_BY_ONE), vod="calls_per_second = 1000\nconcurrent_calls = 16"
    )
    sandbox.vod.calls_per_second = 2000
    fill(sandbox, 4000)
    for command, known_before in (("scan", False), ("audit", True), ("backfill", True)):
        options = [] if command == "audit" else ["--yes"]
        with Terminal(workspace, "-q", command, *options) as terminal:
            terminal.until(
                lambda it: re.search(r"^listing .*\n?listed [1-3],000", it.text, re.MULTILINE)
            )
            thousands = int(terminal.text.split("listed ")[1][0])
            assert percent(terminal) == (25 * thousands if known_before else None)
            assert ("registered" in terminal.text) == (command != "audit")
            assert terminal.end() == 0


def test_at_the_question_the_terminal_is_the_persons(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(vod="calls_per_second = 100\nconcurrent_calls = 16")
    sandbox.vod.calls_per_second = 200
    fill(sandbox, 10_001)
    with Terminal(workspace, "-q", "backfill") as terminal:
        terminal.until_shown("[y/N]")
        terminal.read(6)
        assert bars(terminal) == []
        assert terminal.rows[-1] == "Register them now? [y/N]"
        terminal.type("y\n")
        terminal.until(registers)
        terminal.read(1.5)
        rate = re.search(r"([\d.]+) calls/s", terminal.text)
        assert rate
        assert float(rate[1]) > 35, terminal.text  # with the six seconds it were 20
        assert terminal.rows.index("Register them now? [y/N] y") < terminal.rows.index(
            bars(terminal)[0]
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", WORK)
def test_an_interrupted_run_says_how_many_files_are_left_and_how_to_continue(
    slow: Workspace, sandbox: Sandbox, command: str, number: signal.Signals
) -> None:
    with Terminal(slow, command, columns=200) as terminal:
        terminal.until(registers)
        terminal.child.send_signal(number)
        assert terminal.end() == 128 + number
        left = N - len(known(sandbox))
        assert (
            terminal.rows[-1] == f"interrupted: {left} files are not registered yet; "
            "run the command again to continue"
        )
        said = terminal.text
    for words in ("error:", "hint:", "put off", "Nothing is lost", "stopping", "in line"):
        assert words not in said, said


def test_an_interrupted_run_counts_what_its_own_watches_have_left(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("other")
    workspace.configure(
        workspace.watch(), workspace.watch("other", "oss://other/"), vod="calls_per_second = 1"
    )
    fill(sandbox, 51)
    sandbox.oss.fill("other", [f"{n}.mp4" for n in range(5)])
    for watches in (["videos", "other"], ["videos"]):
        with Terminal(
            workspace, "backfill", *(f"--watch={name}" for name in watches), columns=200
        ) as terminal:
            terminal.until(registers)
            terminal.interrupt()
            assert terminal.end() == 130
        rows = workspace.run("status", "--output-format", "json").json["watches"]
        left = sum(row["pending"] + row["claimed"] for row in rows if row["watch"] in watches)
        assert terminal.rows[-1].startswith(
            f"interrupted: {left} files are not registered yet; run"
        ), terminal.text


def test_an_interrupted_listing_is_said_to_be_one(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(workspace.watch(more=ONE_BY_ONE))
    fill(sandbox, 4000)
    for options, left in (
        ([], "interrupted while listing: "),
        (["--dry-run"], "interrupted: nothing was written; run"),
    ):
        with Terminal(workspace, "-q", "backfill", *options, columns=200) as terminal:
            terminal.read(3)
            terminal.interrupt()
            assert terminal.end() == 130
            assert terminal.rows[-1].startswith(left), terminal.text
