"""`scan`: one turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from watcher.cli import progress, turns
from watcher.cli.invocation import global_options
from watcher.cli.output import output_format_option

if TYPE_CHECKING:
    from watcher.cli.invocation import Invocation


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="List and decide for real, write nothing, call nothing else.")
@click.option("--watch", "watches", multiple=True, metavar="NAME", help="Only this watch; may be repeated.")
@click.option("--full", is_flag=True, help="Look at every object, also where a listing is as it was.")
@turns.verbose_option
@turns.yes_option
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

    Waits for next attempts while one is due within 30 s. Gives up when no file was registered,
    refused or failed for 30 s.
    On a terminal it asks before it registers more than 10,000 objects; "no" exits 1.
    """
    from watcher.wiring import App

    config = invocation.load()
    with (
        App(config, watches=turns.chosen(config, watches), full=full) as app,
        progress.watched(app.clock, wanted=not dry_run) as (tracker, bar),
    ):
        if dry_run:
            return turns.rehearse(app, tracker, output_format, verbose=verbose)
        report = turns.take(app, tracker, bar, yes=yes)
    if isinstance(report, int):
        return report
    turns.show(report, output_format)
    return turns.conclude(app, report)
