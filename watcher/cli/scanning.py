"""`scan`: one turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from watcher.cli.output import for_machines, output_format_option, printable, table, to_json
from watcher.cli.progress import LiveProgress
from watcher.errors import MachineFailed, UsageError

if TYPE_CHECKING:
    from watcher.cli.invocation import Invocation
    from watcher.reports import ScanReport
    from watcher.turn import TurnReport
    from watcher.wiring import App


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="List and decide for real, write nothing, call nothing else.")
@click.option("--watch", "watches", multiple=True, metavar="NAME", help="Only this watch; may be repeated.")
@output_format_option(formats=("table", "json", "jsonl"))
@click.pass_obj
def scan(invocation: Invocation, *, dry_run: bool, watches: tuple[str, ...], output_format: str) -> int:
    """List every watch, record what is new, register what is due, and exit.

    Waits for next attempts while one is due within 30 s, and gives up after 30 s without one trustworthy answer.
    """
    from watcher.cli import tell
    from watcher.wiring import App

    config = invocation.load()
    known = [watch.name for watch in config.watches]
    for name in watches:
        if name not in known:
            raise UsageError(f'there is no watch "{name}"', hint=f"Configured are: {', '.join(known)}.")
    with (
        App(config, watches=watches or tuple(known)) as app,
        LiveProgress(wanted=not invocation.quiet and not dry_run) as progress,
    ):
        if dry_run:
            return _rehearse(app, output_format, progress)
        try:
            report = app.turn(progress)
        except MachineFailed as error:
            if not app.clock.stopped_by:
                raise
            tell(error)
            click.echo("interrupted: run the command again to go on", err=True)
            return 128 + app.clock.stopped_by
    _print(report, output_format)
    return _conclude(app, report)


def _conclude(app: App, report: TurnReport) -> int:
    """Say on stderr what a person must know; return the exit status."""
    from watcher.cli import tell

    for error in report.errors:
        tell(error)
    if report.registering_pid is not None:
        click.echo(f"registering: pid {report.registering_pid}", err=True)
    signal_number = app.clock.stopped_by
    if signal_number:
        click.echo(f"interrupted: {report.pending} entries are in line; run the command again to go on", err=True)
        return 128 + signal_number
    return report.exit_status


def _print(report: TurnReport, output_format: str) -> None:
    if output_format != "table":
        for_machines()
        click.echo(to_json(as_json(report)))
        return
    _print_scans(report.scans)
    done = report.registered
    click.echo(
        f"registered {done.registered} (of them already known to VOD: {done.already_registered}), "
        f"failed {done.failed}, pending {report.pending}; "
        f"{done.register_calls} RegisterMedia calls, {report.duration_s:.1f} s"
    )


def _print_scans(scans: list[ScanReport]) -> None:
    from watcher.scan import ambiguous_note

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
            click.echo(f"note: {ambiguous_note(scan.watch, n)}")


def as_json(report: TurnReport) -> dict[str, Any]:
    """Return the report under its public names (design 4.1)."""
    names = ("watch", "complete", "listed", "matched", "new", "changed", "excluded", "list_calls", "duration_s")
    return {
        "scans": [{name: getattr(scan, name) for name in names} for scan in report.scans],
        "registered": report.registered.registered,
        "already_registered": report.registered.already_registered,
        "failed": report.registered.failed,
        "pending": report.pending,
        "register_calls": report.registered.register_calls,
        "duration_s": report.duration_s,
    }


def _rehearse(app: App, output_format: str, progress: LiveProgress) -> int:
    def show(bucket: str, key: str) -> None:
        if output_format == "table":
            click.echo(f"would register oss://{bucket}/{printable(key)}")

    report, would = app.rehearse(progress, show)
    seconds = round(would.would_call / app.config.vod.calls_per_second, 3)
    if output_format == "table":
        _print_scans(report.scans)
        click.echo(
            f"dry run: would register {would.would_register} objects in {would.would_call} calls, "
            f"{seconds} s at {app.config.vod.calls_per_second} calls a second; nothing was written"
        )
        if would.too_long:
            click.echo(f"{would.too_long} more would become failed: their file URL is too long (file_url_too_long)")
    else:
        dry = {
            "dry_run": True,
            "would_register": would.would_register,
            "would_call": would.would_call,
            "would_take_s": seconds,
        }
        for_machines()
        click.echo(to_json(as_json(report) | dry))
    return _conclude(app, report)
