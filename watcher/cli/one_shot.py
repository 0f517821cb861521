"""The common part of `scan` and `backfill`: run once, or as a dry run, and report the result."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import click

from watcher.cli.output import (
    for_machines,
    give_up_when,
    say,
    table,
    to_json,
    warn_of_other_names,
    work_comes_first,
)
from watcher.errors import LocalFailure, UsageError
from watcher.observe.escaping import printable
from watcher.rules.starts import sentence, shown
from watcher.rules.units import counted, rounded_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.cli.progress import Bar
    from watcher.config import Config
    from watcher.model.reports import ScanReport
    from watcher.operations.dry_run import DryRun
    from watcher.operations.progress import ProgressTracker
    from watcher.operations.run_report import RunReport
    from watcher.ports import Progress
    from watcher.wiring.app import App

_FIRST = 20  # keys that a dry run shows
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="With --dry-run: show every key, not only 20."
)
yes_option = click.option(
    "-y", "--yes", is_flag=True, help="Register without asking, however many there are."
)


def chosen(config: Config, watches: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the watches to work on: those named, or all.

    Raises:
        UsageError: one of them is not configured.
    """
    known = [watch.name for watch in config.watches]
    for name in watches:
        if name not in known:
            raise UsageError(
                f'there is no watch "{name}"', hint=f"Configured are: {', '.join(known)}."
            )
    return tuple(watches) or tuple(known)


def run(app: App, tracker: ProgressTracker, bar: Bar, *, yes: bool) -> RunReport | int:
    """Run once; return the report, or the exit status if it was interrupted.

    A large registration is confirmed first.  While a person is asked, the terminal
    is theirs, and no time passes for the rates.
    """
    from watcher.cli.confirm import Question, can_ask
    from watcher.cli.output import show_error

    @contextlib.contextmanager
    def paused() -> Iterator[None]:
        with bar.paused(), tracker.paused():
            yield

    work_comes_first()
    question = Question(app.config, app.clock, paused=paused()) if can_ask() and not yes else None
    try:
        return app.run(tracker, consent=question, on_wait=_say_who)
    except LocalFailure as error:
        if not app.clock.stopped_by:
            raise
        show_error(error)
        say("interrupted; run the command again to continue", err=True)
        return 128 + app.clock.stopped_by


def _say_who(pid: int | None) -> None:
    click.echo(f"registering: pid {pid}", err=True)


def conclude(app: App, report: RunReport) -> int:
    """Say on stderr what a person must know; return the exit status."""
    from watcher.cli.output import show_error

    signal_number = app.clock.stopped_by
    for error in report.met if signal_number else report.errors:
        show_error(error)
    if report.registering_pid is not None:
        _say_who(report.registering_pid)
    for bucket, key in app.gone:
        say(f"gone: oss://{bucket}/{printable(key)}", err=True)
    if signal_number:
        say(_interrupted(report), err=True)
        return 128 + signal_number
    if report.declined:
        say(
            f"nothing was registered; {_left(report.left or 0)}. The same command with --yes "
            "registers "
            "them, and so does any `scan` without a terminal. To keep them from it, narrow the "
            "watch's `include`, "
            "`exclude`, `min_size` or `max_size` first: entries that no watch selects stay as they "
            "are.",
            err=True,
        )
    return report.exit_status


def _interrupted(report: RunReport) -> str:
    """Say what is left, and how to continue."""
    head = "interrupted while listing" if report.cut_short else "interrupted"
    if report.left is None:
        return "interrupted: nothing was written; run the command again"
    if report.left:
        return f"{head}: {_left(report.left)}; run the command again to continue"
    return (
        f"{head}; run the command again to continue"
        if report.cut_short
        else f"{head}: no file is left to register"
    )


def _left(files: int) -> str:
    return "1 file is not registered yet" if files == 1 else f"{files} files are not registered yet"


def show(report: RunReport, output_format: str, **more: object) -> None:
    """Print what was done; `more` is added to the JSON."""
    if output_format != "table":
        for_machines()
        click.echo(to_json(as_json(report, with_starts="dry_run" in more) | more))
        return
    _show_scans(report.scans)
    done = report.registered
    say(
        f"registered {done.registered} (of them already known to VOD: {done.already_registered}), "
        f"failed {done.failed}, pending {report.pending}; "
        f"{counted(done.register_calls, 'RegisterMedia call')}, {report.duration_s:.1f} s"
    )


