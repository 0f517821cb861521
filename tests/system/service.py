"""The services in a booted machine, as systemd and the journal know them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.system.machine import Booted, Machine
from tests.system.sandbox import PROGRAM, Sandbox

ETC = "/etc/oss-vod-watcher"
STATE = "/var/lib/oss-vod-watcher"
USER = "oss-vod-watcher"
DAEMON = "oss-vod-watcher.service"
SCAN = "oss-vod-watcher-scan"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a booted machine."""

    machine: Booted
    name: str

    def control(self, verb: str) -> int:
        """Run systemctl; return its exit status."""
        return self.machine.run(f"systemctl {verb} {self.name}", check=False).returncode

    def start(self) -> None:
        """Start it: for a daemon, systemd waits until it says that it is ready."""
        assert self.control("start") == 0, self.journal()

    def shown(self, name: str) -> str:
        """Return one of its properties."""
        return self.machine.run(
            f"systemctl show --property={name} --value {self.name}"
        ).stdout.strip()

    @property
    def pid(self) -> int:
        return int(self.shown("MainPID"))

    @property
    def is_active(self) -> bool:
        return self.shown("ActiveState") == "active"

    def journal(self) -> str:
        """Return all that the journal has of it."""
        return self.machine.run(
            f"journalctl --sync; journalctl --no-pager --output=cat --unit={self.name}"
        ).stdout

    def events(self, event: str) -> list[dict[str, str]]:
        """Return the journal's entries of one event, asked for by the journal's own fields."""
        ask = (
            f"journalctl --no-pager --output=json --unit={self.name} OSS_VOD_WATCHER_EVENT={event}"
        )
        lines = self.machine.run(f"journalctl --sync; {ask}", check=False).stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def until(what: str, found: Callable[[], object], *, seconds: float = 30) -> float:
    """Wait until it is so; return the seconds that took."""
    began = time.monotonic()  # noqa: TID251 (a real systemd keeps real time)
    while not found():
        assert time.monotonic() < began + seconds, f"not within {seconds:.0f} s: {what}"  # noqa: TID251
        time.sleep(0.1)  # noqa: TID251
    return time.monotonic() - began  # noqa: TID251


def is_up(booted: Booted) -> bool:
    return booted.run("systemctl is-system-running", check=False).stdout.strip() in {
        "running",
        "degraded",
    }


def as_service(command: str) -> str:
    """Return a shell command that runs one of ours as the services' user."""
    return f"runuser -u {USER} -- {PROGRAM} {command}"


def init_ledger(booted: Booted, config: str = "watcher") -> None:
    booted.run(as_service(f"-c {ETC}/{config}.toml ledger init"))


def entries(booted: Booted, config: str = "watcher") -> dict[str, dict[str, object]]:
    """Return what the ledger holds, by key."""
    exported = booted.run(as_service(f"-q -c {ETC}/{config}.toml export")).stdout.splitlines()
    return {
        entry["key"]: entry
        for entry in map(json.loads, (line for line in exported if line.startswith("{")))
    }


def registered(booted: Booted, config: str = "watcher") -> set[str]:
    return {key for key, entry in entries(booted, config).items() if entry["state"] == "registered"}


def give_credentials(machine: Machine, secret: str, sandbox: Sandbox, *, prefix: str = "") -> None:
    """Put the keys into systemd's credential store."""
    machine.write(f"/etc/credstore/{prefix}access-key-id", sandbox.access_key_id, mode=0o600)
    machine.write(f"/etc/credstore/{prefix}access-key-secret", secret, mode=0o600)


def take_credentials(booted: Booted) -> None:
    booted.run("rm -f /etc/credstore/*")


def configuration(sandbox: Sandbox, *, prefix: str, extra: str = "") -> str:
    """Return a configuration with one watch, looked at every second."""
    source = sandbox.config.replace(
        'source = "oss://incoming/"', f'source = "oss://incoming/{prefix}"'
    )
    assert prefix in source, source
    return f'{source.rstrip()}\nschedule = "1s"\n{extra}'
