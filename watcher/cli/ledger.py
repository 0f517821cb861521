"""`ledger ...`: create it, check it, back it up, replace a lost one."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watcher.cli.context import global_options
from watcher.cli.output import (
    output_format_option,
    say,
    table,
    to_json,
    warn_of_other_names,
    work_comes_first,
)
from watcher.errors import AlreadyRunning, UsageError

if TYPE_CHECKING:
    from watcher.cli.context import Invocation
    from watcher.config import Config
    from watcher.ledger.sqlite.check import LedgerCheck
    from watcher.ledger.sqlite.replace import OldLedger


@click.group()
@global_options
def ledger() -> None:
    """Create the ledger, check it, back it up."""


@ledger.command("init")
@click.option(
    "--replace", is_flag=True, help="Keep the present ledger aside, and create a new one."
)
@click.option("--yes", is_flag=True, help="With --replace: do it without asking.")
@global_options
@click.pass_obj
def init(invocation: Invocation, *, replace: bool, yes: bool) -> None:
    """Create the ledger. No other command does, so that a lost one is not taken for a first run.

    --replace puts a new ledger in the place of a damaged one, where there is no backup. All files
    are sent to VOD again. Their media IDs stay the same.
    """
    from watcher.clock import SystemClock
    from watcher.ledger.sqlite import create, starts
    from watcher.ledger.sqlite import replace as replacing

    work_comes_first()
    config = invocation.load()
    path, now_ms = config.ledger_path, SystemClock.read_ms()
    if replace and replacing.is_there(path):
        _replace(config, yes=yes)
        return
    create(path, starts.from_now(_sources_from_now(config), now_ms=now_ms))
    say(f"created {path}")


def _sources_from_now(config: Config) -> list[str]:
    return [str(watch.source) for watch in config.watches if watch.start == "now"]


def _replace(config: Config, *, yes: bool) -> None:
    from watcher.clock import SystemClock
    from watcher.ledger.sqlite import ProcessLock, refuse_other_names
    from watcher.ledger.sqlite import replace as replacing

    path = config.ledger_path
    refuse_other_names(path)
    with ProcessLock(path) as lock:
        if not lock.try_acquire():
            raise AlreadyRunning(
                f"{lock.owner_text()} is using the ledger {path}",
                hint="Stop it, and run the command again; nothing was touched.",
            )
        old = replacing.read_old(path)
        from_now = _sources_from_now(config)
        replacing.refuse_lost_starts(path, old, from_now)
        _confirm(config, old, yes=yes)
        now_ms = SystemClock.read_ms()
        starts = replacing.starts_from(old, from_now, now_ms=now_ms)
        stamp = f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y%m%dT%H%M%SZ}"
        kept = replacing.replace(path, lock, old, stamp=stamp, starts=starts)
    say(f"kept the old ledger as {kept}")
    say(f"created {path}")


def _confirm(config: Config, old: OldLedger, *, yes: bool) -> None:
    """Show what it costs, and ask for a yes."""
    say(_cost(old.entries, config.vod.calls_per_second), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "replacing the ledger needs --yes",
            hint="Nothing was touched. Add --yes, or run it on a terminal.",
        )
    if not click.confirm("Replace it?", err=True):
        raise UsageError("the ledger was not replaced", hint="Nothing was touched.")


def _cost(entries: int | None, calls_per_second: int) -> str:
    if entries is None:
        much = "its entries cannot be counted; ten files take one RegisterMedia call"
    else:
        calls = -(-entries // 10)
        much = (
            f"{entries} known entries take about {calls} RegisterMedia calls, "
            f"about {calls / calls_per_second:.0f} s at {calls_per_second} calls a second"
        )
    return (
        f"A new ledger asks for every file again: {much}.\n"
        "Every media ID is recovered: for a file URL it knows VOD answers with the media ID it "
        "has.\n"
        "Lost are `changed` marks, the reasons of failed entries (they are tried again) and when "
        "files were first "
        "seen.\nThe old ledger is kept beside the new one."
    )


@ledger.command("check")
@output_format_option(formats=("table", "json"))
@global_options
@click.pass_obj
def check(invocation: Invocation, *, output_format: str) -> None:
    """Look at every page, index, reference and count; correct counts that are off.

    May be used beside a running process.  Exit status 4 if the ledger is damaged.
    """
    from watcher.clock import SystemClock
    from watcher.ledger.sqlite import check as checking

    work_comes_first()
    path = invocation.load().ledger_path
    warn_of_other_names(path)
    with SystemClock() as clock:
        report = checking.check(path, wait=clock.wait)
    if output_format == "table":
        _print_for_people(path, report)
    else:
        click.echo(to_json(_as_json(path, report)))
    if report.damaged:
        raise checking.damaged_error(path, report)


def _print_for_people(path: Path, report: LedgerCheck) -> None:
    say(f"{path}, schema {report.schema}")
    if report.entries:
        say(", ".join(f"{state} {n}" for state, n in report.entries.items()))
    rows = [
        (name if n == 0 else "", line)
        for name, lines in report.found.items()
        for n, line in enumerate(lines or ["sound"])
    ]
    table("", ("checked", "found"), rows)
    if report.tally_corrected:
        say("the tally was off and has been corrected")


def _as_json(path: Path, report: LedgerCheck) -> dict[str, object]:
    return {
        "ledger": str(path),
        "schema": report.schema,
        "entries": report.entries,
        "checks": [
            {"check": name, "sound": not lines, "found": lines}
            for name, lines in report.found.items()
        ],
        "tally_corrected": report.tally_corrected,
        "damaged": report.damaged,
    }


@ledger.command("backup")
@click.argument("target", metavar="PATH", type=click.Path(path_type=Path))
@global_options
@click.pass_obj
def backup(invocation: Invocation, *, target: Path) -> None:
    """Copy the ledger to PATH as it is at this moment, while other processes work.

    Never replaces a file.
    """
    from watcher.ledger.sqlite import backup as backing

    work_comes_first()
    path = invocation.load().ledger_path
    warn_of_other_names(path)
    n_bytes = backing.backup(path, target)
    say(f"wrote {target}, {n_bytes} bytes, checked")
