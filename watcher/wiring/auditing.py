"""The parts of an audit, put together."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from watcher.audit import Audit, AuditReport, audit_all
from watcher.errors import LedgerUntrusted, MachineFailed
from watcher.ledger import LedgerReader, remember_audit
from watcher.observe import logs
from watcher.sieve import Sieve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ports import Clock, Progress
    from watcher.sieve import Watched
    from watcher.wiring.cloud import Cloud
    from watcher.wiring.terms import Terms


def audit(
    terms: Terms, cloud: Cloud, clock: Clock, *, progress: Progress, unaccounted: Callable[[str, str], None]
) -> AuditReport:
    """Audit the chosen watches; `unaccounted` is told (bucket, key) of each object that is missing in the ledger.

    When all watches were audited and nothing is missing, the ledger keeps the moment.

    Raises:
        WatcherError: no credentials, no ledger that can be read, or what `start = "now"` means is not known.
    """
    cloud.credentials.get()
    with LedgerReader(terms.config.ledger_path) as reader:
        reader.refuse_config([], terms.watch_specs(), config_path=str(terms.config.path))
        progress.begin(in_line=0, to_list=_last_listed(reader, terms.chosen))
        audits = [
            Audit(
                terms.watched(name),
                over_bucket=_over_bucket(terms, terms.watches[name].bucket),
                sieve=Sieve(terms.watched(name), terms.earlier(name), reader),
                source=cloud.sources[name],
                ledger=reader.audit,
                clock=clock,
                jitter=random.random,
                emit=logs.emit,
                progress=progress.listed,
                unaccounted=unaccounted,
                pace=cloud.paces[name].wait,
            )
            for name in terms.chosen
        ]
        report = audit_all(audits, clock=clock)
    if report.exit_status == 0 and {watch.watch for watch in report.watches} == set(terms.watches):
        try:
            remember_audit(terms.config.ledger_path, now_ms=clock.now_ms(), wait=clock.wait)
        except (MachineFailed, LedgerUntrusted) as error:  # it proves as much without that
            report.not_kept = error
    return report


def _last_listed(reader: LedgerReader, watches: Sequence[str]) -> int | None:
    """Return how many objects the last complete scans listed; None unless all watches had one."""
    listed = {row.watch: row.listed for row in reader.status() if row.last_complete_scan_at is not None}
    return sum(listed[name] for name in watches) if listed.keys() >= set(watches) else None


def _over_bucket(terms: Terms, bucket: str) -> list[Watched]:
    return [terms.watched(name) for name, watch in terms.watches.items() if watch.bucket == bucket]
