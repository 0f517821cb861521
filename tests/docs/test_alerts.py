"""The dashboard and the alert rules use existing metrics with existing labels."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.checkout import CHECKOUT
from watcher.observe.metrics import PREFIX, TABLE

CONFIG = CHECKOUT / "config"
FILES = ("alerts.yml", "grafana-dashboard.json")
METRICS = {metric.name: metric for metric in TABLE}


def named(text: str) -> dict[str, set[str]]:
    """Return the metrics in a text, without prefix and suffix, and the labels used."""
    found: dict[str, set[str]] = {}
    for name, selector in re.findall(rf"{PREFIX}(\w+)(?:\{{([^}}]*)\}})?", text):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        found.setdefault(base if base in METRICS else name, set()).update(
            re.findall(r"(\w+)=", selector)
        )
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_named_metric_exists_with_its_labels(file: str) -> None:
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


def panels() -> list[tuple[str, str]]:
    """Return the title and each expression of all panels."""
    found = json.loads((CONFIG / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]
    return [(panel["title"], target["expr"]) for panel in found for target in panel["targets"]]


@pytest.mark.parametrize(("title", "expression"), panels())
def test_every_panel_honours_job_and_instance(title: str, expression: str) -> None:
    metrics = re.findall(rf"(?:{PREFIX}|process_)\w+", expression)
    selectors = re.findall(rf"(?:{PREFIX}|process_)\w+\{{([^}}]*)\}}", expression)
    assert len(selectors) == len(metrics) > 0, title
    for selector in selectors:
        assert 'job=~"$job"' in selector, title
        assert 'instance=~"$instance"' in selector, title


def test_the_job_variable_narrows_the_other_variables() -> None:
    dashboard = json.loads((CONFIG / "grafana-dashboard.json").read_text(encoding="utf-8"))
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance", "watch"]
    assert not variables["job"].get("hide")
    for name in ("instance", "watch"):
        assert 'job=~"$job"' in variables[name]["query"]["query"]


def test_each_alert_has_a_test_that_it_fires_and_one_that_it_does_not() -> None:
    """`promtool test rules` runs them, see tests/system."""
    alerts = set(re.findall(r"- alert: (\w+)", (CONFIG / "alerts.yml").read_text(encoding="utf-8")))
    tests = (CHECKOUT / "tests" / "system" / "alerts_test.yml").read_text(encoding="utf-8")
    assert alerts
    assert set(re.findall(r"alertname: (\w+)\n +exp_alerts:\s+(?:-|\[\{)", tests)) == alerts
    assert set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", tests)) == alerts


def test_the_alerts_are_those_that_the_table_of_metrics_promises() -> None:
    alerts = named((CONFIG / "alerts.yml").read_text(encoding="utf-8"))
    for name, metric in METRICS.items():
        if metric.alert and name not in {"entries", "register_calls_total"}:
            assert name in alerts
    assert {name for name in set(alerts) & set(METRICS) if not METRICS[name].alert} == {
        "quota_calls_per_second",  # stands for all figures from the ledger
        "scan_seconds",
        "scan_interval_seconds",
    }
