"""`status` and `export`: what the ledger holds.  Opened read-only."""

from __future__ import annotations

import csv
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from watcher.cli.output import for_machines, output_format_option, table, to_json, utc_ms, write_rows

if TYPE_CHECKING:
    from watcher.cli.invocation import Invocation
    from watcher.model import WatchStatus


@click.command()
@output_format_option()
@click.pass_obj
def status(invocation: Invocation, *, output_format: str) -> None:
    """Show how many entries are in each state, the backlog's age, and the last complete scans."""
    from watcher.clock import SystemClock
    from watcher.ledger import LedgerReader
    from watcher.model import WatchStatus

    config = invocation.load()
    with LedgerReader(config.ledger_path) as reader:
        known = reader.status()
    names = {row.watch for row in known}
    rows = [*known, *(WatchStatus(watch=watch.name) for watch in config.watches if watch.name not in names)]
    now_ms = SystemClock.read_ms()
    if output_format == "table":
        columns = (
            "watch",
            "pending",
            "claimed",
            "registered",
            "failed",
            "changed",
            "oldest pending",
            "last complete scan",
        )
        table("", columns, [_for_people(row, now_ms) for row in rows])
        return
    watches = [_as_json(row, now_ms) for row in rows]
    for_machines()
    if output_format == "csv":
        writer = csv.DictWriter(sys.stdout, list(watches[0]))
        writer.writeheader()
        writer.writerows(watches)
    else:
        click.echo(to_json({"watches": watches, "breaker": None, "calls_per_second": config.vod.calls_per_second}))


def _as_json(row: WatchStatus, now_ms: int) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("watch", "pending", "claimed", "registered", "failed", "changed")}
    return counts | {
        "oldest_pending_s": _age_s(row, now_ms),
        "last_complete_scan_at": utc_ms(row.last_complete_scan_at),
        "breaker": None,
    }


def _age_s(row: WatchStatus, now_ms: int) -> float | None:
    return None if row.oldest_pending_at is None else max(0.0, (now_ms - row.oldest_pending_at) / 1000)


def _for_people(row: WatchStatus, now_ms: int) -> list[object]:
    age = _age_s(row, now_ms)
    return [
        row.watch,
        row.pending,
        row.claimed,
        row.registered,
        row.failed,
        row.changed,
        "" if age is None else f"{age:.0f} s",
        utc_ms(row.last_complete_scan_at) or "never",
    ]


@click.command()
@output_format_option("jsonl")
@click.pass_obj
def export(invocation: Invocation, *, output_format: str) -> None:
    """Write every entry of the ledger, one a line, in key order."""
    from watcher.ledger import LedgerReader
    from watcher.model import ExportedEntry
    from watcher.rules.file_url import FileUrlForm

    def file_url(template: str, encoding: str, region: str, bucket: str, key: str) -> str:
        return FileUrlForm(template, encoding, region).url(bucket, key)

    with LedgerReader(invocation.load().ledger_path) as reader:
        write_rows(reader.entries(file_url), [field.name for field in fields(ExportedEntry)], output_format)
