"""The systemd units read well to systemd itself, and leave the program little it could do besides its work."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
MOST_EXPOSURE = 20  # tenths: systemd calls this "OK"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Return copies that start a program every machine has: systemd also looks whether it is there."""
    copies = []
    for unit in sorted([*UNITS.glob("*.service"), *UNITS.glob("*.timer")]):
        copy = tmp_path / unit.name
        text = unit.read_text(encoding="utf-8").replace("/opt/oss-vod-watcher/bin/oss-vod-watcher", "/bin/true")
        copy.write_text(text, encoding="utf-8")
        copies.append(copy)
    return copies


def test_systemd_has_nothing_to_say_against_the_units(units: list[Path]) -> None:
    assert units
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_service_is_locked_in(units: list[Path]) -> None:
    services = [unit for unit in units if unit.suffix == ".service"]
    assert services
    for service in services:
        command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", str(service)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
