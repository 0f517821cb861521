"""Prometheus's own tool on the alert rules and on figures as they are scraped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.asking import get
from tests.system.machine import lacking
from tests.watching import served

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKOUT = Path(__file__).parents[2]


def promtool(*arguments: str, text: str = "") -> str:
    if shutil.which("promtool") is None:
        lacking("needs promtool (apt-get install prometheus)")
    command: Sequence[str] = ("promtool", *arguments)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_alert_rules_are_well_formed() -> None:
    assert "8 rules found" in promtool("check", "rules", "config/alerts.yml")


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "tests/system/alerts_test.yml")


def test_the_figures_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    with served(tmp_path) as it:
        it.view.metrics.called("Throttling.User", 0.2)
        it.view.metrics.registered("w", new_register=True, after_s=1.5)
        it.view.metrics.scanned("w", seconds=1.0)
        text = get(it, "/metrics").text
    assert promtool("check", "metrics", text=text) == ""
