"""`status`: counts, lag, last scans, breakers and the quota.  The ledger is opened read-only."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Any

import click

from watcher.cli.context import global_options
from watcher.cli.output import (
    for_machines,
    output_format_option,
    say,
    table,
    warn_of_other_names,
)
from watcher.observe.escaping import printable
from watcher.rules.instants import local_ms
from watcher.rules.starts import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from watcher.cli.context import Invocation
    from watcher.model.reports import WatchStatus
    from watcher.operations.status import Status


@click.command()
@output_format_option()
@global_options
@click.pass_obj
def status(invocation: Invocation, *, output_format: str) -> None:
    """Show how many entries are in each state, the backlog's age, and the last complete scans."""
    from watcher.clock import SystemClock
    from watcher.ledger.sqlite import LedgerReader
    from watcher.operations.status import costly, read_status

    config = invocation.load()
    warn_of_other_names(config.ledger_path)
    with LedgerReader(config.ledger_path) as reader:
        known = read_status(reader, config, now_ms=SystemClock.read_ms())
    if output_format == "table":
        _show(known, config.timezone, notes=costly(known, config))
        return
    for_machines()
    if output_format == "csv":
        watches = known.watches()
        writer = csv.DictWriter(sys.stdout, list(watches[0]))
        writer.writeheader()
        writer.writerows(watch | _cells(watch) for watch in watches)
    else:
        click.echo(known.as_json())


def _show(known: Status, zone: tzinfo, *, notes: Iterable[str]) -> None:
    """Print a table of the watches, and below it a sentence for each thing to know."""
    table("", (*_COLUMNS, *_BILLED), [_for_people(known, row, zone) for row in known.rows])
    for watch, start in known.starts.items():
        if start.at is not None:
            say(printable(sentence(watch, start, zone)))
    for row in known.rows:
        for line in _scan_lines(row, zone):
            say(printable(line))
    for note in notes:
        say(f"note: {note}")
    for breaker in known.breakers:
        who = f"bucket {breaker.bucket}" if breaker.bucket else "all buckets"
        since = local_ms(breaker.opened_at, zone)
        say(f"calls for {who} stopped at {since}: {printable(breaker.reason)}")
        say(f"  {breaker.hint} The next scan probes it.")
    say(
        f"RegisterMedia calls a second: {known.calls_per_second} (at most "
        f"{known.most_calls_per_second})"
    )


def _cells(watch: dict[str, Any]) -> dict[str, object]:
    """Return what CSV has in place of objects."""
    below = "; ".join(f"{prefix} {at}" for prefix, at in watch["start_below"].items())
    return {
        "breaker": (watch["breaker"] or {}).get("reason"),
        "start_below": below,
        "last_scan": _ended(watch["last_scan"]),
        "last_backfill": _ended(watch["last_backfill"]),
    }


def _ended(end: dict[str, Any] | None) -> str | None:
    if end is None:
        return None
    return f"{end['at']} " + ("complete" if end["complete"] else f"incomplete: {end['error']}")


_COLUMNS = (
    "watch",
    "pending",
    "claimed",
    "registered",
    "failed",
    "changed",
    "oldest pending",
    "last complete scan",
)
_BILLED = ("list calls a day", "list GB a day")


def _for_people(known: Status, row: WatchStatus, zone: tzinfo) -> list[object]:
    scanned_at = row.last_complete_scan_at
    never = "backfilled" if row.is_backfilled else "never"
    age, cost = known.age_s(row), known.bills[row.watch]
    return [
        row.watch,
        row.pending,
        row.claimed,
        row.registered,
        row.failed,
        row.changed,
        "" if age is None else f"{age:.0f} s",
        never if scanned_at is None else local_ms(scanned_at, zone),
        *((cost.calls_per_day, cost.gb_per_day) if cost else ("", "")),
    ]


def _scan_lines(row: WatchStatus, zone: tzinfo) -> Iterator[str]:
    """Yield how an incomplete last scan ended, its hint, and what the last backfill covered."""
    scan, backfill = row.unfinished, row.last_backfill
    if scan:
        yield (
            f'watch "{row.watch}": the scan that ended at {local_ms(scan.at, zone)} '
            f"is incomplete: {scan.error}"
        )
        if scan.hint:
            yield f"  {scan.hint}"
    if backfill:
        how = "is complete" if backfill.complete else f"is incomplete: {backfill.error}"
        yield f'watch "{row.watch}": the backfill that ended at {local_ms(backfill.at, zone)} {how}'
        if backfill.hint:
            yield f"  {backfill.hint}"
        yield f"  {backfill.extent}"
