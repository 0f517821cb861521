"""Prometheus's own tool on the alert rules and on figures as they are scraped."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.support.checkout import CHECKOUT
from tests.support.http_get import get
from tests.support.page_fixture import served
from tests.system.machine import lacking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def promtool(*arguments: str, text: str = "") -> str:
    if shutil.which("promtool") is None:
        lacking("needs promtool (apt-get install prometheus)")
    command: Sequence[str] = ("promtool", *arguments)
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_alert_rules_are_well_formed() -> None:
    assert "13 rules found" in promtool("check", "rules", "config/alerts.yml")


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "tests/system/alerts_test.yml")


def test_the_panels_expressions_are_well_formed(tmp_path: Path) -> None:
    dashboard = json.loads((CHECKOUT / "config/grafana-dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    plain = [
        re.sub(r"\$(job|instance|watch)", ".*", each.replace("$__rate_interval", "5m"))
        for each in expressions
    ]
    rules = [{"record": f"panel:{n}", "expr": each} for n, each in enumerate(plain)]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(path))


def test_the_figures_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    with served(tmp_path) as it:
        it.view.metrics.called("Throttling.User", 0.2)
        it.view.metrics.registered("w", new_register=True, after_s=1.5)
        it.view.metrics.scanned("w", seconds=1.0, complete=True)
        text = get(it, "/metrics").text
    assert promtool("check", "metrics", text=text) == ""
