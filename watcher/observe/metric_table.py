"""The table of metrics: names, labels and their order are public (design 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX: Final = "oss_vod_watcher_"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table of metrics."""

    name: str  # without the prefix
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    alert: str = ""


TABLE: Final = (
    Metric(
        "entries",
        "gauge",
        ("watch", "state"),
        "Entries of the ledger by state.",
        "`failed` above 0",
    ),
    Metric(
        "backlog_oldest_seconds",
        "gauge",
        ("watch", "lane"),
        'Lag: age of the oldest waiting entry, "fresh" or of a "backfill"; 0 if none waits.',
        '"fresh" above 15 minutes; "backfill" above an hour with nothing registered',
    ),
    Metric(
        "registered_total",
        "counter",
        ("watch", "new_register"),
        'Entries registered; "false": VOD knew the file already.',
    ),
    Metric("failed_total", "counter", ("watch", "reason"), "Entries that became `failed`.", "any"),
    Metric(
        "register_calls_total",
        "counter",
        ("code",),
        'RegisterMedia calls by VOD\'s answer: "OK", or its error code.',
        'repeatedly not "OK"',
    ),
    Metric("register_call_seconds", "histogram", (), "Duration of a RegisterMedia call."),
    Metric(
        "upload_to_registered_seconds",
        "histogram",
        (),
        "From an object's LastModified to its media ID; backfills count too.",
    ),
    Metric("list_calls_total", "counter", ("watch",), "Listing requests. OSS bills them."),
    Metric("listed_objects_total", "counter", ("watch",), "Objects listed."),
    Metric(
        "last_scan_listed_objects",
        "gauge",
        ("watch",),
        "Objects that the last complete scan listed.",
        "less than half of the most within 6 hours",
    ),
    Metric("scan_seconds", "gauge", ("watch",), "Duration of the last scan, complete or not."),
    Metric(
        "scan_interval_seconds",
        "gauge",
        ("watch",),
        "Longest time between the starts of two scans, by the schedule.",
    ),
    Metric(
        "last_complete_scan_timestamp_seconds",
        "gauge",
        ("watch",),
        "When the last complete scan ended, since the epoch.",
        "older than 3 intervals",
    ),
    Metric(
        "incomplete_scans_total",
        "counter",
        ("watch",),
        "Scans that ended before the end of the listing.",
        "three an hour, and more than one scan in ten",
    ),
    Metric(
        "breaker_open",
        "gauge",
        ("bucket",),
        '1 while calls are stopped; bucket "" is the whole account.',
        "1 for 5 minutes",
    ),
    Metric(
        "quota_calls_per_second",
        "gauge",
        (),
        "RegisterMedia calls per second that the account allows now.",
    ),
    Metric(
        "degraded",
        "gauge",
        (),
        "1 while the process works in part only; /readyz and the status page say why.",
        "1 for 10 minutes",
    ),
    Metric(
        "last_audit_timestamp_seconds",
        "gauge",
        (),
        "When `audit` last found every file of all watches accounted for, since the epoch. Absent "
        "before the first such audit.",
        "older than 35 days",
    ),
    Metric("build_info", "gauge", ("version",), "Always 1; the running version."),
    Metric(
        "log_lines_dropped_total",
        "counter",
        (),
        "Log lines that could not be written within a second.",
        "any: the log's reader is slow, or its disk is full",
    ),
)
BY_NAME: Final = {metric.name: metric for metric in TABLE}


def table() -> Iterable[tuple[str, str, str, str, str]]:
    """Yield (name, labels, type, meaning, when to alert) for the documentation."""
    for metric in TABLE:
        yield (
            PREFIX + metric.name,
            ", ".join(metric.labels),
            metric.kind,
            metric.meaning,
            metric.alert,
        )
