"""The parts of an audit."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from watcher.discovery.listing.pager import Pager
from watcher.discovery.selector import Selector
from watcher.errors import LedgerUntrusted, LocalFailure
from watcher.ledger.sqlite import LedgerReader, remember_audit
from watcher.observe import logs
from watcher.operations.audit import Audit, AuditReport, audit_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.discovery.selector import ScanTarget
    from watcher.ports import Clock, Progress
    from watcher.wiring.clients import Cloud
    from watcher.wiring.resolved import ResolvedConfig


def audit(
    resolved: ResolvedConfig,
    cloud: Cloud,
    clock: Clock,
    *,
    progress: Progress,
    unaccounted: Callable[[str, str], None],
) -> AuditReport:
    """Audit the chosen watches.

    `unaccounted` is called with (bucket, key) of each object that the ledger lacks.  If all watches
    were audited and nothing is missing, the ledger keeps the time.

    Raises:
        WatcherError: no credentials, no ledger that can be read, or what `start = "now"` means is
            not known.
    """
    cloud.credentials.get()
    with LedgerReader(resolved.config.ledger_path) as reader:
        reader.refuse_config([], resolved.watch_specs(), config_path=str(resolved.config.path))
        progress.begin(queued=0, to_list=_last_listed(reader, resolved.chosen))
        audits = [
            _audit_of(
                name, resolved, cloud, clock, reader, progress=progress, unaccounted=unaccounted
            )
            for name in resolved.chosen
        ]
        report = audit_all(audits, clock=clock)
    if report.exit_status == 0 and {watch.watch for watch in report.watches} == set(
        resolved.watches
    ):
        try:
            remember_audit(resolved.config.ledger_path, now_ms=clock.now_ms(), wait=clock.wait)
        except (LocalFailure, LedgerUntrusted) as error:  # the proof holds without it
            report.not_kept = error
    return report


def _audit_of(
    name: str,
    resolved: ResolvedConfig,
    cloud: Cloud,
    clock: Clock,
    reader: LedgerReader,
    *,
    progress: Progress,
    unaccounted: Callable[[str, str], None],
) -> Audit:
    """Return the audit of one watch."""
    return Audit(
        resolved.target(name),
        over_bucket=_over_bucket(resolved, resolved.watches[name].bucket),
        selector=Selector(resolved.target(name), resolved.earlier(name), reader),
        pager=Pager(
            cloud.sources[name], pace=cloud.paces[name].wait, clock=clock, jitter=random.random
        ),
        ledger=reader.audit,
        clock=clock,
        emit=logs.emit,
        progress=progress.listed,
        unaccounted=unaccounted,
    )


def _last_listed(reader: LedgerReader, watches: Sequence[str]) -> int | None:
    """Return how many objects the last complete scans listed; None unless all watches had one."""
    listed = {
        row.watch: row.listed for row in reader.status() if row.last_complete_scan_at is not None
    }
    return sum(listed[name] for name in watches) if listed.keys() >= set(watches) else None


def _over_bucket(resolved: ResolvedConfig, bucket: str) -> list[ScanTarget]:
    return [
        resolved.target(name) for name, watch in resolved.watches.items() if watch.bucket == bucket
    ]
