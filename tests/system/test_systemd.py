"""The program as a service of a real systemd: its user, its credentials, its exit status, its journal."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.system.machine import CHECKOUT, Booted, Machine, fresh
from tests.system.sandbox import PROGRAM, Sandbox, start_sandbox

ETC = "/etc/oss-vod-watcher"
STATE = "/var/lib/oss-vod-watcher"
SCAN = "oss-vod-watcher-scan"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Make a Debian with systemd, the program under /opt and our units, as the comments of the unit say."""
    machine = fresh(tmp_path_factory.mktemp("systemd"))
    machine.install("systemd", "systemd-sysv", "dbus", "python3-venv")
    machine.take_checkout("/root/checkout", owner="root")
    machine.run(
        "python3 -m venv /opt/oss-vod-watcher && cd /root/checkout && "
        "/opt/oss-vod-watcher/bin/pip install --quiet -c constraints.txt '.[sandbox]'"
    )
    for unit in (*CHECKOUT.glob("systemd/*.service"), *CHECKOUT.glob("systemd/*.timer")):
        machine.write(f"/etc/systemd/system/{unit.name}", unit.read_text(encoding="utf-8"))
    users = CHECKOUT / "systemd/oss-vod-watcher.sysusers.conf"
    machine.write("/usr/lib/sysusers.d/oss-vod-watcher.conf", users.read_text(encoding="utf-8"))
    # A minute is what people want, a second is what a test waits.
    machine.write(f"/etc/systemd/system/{SCAN}.timer.d/soon.conf", "[Timer]\nOnUnitInactiveSec=1s\n")
    yield machine
    machine.remove()


@pytest.fixture(scope="module")
def booted(installed: Machine) -> Iterator[Booted]:
    with installed.booted() as machine:
        until("systemd is up", lambda: is_up(machine))
        yield machine


@pytest.fixture(scope="module")
def sandbox(installed: Machine, booted: Booted) -> Sandbox:
    """Start a cloud on the machine's loopback; write the configuration that points to it, and make a ledger."""
    sandbox = start_sandbox(booted)
    installed.write(f"{ETC}/watcher.toml", sandbox.config)
    give_credentials(installed, sandbox.access_key_secret, sandbox)
    booted.run(
        f"systemd-sysusers && install -d -m 0700 -o oss-vod-watcher -g oss-vod-watcher {STATE} && umask 077 && "
        f"runuser -u oss-vod-watcher -- {PROGRAM} -c {ETC}/watcher.toml ledger init"
    )
    return sandbox


def is_up(booted: Booted) -> bool:
    return booted.run("systemctl is-system-running", check=False).stdout.strip() in {"running", "degraded"}


def give_credentials(machine: Machine, secret: str, sandbox: Sandbox) -> None:
    machine.write(f"{ETC}/credentials/access-key-id", sandbox.access_key_id, mode=0o600)
    machine.write(f"{ETC}/credentials/access-key-secret", secret, mode=0o600)


def until(what: str, found: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds  # noqa: TID251 (a real systemd keeps real time)
    while not found():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"  # noqa: TID251
        time.sleep(0.2)  # noqa: TID251


def start_scan(booted: Booted) -> tuple[int, int, str]:
    """Return systemctl's exit status, the program's, and what the journal has that was not read before."""
    started = booted.run(f"systemctl start {SCAN}.service", check=False).returncode
    status = int(booted.run(f"systemctl show --property=ExecMainStatus --value {SCAN}.service").stdout)
    booted.run("journalctl --sync")
    journal = f"journalctl --no-pager --output=cat --cursor-file=/run/read-so-far --unit={SCAN}.service"
    return started, status, booted.run(journal).stdout


def exported_keys(booted: Booted, state: str) -> list[str]:
    lines = booted.run(f"runuser -u oss-vod-watcher -- {PROGRAM} -q -c {ETC}/watcher.toml export").stdout.splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return sorted(entry["key"] for entry in entries if entry["state"] == state)


def test_systemd_takes_the_units_as_they_are(booted: Booted) -> None:
    done = booted.run(f"systemd-analyze verify --man=no /etc/systemd/system/{SCAN}.service {SCAN}.timer")
    assert done.stdout == ""


def test_a_started_scan_registers_every_object_and_says_so_in_the_journal(booted: Booted, sandbox: Sandbox) -> None:
    sandbox.put(booted, "videos/a.mp4", "videos/中文.mp4")
    started, status, journal = start_scan(booted)
    assert (started, status) == (0, 0), journal
    assert {"videos/a.mp4", "videos/中文.mp4"} <= set(exported_keys(booted, "registered"))
    for event in ("scan.started", "scan.finished", "batch.settled"):
        assert event in journal
    assert sandbox.access_key_secret not in booted.run(f"journalctl --no-pager --output=export -u {SCAN}").stdout


@pytest.mark.usefixtures("sandbox")
def test_all_that_it_writes_is_its_users_alone(booted: Booted) -> None:
    listing = booted.run(f"find {STATE} -printf '%u %m %y\\n' | sort -u").stdout.splitlines()
    assert listing == ["oss-vod-watcher 600 f", "oss-vod-watcher 700 d"]


def test_the_timer_finds_what_comes_later(booted: Booted, sandbox: Sandbox) -> None:
    sandbox.put(booted, "videos/later.mp4")
    booted.run(f"systemctl start {SCAN}.timer")
    until("the timer registers it", lambda: "videos/later.mp4" in exported_keys(booted, "registered"), seconds=90)
    booted.run(f"systemctl stop {SCAN}.timer")
    idle = f"systemctl show --property=ActiveState --value {SCAN}.service"
    until("the last scan has ended", lambda: booted.run(idle).stdout.strip() == "inactive")


def test_a_wrong_secret_makes_the_unit_fail_with_5_and_stays_a_secret(
    installed: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    wrong = "n0t-the-secret-of-this-key"
    give_credentials(installed, wrong, sandbox)
    started, status, journal = start_scan(booted)
    assert (started, status) == (1, 5), journal
    assert "scan.incomplete" in journal
    assert wrong not in journal
    give_credentials(installed, sandbox.access_key_secret, sandbox)
    assert start_scan(booted)[:2] == (0, 0)
