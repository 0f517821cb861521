"""The output of commands on terminals of 40, 80 and 120 columns, and in a pipe.

A terminal shows whole words and figures.  A pipe gets all of it, unwrapped.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.terminals import Terminal
from tests.support.workspace import BUCKET, Workspace
from watcher.cli.tables import width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

COLUMNS = (40, 80, 120)
KEYS = [
    *(f"{n:03}.mp4" for n in range(40)),
    "课程/第一讲 高清版本/二〇二六年秋季学期 线性代数.mp4",
    f"{'long-name-' * 30}.mp4",
    "with spaces/and + and % in it.mov",
    "nothing.txt",
    "slice.ts",
]
REFUSED = KEYS[0]
COMMANDS = {
    "status": ["status"],
    "audit": ["audit"],
    "audit that proves nothing": ["audit", "--watch", "lost"],
    "export": ["export", "--output-format", "table"],
    "scan": ["scan"],
    "scan --dry-run": ["scan", "--dry-run"],
    "scan --dry-run -v": ["scan", "--dry-run", "-v"],
    "backfill": ["backfill"],
    "backfill --dry-run": ["backfill", "--dry-run"],
    "retry": ["retry", "--all-failed"],
    "ledger check": ["ledger", "check"],
    "ledger backup": ["ledger", "backup", "a-copy-of-the-ledger-with-a-long-name.db"],
    "no such watch": ["scan", "--watch", "nothing"],
}


@pytest.fixture
def odd_keys(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """Two watches with odd keys and large counts.

    Keys have all lengths and scripts; one failed, one was overwritten; counts have seven digits.
    """
    workspace.configure(
        workspace.watch("videos-of-all-departments"),
        workspace.watch("lost", "oss://other-bucket/in/"),
        more='[retry]\nfirst_delay = "10ms"\nmax_delay = "10ms"',
    )
    sandbox.oss.create_bucket("other-bucket")
    sandbox.oss.fill(BUCKET, KEYS, modified_at=sandbox.clock.now() - timedelta(days=3))
    sandbox.vod.add_bucket("other-bucket")
    sandbox.vod.refuse(BUCKET, REFUSED)
    assert workspace.scan().status == 6
    sandbox.oss.put(BUCKET, KEYS[1], b"another")
    sandbox.oss.fill(BUCKET, [f"later/{n:03}.mp4" for n in range(40)])
    return workspace


def count_in_millions(workspace: Workspace) -> None:
    """Make the ledger count as if the bucket were large."""
    with closing(sqlite3.connect(workspace.ledger)) as db:
        db.execute("UPDATE tally SET n = n + 1234567")
        db.commit()


def torn(raw: bytes, columns: int) -> list[str]:
    """Return the printed lines that the terminal had to fold within more than one word."""
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", raw.decode()))
    return [line for line in lines if width_of(line) > columns and len(line.split()) > 1]


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_or_figure_is_torn(odd_keys: Workspace, command: str, columns: int) -> None:
    if command == "status":
        count_in_millions(odd_keys)
    with Terminal(
        odd_keys, "--log-level", "error", *COMMANDS[command], columns=columns
    ) as terminal:
        terminal.end()
        assert terminal.rows
        assert torn(terminal.raw, columns) == [], terminal.text


def words_of(lines: Sequence[str]) -> set[str]:
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_status_in_millions_shows_each_figure_whole(odd_keys: Workspace, columns: int) -> None:
    count_in_millions(odd_keys)
    found = odd_keys.run("status", "--output-format", "json").json["watches"][0]
    with Terminal(odd_keys, "status", columns=columns) as terminal:
        assert terminal.end() == 0
        shown = words_of(terminal.all_rows)
    wanted = {
        str(found[name])
        for name in ("pending", "registered", "failed", "changed", "last_complete_scan_at")
    }
    assert wanted | {"videos-of-all-departments"} <= shown, terminal.text
    assert any(len(each) == 7 for each in wanted)


@pytest.mark.parametrize("command", ["status", "audit", "export", "scan", "ledger check"])
def test_a_pipe_gets_all_of_it_one_line_a_row(odd_keys: Workspace, command: str) -> None:
    """Under any COLUMNS: it is no terminal."""
    odd_keys.env["COLUMNS"] = "40"
    ran = odd_keys.run("-q", *COMMANDS[command])
    lines = ran.out.splitlines()
    ruler = next(n for n, line in enumerate(lines) if line and set(line) == {"─"})
    assert all(len(re.split(r" {2,}", line)) > 1 for line in lines[ruler - 1 : ruler + 3 : 2])
    if command in ("status", "audit", "scan"):
        assert "videos-of-all-departments" in lines[ruler + 1]
        assert "lost" in lines[ruler + 2]


def test_an_exported_table_has_a_head_and_a_line_for_each_entry(odd_keys: Workspace) -> None:
    entries = odd_keys.entries()
    lines = odd_keys.run("export", "--output-format", "table").out.splitlines()
    assert lines[0].split() == list(entries[0])
    assert len(lines) == len(entries) + 2
    for entry, line in zip(entries, lines[2:], strict=True):
        assert entry["key"] in line
        assert entry["file_url"] in line
        assert entry["modified_at"] in line


def test_an_exported_table_on_a_terminal_is_one_record_below_the_other(odd_keys: Workspace) -> None:
    with Terminal(odd_keys, "export", "--output-format", "table", columns=80) as terminal:
        assert terminal.end() == 0
        records = terminal.text.count("media-bucket\n")
        assert records == len(odd_keys.entries())
        assert re.search(rf"^key +{KEYS[1]}$", terminal.text, re.MULTILINE)
        assert re.search(
            r"^registered_at +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z$", terminal.text, re.MULTILINE
        )


@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_a_dry_run_shows_twenty_keys_and_with_v_all(
    workspace: Workspace, sandbox: Sandbox, command: str
) -> None:
    def shown(*options: str) -> list[str]:
        lines = workspace.run("-q", command, "--dry-run", *options).out.splitlines()
        assert sum("would register 3000 objects" in line for line in lines) == 1
        return [
            line for line in lines if line.startswith("would register oss://") or "more" in line
        ]

    keys = [f"{n:04}.mp4" for n in range(3000)]
    sandbox.oss.fill(BUCKET, keys)
    every = shown("-v")
    assert sorted(every) == [f"would register oss://{BUCKET}/{key}" for key in keys]
    first = shown()
    assert len(first) == 21
    assert set(first[:20]) <= set(every)
    assert first[20] == "and 2980 more; -v shows all"
    listed = workspace.run(command, "--dry-run", "-v", "--output-format", "json")
    assert listed.json["would_register"] == 3000


@pytest.mark.parametrize(
    ("n", "more"), [(0, None), (19, None), (20, None), (21, "and 1 more; -v shows all")]
)
def test_a_dry_run_says_how_many_it_did_not_show(
    workspace: Workspace, sandbox: Sandbox, n: int, more: str | None
) -> None:
    sandbox.oss.fill(BUCKET, [f"{each:04}.mp4" for each in range(n)])
    lines = workspace.run("-q", "scan", "--dry-run").out.splitlines()
    assert sum(line.startswith("would register oss://") for line in lines) == min(n, 20)
    assert [line for line in lines if "more; -v" in line] == ([more] if more else [])


def test_nothing_that_draws_on_terminals_is_loaded_for_a_pipe(odd_keys: Workspace) -> None:
    """A scan run by a timer pays for nothing that it does not show."""
    code = (
        "import sys; from watcher.cli import run_command\n"
        "for arguments in {commands}:\n    run_command(['--log-level', 'error', '-c', sys.argv[1], "
        "*arguments])\n"
        "loaded = sorted(name for name in sys.modules if name.split('.')[0] in ('rich', "
        "'pygments'))\n"
        "sys.exit(', '.join(loaded) or 0)"
    ).replace("{commands}", repr(list(COMMANDS.values())))
    done = subprocess.run(
        [sys.executable, "-c", code, str(odd_keys.config)],
        cwd=odd_keys.folder, env=odd_keys.env, capture_output=True, check=False, timeout=100,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
