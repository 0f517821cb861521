"""`scan`: one run over every watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from watcher.cli import one_shot, progress
from watcher.cli.context import global_options
from watcher.cli.output import output_format_option

if TYPE_CHECKING:
    from watcher.cli.context import Invocation


@click.command()
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="List the bucket and show what would be registered. Change nothing.",
)
@click.option(
    "--watch", "watches", multiple=True, metavar="NAME", help="Only this watch; may be repeated."
)
@click.option("--full", is_flag=True, help="Look at every object: use no remembered range.")
@one_shot.verbose_option
@one_shot.yes_option
@output_format_option(formats=("table", "json", "jsonl"))
@global_options
@click.pass_obj
def scan(
    invocation: Invocation,
    *,
    dry_run: bool,
    watches: tuple[str, ...],
    full: bool,
    verbose: bool,
    yes: bool,
    output_format: str,
) -> int:
    """List every watch, record what is new, register what is due, and exit.

    Waits for retries that are due within 30 s. Gives up when no file was registered,
    refused or failed for 30 s.
    On a terminal it asks before it registers more than 10,000 objects; "no" exits 1.
    """
    from watcher.wiring.app import App

    config = invocation.load()
    with (
        App(config, watches=one_shot.chosen(config, watches), full=full) as app,
        progress.shown(app.clock, wanted=not dry_run) as (tracker, bar),
    ):
        if dry_run:
            return one_shot.dry_run(app, tracker, output_format, verbose=verbose)
        report = one_shot.run(app, tracker, bar, yes=yes)
    if isinstance(report, int):
        return report
    one_shot.show(report, output_format)
    return one_shot.conclude(app, report)
