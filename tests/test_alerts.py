"""The dashboard and the alert rules speak of metrics that exist, with labels that they have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from watcher.observe.metrics import PREFIX, TABLE

CONFIG = Path(__file__).parents[1] / "config"
FILES = ("alerts.yml", "grafana-dashboard.json")
METRICS = {metric.name: metric for metric in TABLE}


def named(text: str) -> dict[str, set[str]]:
    """Return the metrics that a text names, without prefix and suffix, with the labels it selects by."""
    found: dict[str, set[str]] = {}
    for name, selector in re.findall(rf"{PREFIX}(\w+)(?:\{{([^}}]*)\}})?", text):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        found.setdefault(base if base in METRICS else name, set()).update(re.findall(r"(\w+)=", selector))
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_metric_that_is_named_exists_and_has_the_labels(file: str) -> None:
    metrics = named((CONFIG / file).read_text(encoding="utf-8").replace('\\"', '"'))
    assert metrics
    assert set(metrics) - set(METRICS) == set()
    for name, labels in metrics.items():
        assert labels - {*METRICS[name].labels, "instance", "job"} == set(), name


def test_the_dashboard_shows_every_metric() -> None:
    text = (CONFIG / "grafana-dashboard.json").read_text(encoding="utf-8")
    assert set(named(text)) == set(METRICS)


def test_the_dashboard_s_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads((CONFIG / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_the_alerts_are_those_that_the_table_of_metrics_promises() -> None:
    alerts = named((CONFIG / "alerts.yml").read_text(encoding="utf-8"))
    for name in ("backlog_oldest_seconds", "failed_total", "breaker_open", "last_scan_listed_objects"):
        assert name in alerts
        assert METRICS[name].alert
