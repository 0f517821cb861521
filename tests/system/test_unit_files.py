"""systemd accepts the units, and they leave the program few rights beyond its work."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT
from tests.system.machine import lacking

UNITS = CHECKOUT / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
MOST_EXPOSURE = 15  # tenths: systemd calls up to 40 "OK"
PROGRAM = "/usr/local/bin/oss-vod-watcher"  # what `make install` replaces for another PREFIX


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd; end the test where there is none."""
    if shutil.which("systemd-analyze") is None:
        lacking("needs systemd-analyze (apt-get install systemd)")
    return subprocess.run(
        ["systemd-analyze", *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Return copies that start a program every machine has, since systemd checks that it exists."""
    copies = []
    for unit in [*SERVICES, *sorted(UNITS.glob("*.timer"))]:
        copy = tmp_path / unit.name
        copy.write_text(
            unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8"
        )
        copies.append(copy)
    return copies


def directives(unit: Path) -> list[str]:
    """Return the lines of a unit that say something to systemd."""
    return [
        line
        for line in unit.read_text(encoding="utf-8").splitlines()
        if line and line[0] not in "#["
    ]


def hardening(unit: Path) -> list[str]:
    """Return what keeps a service in, from the first such line to the last."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return lines[lines.index("NoNewPrivileges=yes") - 1 : lines.index("LimitCORE=0") + 1]


def test_there_is_a_unit_for_each_way_to_run() -> None:
    assert [unit.name for unit in SERVICES] == [
        "oss-vod-watcher-backfill@.service",
        "oss-vod-watcher-scan.service",
        "oss-vod-watcher.service",
        "oss-vod-watcher@.service",
    ]


def test_systemd_has_nothing_to_say_against_the_units(units: list[Path]) -> None:
    done = analyze("verify", "--man=no", *map(str, units))
    assert (done.returncode, done.stderr) == (0, "")


def test_every_service_is_locked_in(units: list[Path]) -> None:
    for service in (unit for unit in units if unit.suffix == ".service"):
        done = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", str(service))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_wall_has_its_reason(unit: Path) -> None:
    since_reason = 0
    for line in hardening(unit):
        since_reason = 0 if line.startswith("#") else since_reason + 1
        assert since_reason <= 3, f"{line}: why?"
    assert sum(line.startswith("#") for line in hardening(unit)) > 25


def test_all_services_are_kept_in_alike_but_for_what_metrics_need() -> None:
    def without_proc(unit: Path) -> list[str]:
        return [line for line in hardening(unit) if not re.search("ProcSubset|/proc", line)]

    walls = [[line for line in without_proc(unit) if not line.startswith("#")] for unit in SERVICES]
    assert all(each == walls[0] for each in walls)
    with_metrics = {unit.name for unit in SERVICES if "ProcSubset=pid" not in directives(unit)}
    assert with_metrics == {"oss-vod-watcher.service", "oss-vod-watcher@.service"}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_is_the_same_user_with_the_same_optional_keys(unit: Path) -> None:
    lines = directives(unit)
    assert "User=oss-vod-watcher" in lines
    assert [line for line in lines if line.startswith("LoadCredential")] == [
        "LoadCredential=access-key-id",
        "LoadCredential=access-key-secret",
        "LoadCredential=security-token",
        "LoadCredential=notify-secret",
    ]
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.startswith(f"ExecStart={PROGRAM} -c /etc/oss-vod-watcher/")


@pytest.mark.parametrize("name", ["oss-vod-watcher.service", "oss-vod-watcher@.service"])
def test_a_daemon_is_watched_and_tried_again_unless_a_person_is_wanted(name: str) -> None:
    lines = directives(UNITS / name)
    for line in (
        "Type=notify",
        "WatchdogSec=120",
        "Restart=on-failure",
        "RestartPreventExitStatus=2 3 4",
    ):
        assert line in lines
