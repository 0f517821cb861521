"""Metrics for Prometheus: counters of this process, and gauges of the ledger at each request.

`metric_table` has their names.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from watcher import __version__
from watcher.clock import SystemClock
from watcher.errors import WatcherError
from watcher.model import Failure, Lane, State
from watcher.observe import outlet
from watcher.observe.metric_table import BY_NAME, PREFIX, TABLE, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from watcher.model import Breaker
    from watcher.model.reports import WatchStatus

__all__ = ["CONTENT_TYPE", "PREFIX", "TABLE", "Metrics", "MetricsSnapshot", "table"]

CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4
_FRESH_MS: Final = 1000
_CALL_BUCKETS: Final = (0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
_UPLOAD_BUCKETS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 21_600, 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSnapshot:
    """The state of ledger and configuration at one moment."""

    watches: tuple[WatchStatus, ...] = ()
    breakers: tuple[Breaker, ...] = ()  # the open ones
    calls_per_second: float = 0.0  # allowed now
    # Seconds from one scan to the next, by configured watch.
    intervals_s: Mapping[str, float] = field(default_factory=dict)
    last_audit_at: int | None = None  # last complete audit of all watches, milliseconds


class Metrics:
    """All metrics of one process. Threads may share it.

    Each request for the metrics calls `snapshot`, at most once a second. If it raises a
    `WatcherError`, its gauges are left out. `ready`: whether the process works fully.
    """

    def __init__(
        self,
        snapshot: Callable[[], MetricsSnapshot],
        *,
        ready: Callable[[], bool] = lambda: True,
        now_ms: Callable[[], int] = SystemClock.read_ms,
    ) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a sample more for each, unread
        self._now_ms = now_ms
        self._registry = prometheus_client.CollectorRegistry(auto_describe=False)
        self._rendering = threading.Lock()
        self._rendered: tuple[int, bytes] | None = None  # when, what
        # Collected first, so that the counters of a new watch appear at once.
        self._registry.register(
            _SnapshotCollector(snapshot, known=self._begin_at_zero, ready=ready, now_ms=now_ms)
        )
        self._registered = self._counter("registered_total")
        self._failed = self._counter("failed_total")
        self._calls = self._counter("register_calls_total")
        self._list_calls = self._counter("list_calls_total")
        self._listed = self._counter("listed_objects_total")
        self._incomplete = self._counter("incomplete_scans_total")
        self._scan_seconds = prometheus_client.Gauge(
            *_named("scan_seconds"), registry=self._registry
        )
        self._call_seconds = prometheus_client.Histogram(
            *_named("register_call_seconds"), buckets=_CALL_BUCKETS, registry=self._registry
        )
        self._after = prometheus_client.Histogram(
            *_named("upload_to_registered_seconds"),
            buckets=_UPLOAD_BUCKETS,
            registry=self._registry,
        )
        self._calls.labels("OK")
        prometheus_client.ProcessCollector(registry=self._registry)

    def registered(self, watch: str, *, new_register: bool, after_s: float) -> None:
        """Count a registered entry, `after_s` seconds after its LastModified."""
        self._registered.labels(watch, _word(yes=new_register)).inc()
        self._after.observe(max(0.0, after_s))

    def failed(self, watch: str, reason: str) -> None:
        """Count an entry that became `failed`."""
        self._failed.labels(watch, reason).inc()

    def called(self, code: str, seconds: float) -> None:
        """Count one RegisterMedia call. `code` is VOD's error code, or "" for a good answer."""
        self._calls.labels(code or "OK").inc()
        self._call_seconds.observe(seconds)

    def listed(self, watch: str, *, calls: int, objects: int) -> None:
        """Add requests and objects of a listing."""
        self._list_calls.labels(watch).inc(calls)
        self._listed.labels(watch).inc(objects)

    def scanned(self, watch: str, *, seconds: float, complete: bool) -> None:
        """Record an ended scan. The objects of a complete scan come from the ledger's snapshot."""
        self._scan_seconds.labels(watch).set(seconds)
        if not complete:
            self._incomplete.labels(watch).inc()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format, at most a second old.

        While another thread collects them, the last text is returned.
        """
        last = self._rendered
        if last and 0 <= self._now_ms() - last[0] < _FRESH_MS:
            return last[1]
        if not self._rendering.acquire(blocking=last is None):
            return last[1] if last else b""
        try:
            again = self._rendered
            if again is not last and again:
                return again[1]
            text = prometheus_client.generate_latest(self._registry)
            self._rendered = (self._now_ms(), text)
            return text
        finally:
            self._rendering.release()

    def _counter(self, name: str) -> prometheus_client.Counter:
        return prometheus_client.Counter(*_named(name), registry=self._registry)

    def _begin_at_zero(self, watch: str) -> None:
        """Show the counters of a new watch as 0, so that Prometheus sees the first increase."""
        for new_register in (True, False):
            self._registered.labels(watch, _word(yes=new_register))
        for reason in Failure:
            self._failed.labels(watch, str(reason))
        self._list_calls.labels(watch)
        self._listed.labels(watch)
        self._incomplete.labels(watch)


class _SnapshotCollector(Collector):
    """The gauges of the ledger and the configuration."""

    def __init__(
        self,
        snapshot: Callable[[], MetricsSnapshot],
        *,
        known: Callable[[str], None],
        ready: Callable[[], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self._snapshot = snapshot
        self._known = known
        self._ready = ready
        self._now_ms = now_ms

    def describe(self) -> Iterable[Any]:
        """Return nothing, so that registering this collector does not read the ledger."""
        return ()

    def collect(self) -> Iterable[Any]:
        """Yield the gauges. Without a snapshot, yield those of the process only."""
        lost = CounterMetricFamily(*_named("log_lines_dropped_total")[:2])
        lost.add_metric((), outlet.dropped())
        yield lost
        yield _gauge("build_info", [((__version__,), 1)])
        yield _gauge("degraded", [((), not self._ready())])
        try:
            snapshot = self._snapshot()
        except WatcherError:
            return
        for watch in snapshot.intervals_s:
            self._known(watch)
        yield _gauge("entries", _entries(snapshot))
        yield _gauge("backlog_oldest_seconds", _ages(snapshot, self._now_ms()))
        scanned = [row for row in snapshot.watches if row.last_complete_scan_at is not None]
        yield _gauge("last_scan_listed_objects", [((row.watch,), row.listed) for row in scanned])
        yield _gauge(
            "last_complete_scan_timestamp_seconds",
            [((row.watch,), (row.last_complete_scan_at or 0) / 1000) for row in scanned],
        )
        yield _gauge(
            "scan_interval_seconds", [((watch,), s) for watch, s in snapshot.intervals_s.items()]
        )
        open_for = {breaker.bucket for breaker in snapshot.breakers}
        buckets = {"", *(row.bucket for row in snapshot.watches), *open_for}
        yield _gauge(
            "breaker_open", [((bucket,), bucket in open_for) for bucket in sorted(buckets)]
        )
        yield _gauge("quota_calls_per_second", [((), snapshot.calls_per_second)])
        audited = [] if snapshot.last_audit_at is None else [((), snapshot.last_audit_at / 1000)]
        yield _gauge("last_audit_timestamp_seconds", audited)


def _entries(snapshot: MetricsSnapshot) -> list[tuple[tuple[str, ...], float]]:
    return [
        ((row.watch, str(state)), getattr(row, str(state)))
        for row in snapshot.watches
        for state in State
    ]


def _ages(snapshot: MetricsSnapshot, now_ms: int) -> list[tuple[tuple[str, ...], float]]:
    return [
        ((row.watch, str(lane)), 0 if since is None else max(0, now_ms - since) / 1000)
        for row in snapshot.watches
        for lane, since in (
            (Lane.FRESH, row.oldest_fresh_at),
            (Lane.BACKFILL, row.oldest_backfill_at),
        )
    ]


def _gauge(name: str, samples: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, BY_NAME[name].meaning, labels=BY_NAME[name].labels)
    for labels, value in samples:
        family.add_metric(labels, float(value))
    return family


def _named(name: str) -> tuple[str, str, tuple[str, ...]]:
    return PREFIX + name, BY_NAME[name].meaning, BY_NAME[name].labels


def _word(*, yes: bool) -> str:
    return "true" if yes else "false"
