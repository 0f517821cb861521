"""`status` and `export`: what the ledger holds.  Opened read-only."""

from __future__ import annotations

import csv
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from watcher.cli.output import for_machines, output_format_option, printable, table, to_json, utc_ms, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from watcher.cli.invocation import Invocation
    from watcher.config import Config
    from watcher.model import Breaker
    from watcher.reports import WatchStatus
    from watcher.rules.listing_bill import ListingBill


@click.command()
@output_format_option()
@click.pass_obj
def status(invocation: Invocation, *, output_format: str) -> None:
    """Show how many entries are in each state, the backlog's age, and the last complete scans."""
    from watcher.clock import SystemClock
    from watcher.ledger import LedgerReader
    from watcher.reports import WatchStatus

    config = invocation.load()
    with LedgerReader(config.ledger_path) as reader:
        known, open_breakers, given = reader.status(), reader.breakers(), reader.calls_per_second()
    names = {row.watch for row in known}
    rows = [*known, *(WatchStatus(watch=w.name, bucket=w.bucket) for w in config.watches if w.name not in names)]
    breakers = {breaker.bucket: breaker for breaker in open_breakers}
    now_ms = SystemClock.read_ms()
    bills = {row.watch: _bill(row, config) for row in rows}
    most = config.vod.calls_per_second
    calls_per_second = most if given is None else round(min(most, given), 2)
    if output_format == "table":
        table("", (*_COLUMNS, *_BILLED), [_for_people(row, bills[row.watch], now_ms) for row in rows])
        for note in _costly(rows, bills, config):
            click.echo(f"note: {note}")
        for breaker in open_breakers:
            who = f"bucket {breaker.bucket}" if breaker.bucket else "all buckets"
            click.echo(f"calls for {who} stopped at {utc_ms(breaker.opened_at)}: {printable(breaker.reason)}")
            click.echo(f"  {breaker.hint} The next scan probes it.")
        click.echo(f"RegisterMedia calls a second: {calls_per_second} (at most {most})")
        return
    watches = [_as_json(row, bills[row.watch], breakers.get(row.bucket), now_ms) for row in rows]
    for_machines()
    if output_format == "csv":
        writer = csv.DictWriter(sys.stdout, list(watches[0]))
        writer.writeheader()
        writer.writerows(watch | {"breaker": (watch["breaker"] or {}).get("reason")} for watch in watches)
    else:
        account = _breaker_as_json(breakers.get(""))
        click.echo(to_json({"watches": watches, "breaker": account, "calls_per_second": calls_per_second}))


_COLUMNS = ("watch", "pending", "claimed", "registered", "failed", "changed", "oldest pending", "last complete scan")
_BILLED = ("list calls a day", "list GB a day")


def _bill(row: WatchStatus, config: Config) -> ListingBill | None:
    """Return what listing a configured watch costs at its schedule; None if it was not listed by this version yet."""
    from watcher.rules.listing_bill import bill
    from watcher.schedule import starts_per_day

    schedules = {watch.name: watch.schedule for watch in config.watches}
    if not row.list_calls or row.watch not in schedules:
        return None
    return bill(
        calls=row.list_calls,
        n_bytes=row.list_bytes,
        took_s=row.list_took_s,
        starts_per_day=starts_per_day(schedules[row.watch]),
    )


def _costly(rows: Sequence[WatchStatus], bills: Mapping[str, ListingBill | None], config: Config) -> Iterator[str]:
    """Yield what to do about watches that are dear to list."""
    from watcher.rules.listing_bill import costly_note, internal_endpoint

    endpoints = {watch.name: watch.endpoint for watch in config.watches}
    for row in rows:
        if cost := bills[row.watch]:
            cheaper_at = internal_endpoint(endpoints[row.watch], config.vod.region)
            if note := costly_note(row.watch, row.listed, cost.gb_per_day, cheaper_at):
                yield note


def _as_json(row: WatchStatus, cost: ListingBill | None, breaker: Breaker | None, now_ms: int) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("watch", "pending", "claimed", "registered", "failed", "changed")}
    return counts | {
        "oldest_pending_s": _age_s(row, now_ms),
        "last_complete_scan_at": utc_ms(row.last_complete_scan_at),
        "list_calls_per_day": cost and cost.calls_per_day,
        "list_gb_per_day": cost and cost.gb_per_day,
        "breaker": _breaker_as_json(breaker),
    }


def _breaker_as_json(breaker: Breaker | None) -> dict[str, str | None] | None:
    if breaker is None:
        return None
    return {
        "reason": breaker.reason,
        "since": utc_ms(breaker.opened_at),
        "next_probe_at": utc_ms(breaker.next_probe_at),
    }


def _age_s(row: WatchStatus, now_ms: int) -> float | None:
    return None if row.oldest_pending_at is None else max(0.0, (now_ms - row.oldest_pending_at) / 1000)


def _for_people(row: WatchStatus, cost: ListingBill | None, now_ms: int) -> list[object]:
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
        *((cost.calls_per_day, cost.gb_per_day) if cost else ("", "")),
    ]


@click.command()
@output_format_option("jsonl")
@click.pass_obj
def export(invocation: Invocation, *, output_format: str) -> None:
    """Write every entry of the ledger, one a line, in key order."""
    from watcher.ledger import LedgerReader
    from watcher.reports import ExportedEntry
    from watcher.rules.file_url import FileUrlForm

    def file_url(template: str, encoding: str, region: str, bucket: str, key: str) -> str:
        return FileUrlForm(template, encoding, region).url(bucket, key)

    with LedgerReader(invocation.load().ledger_path) as reader:
        write_rows(reader.entries(file_url), [field.name for field in fields(ExportedEntry)], output_format)