def _show_scans(scans: list[ScanReport]) -> None:
    from watcher.rules.advice import ambiguous_note

    table(
        "",
        ("watch", "complete", "listed", "matched", "new", "changed", "excluded", "list calls"),
        [
            (
                scan.watch,
                "yes" if scan.complete else "NO",
                scan.listed,
                scan.matched,
                scan.new,
                scan.changed,
                ", ".join(f"{reason} {n}" for reason, n in scan.excluded.items()),
                scan.list_calls,
            )
            for scan in scans
        ],
    )
    for scan in scans:
        if n := scan.excluded.get("ambiguous_extension"):
            say(f"note: {ambiguous_note(scan.watch, n)}")
        for note in scan.notes:
            say(f"note: {printable(note)}")


def as_json(report: RunReport, *, with_starts: bool = False) -> dict[str, Any]:
    """Return the report under its public names (design 4.1)."""
    scans = [(scan, shown(scan.start) if with_starts else {}) for scan in report.scans]
    names = (
        "watch",
        "complete",
        "listed",
        "matched",
        "new",
        "changed",
        "excluded",
        "list_calls",
        "duration_s",
    )
    return {
        "scans": [{name: getattr(scan, name) for name in names} | starts for scan, starts in scans],
        "registered": report.registered.registered,
        "already_registered": report.registered.already_registered,
        "failed": report.registered.failed,
        "pending": report.pending,
        "register_calls": report.registered.register_calls,
        "duration_s": report.duration_s,
    }


class _Shown:
    """Prints the keys that would be registered: the first ones, or all."""

    def __init__(self, *, most: float) -> None:
        self._most = most
        self._n = 0

    def __call__(self, bucket: str, key: str) -> None:
        self._n += 1
        if self._n <= self._most:
            say(f"would register oss://{bucket}/{printable(key)}")

    def end(self) -> None:
        """Say how many were not printed."""
        if self._n > self._most:
            say(f"and {self._n - int(self._most)} more; -v shows all")


def dry_run(
    app: App,
    progress: Progress,
    output_format: str,
    *,
    verbose: bool,
    also: Callable[[], dict[str, object]] = dict,
) -> int:
    """List the bucket and show what would be done, and what `also` returns. Change nothing."""
    shown_keys = _Shown(most=0 if output_format != "table" else math.inf if verbose else _FIRST)
    warn_of_other_names(app.config.ledger_path)
    give_up_when(lambda: app.clock.stopping)
    report, would = app.dry_run(progress, shown_keys)
    if output_format == "table":
        shown_keys.end()
        _show_scans(report.scans)
        for scan in report.scans:
            if scan.start.at is not None:
                say(printable(sentence(scan.watch, scan.start, app.config.timezone)))
        _show_prediction(app, report, would)
    else:
        prediction = {
            "dry_run": True,
            "would_register": would.would_register,
            "would_register_bytes": would.would_register_bytes,
            "would_call": would.would_call,
            "would_take_s": _seconds(app, would),
            "list_calls": _list_calls(report),
        }
        show(report, output_format, **prediction, **also())
    return conclude(app, report)


def _show_prediction(app: App, report: RunReport, would: DryRun) -> None:
    say(
        f"dry run: would register {counted(would.would_register, 'object')} "
        f"({rounded_size(would.would_register_bytes)}) in {counted(would.would_call, 'call')}, "
        f"{_seconds(app, would)} s at {app.config.vod.calls_per_second} calls a second; "
        f"listing takes {counted(_list_calls(report), 'request')}; nothing was written"
    )
    if would.too_long:
        say(
            f"{would.too_long} more would become failed: their file URL is too long "
            "(file_url_too_long)"
        )


def _seconds(app: App, would: DryRun) -> float:
    return round(would.would_call / app.config.vod.calls_per_second, 3)


def _list_calls(report: RunReport) -> int:
    return sum(scan.list_calls for scan in report.scans)
