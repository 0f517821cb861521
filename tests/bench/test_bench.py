"""`make bench` as a whole, on a bucket that is too small for its ratios to mean anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(600)
def test_the_bench_measures_every_row_and_says_which_it_cannot(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.bench",
        "--quick",
        "--objects",
        "11000",
        "--json",
        str(tmp_path / "b.json"),
    ]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False, timeout=580
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    rows = {row["what"]: row for row in results["rows"]}
    assert all(what in done.stdout for what in rows)
    unmeasured = {what for what, row in rows.items() if row["figure"] is None}
    absent = {f"list and parse, vs {peer}" for peer in ("rclone", "s5cmd", "obstore")}
    assert unmeasured <= absent
    sizes = [(size["kind"], size["n"]) for size in results["sizes"]]
    assert sizes == [*(("mixed", n) for n in (1000, 1100, 11_000)), ("tidy", 11_000)]
    for kind in ("mixed", "tidy"):
        for start in ("list and parse a page,", "first scan of 11,000", "rescan of 11,000"):
            assert any(what.startswith(f"{start} {kind},") for what in rows), (start, kind)
    assert any(what.startswith("rescan of 1,100 mixed,") for what in rows)
    for setting, (least, most) in (("include", (0.05, 0.15)), ("exclude", (0.85, 0.999))):
        (matched,) = [what for what in rows if f"`{setting}` takes" in what]
        share = int(matched.split("takes ")[1].split(", CPU")[0].replace(",", "")) / 11_000
        assert least < share < most
    for start in ("share of the quota", "most calls that arrived"):
        assert any(what.startswith(start) for what in rows), start
    for start in ("ledger, registered", "SIGTERM", "peak memory of a scan of"):
        verdicts = [row["met"] for what, row in rows.items() if what.startswith(start)]
        assert verdicts, start
        assert False not in verdicts, start
