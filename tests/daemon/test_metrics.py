"""The metrics: public names and labels, right figures, and one read of the ledger a second."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from watcher import __version__
from watcher.errors import LocalFailure
from watcher.model import Breaker, BreakerKind
from watcher.model.reports import WatchStatus
from watcher.observe.metrics import PREFIX, TABLE, Metrics, MetricsSnapshot

DESIGN = {  # as design 4.4 has them
    "entries": ("watch", "state"),
    "backlog_oldest_seconds": ("watch", "lane"),
    "registered_total": ("watch", "new_register"),
    "failed_total": ("watch", "reason"),
    "register_calls_total": ("code",),
    "register_call_seconds": (),
    "upload_to_registered_seconds": (),
    "list_calls_total": ("watch",),
    "listed_objects_total": ("watch",),
    "last_scan_listed_objects": ("watch",),
    "scan_seconds": ("watch",),
    "scan_interval_seconds": ("watch",),
    "last_complete_scan_timestamp_seconds": ("watch",),
    "breaker_open": ("bucket",),
    "quota_calls_per_second": (),
    "degraded": (),
    "incomplete_scans_total": ("watch",),
    "build_info": ("version",),
    "last_audit_timestamp_seconds": (),
    "log_lines_dropped_total": (),
}
LATER = {
    "notify_queued",
    "uploads_total",
    "upload_bytes_total",
    "pull_jobs",
    "leader",
}  # of design 4.4: not built yet
NOW = 1_800_000_000_000
VIDEOS = WatchStatus(
    watch="videos",
    bucket="b",
    pending=3,
    claimed=1,
    registered=40,
    failed=2,
    oldest_fresh_at=NOW - 90_000,
    oldest_backfill_at=NOW - 7_000_000,
    last_complete_scan_at=NOW - 5_000,
    listed=46,
)
STANDING = MetricsSnapshot(
    watches=(VIDEOS,),
    calls_per_second=25,
    intervals_s={"videos": 60.0},
    last_audit_at=NOW - 86_400_000,
)


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Asked:
    """Counts the reads of the ledger."""

    def __init__(self, standing: MetricsSnapshot = STANDING) -> None:
        self.standing = standing
        self.times = 0

    def __call__(self) -> MetricsSnapshot:
        self.times += 1
        return self.standing


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return values by name and label values, without our prefix."""
    return {
        (
            name := sample.name.removeprefix(PREFIX),
            *(sample.labels[label] for label in DESIGN.get(name, ())),
        ): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def test_names_and_labels_are_those_of_the_design() -> None:
    assert {metric.name: metric.labels for metric in TABLE} == DESIGN
    assert not LATER & set(DESIGN)


def test_each_metric_of_the_table_is_shown_with_its_labels_and_no_other_of_ours() -> None:
    metrics = Metrics(Asked())
    metrics.called("", 0.1)
    metrics.scanned("videos", seconds=1.5, complete=True)
    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            name = sample.name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
            if name.startswith(PREFIX):
                shown.setdefault(name.removeprefix(PREFIX), set()).update(
                    set(sample.labels) - {"le"}
                )
    assert shown == {name: set(labels) for name, labels in DESIGN.items()}


def test_gauges_show_the_state_of_the_ledger() -> None:
    shown = samples(Metrics(Asked(), now_ms=Time()))
    assert {
        state: shown["entries", "videos", state]
        for state in ("pending", "claimed", "registered", "failed")
    } == {
        "pending": 3,
        "claimed": 1,
        "registered": 40,
        "failed": 2,
    }
    assert shown["backlog_oldest_seconds", "videos", "fresh"] == 90
    assert shown["backlog_oldest_seconds", "videos", "backfill"] == 7000
    assert shown["last_audit_timestamp_seconds",] == NOW / 1000 - 86_400
    assert shown["last_scan_listed_objects", "videos"] == 46
    assert shown["last_complete_scan_timestamp_seconds", "videos"] == NOW / 1000 - 5
    assert shown["scan_interval_seconds", "videos"] == 60
    assert shown["quota_calls_per_second",] == 25
    assert (shown["breaker_open", ""], shown["breaker_open", "b"]) == (0, 0)


def test_an_open_breaker_is_1_for_its_bucket_alone() -> None:
    breaker = Breaker(bucket="b", kind=BreakerKind.STREAK, reason="r", hint="h", opened_at=NOW)
    shown = samples(Metrics(Asked(replace(STANDING, breakers=(breaker,)))))
    assert (shown["breaker_open", ""], shown["breaker_open", "b"]) == (0, 1)


def test_a_watch_that_was_never_listed_has_no_last_scan() -> None:
    shown = samples(Metrics(Asked(MetricsSnapshot(watches=(WatchStatus(watch="new"),)))))
    assert [key for key in shown if key[0].startswith("last_")] == []
    assert {shown["backlog_oldest_seconds", "new", lane] for lane in ("fresh", "backfill")} == {0}


def test_events_are_counted() -> None:
    time = Time()
    metrics = Metrics(Asked(), now_ms=time)
    before = samples(metrics)
    metrics.registered("videos", new_register=True, after_s=1.5)
    metrics.registered("videos", new_register=False, after_s=-3)
    metrics.failed("videos", "gone")
    metrics.called("", 0.1)
    metrics.called("Throttling.User", 0.2)
    metrics.listed("videos", calls=2, objects=1500)
    metrics.listed("videos", calls=1, objects=3)
    metrics.scanned("videos", seconds=9.5, complete=False)
    metrics.scanned("videos", seconds=2.5, complete=True)
    time.now += 1000
    after = samples(metrics)
    rose = {
        key: value - before.get(key, 0)
        for key, value in after.items()
        if key[0].endswith("_total") and key[1:]
    }
    assert {key: by for key, by in rose.items() if by} == {
        ("registered_total", "videos", "true"): 1,
        ("registered_total", "videos", "false"): 1,
        ("failed_total", "videos", "gone"): 1,
        ("register_calls_total", "OK"): 1,
        ("register_calls_total", "Throttling.User"): 1,
        ("list_calls_total", "videos"): 3,
        ("listed_objects_total", "videos"): 1503,
        ("incomplete_scans_total", "videos"): 1,
    }
    assert after["scan_seconds", "videos"] == 2.5
    assert (
        after["register_call_seconds_count",],
        after["register_call_seconds_sum",],
    ) == pytest.approx((2, 0.3))
    assert (
        after["upload_to_registered_seconds_count",],
        after["upload_to_registered_seconds_sum",],
    ) == (2, 1.5)


def test_counters_of_a_configured_watch_begin_at_zero() -> None:
    """Prometheus sees no increase in a counter whose first value is 1."""
    shown = samples(Metrics(Asked()))
    assert shown["failed_total", "videos", "refused"] == 0
    assert shown["registered_total", "videos", "true"] == 0
    assert shown["list_calls_total", "videos"] == 0
    assert shown["register_calls_total", "OK"] == 0


def test_a_thousand_readers_within_a_second_ask_the_ledger_once() -> None:
    asked, time = Asked(), Time()
    metrics = Metrics(asked, now_ms=time)
    for _ in range(1000):
        metrics.exposition()
    assert asked.times == 1
    time.now += 1000
    metrics.exposition()
    assert asked.times == 2


def test_a_clock_set_back_does_not_freeze_the_metrics() -> None:
    asked, time = Asked(), Time()
    metrics = Metrics(asked, now_ms=time)
    metrics.exposition()
    time.now -= 3_600_000
    metrics.exposition()
    assert asked.times == 2


def test_without_the_ledger_the_counters_remain() -> None:
    def locked() -> MetricsSnapshot:
        raise LocalFailure("the ledger stays locked")

    metrics = Metrics(locked)
    metrics.failed("videos", "gone")
    shown = samples(metrics)
    assert shown["failed_total", "videos", "gone"] == 1
    assert [key for key in shown if key[0] == "entries"] == []


def test_readers_do_not_wait_while_another_one_reads_the_ledger() -> None:
    slow, go_on, time = threading.Event(), threading.Event(), Time()

    def standing() -> MetricsSnapshot:
        if time.now > NOW:
            slow.set()
            assert go_on.wait(30)
        return STANDING

    metrics = Metrics(standing, now_ms=time)
    first = metrics.exposition()
    time.now += 5000
    waiting = threading.Thread(target=metrics.exposition)
    waiting.start()
    assert slow.wait(30)
    assert metrics.exposition() == first
    go_on.set()
    waiting.join()


@pytest.mark.parametrize("ready", [True, False])
def test_the_version_and_whether_it_is_degraded_are_shown_without_a_ledger(*, ready: bool) -> None:
    def locked() -> MetricsSnapshot:
        raise LocalFailure("the ledger stays locked")

    shown = samples(Metrics(locked, ready=lambda: ready))
    assert shown["degraded",] == (not ready)
    assert shown["build_info", __version__] == 1


def test_any_label_value_is_escaped() -> None:
    odd = 'a"b\\c\n{中文}'
    metrics = Metrics(Asked(MetricsSnapshot(watches=(WatchStatus(watch=odd, pending=1),))))
    assert samples(metrics)["entries", odd, "pending"] == 1
