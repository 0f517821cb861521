"""`make install` over a running service, and `make uninstall`: files of people stay.

So does the ledger.
"""

from tests.system.conftest import CHECKOUT, INSTALL
from tests.system.machine import Booted, Machine
from tests.system.sandbox import Sandbox
from tests.system.service import DAEMON, ETC, STATE, Unit, configuration, entries, registered, until


def test_an_upgrade_keeps_configuration_drop_ins_and_ledger(
    prepared: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    mine = configuration(sandbox, prefix="videos/", extra="# mine\n")
    prepared.write(f"{ETC}/watcher.toml", mine)
    prepared.write(f"/etc/systemd/system/{DAEMON}.d/mine.conf", "[Service]\nNice=5\n")
    sandbox.put(booted, "videos/before-the-upgrade.mp4")
    daemon = Unit(booted, DAEMON)
    daemon.control("restart")
    until("it works", lambda: "videos/before-the-upgrade.mp4" in registered(booted))
    before = entries(booted)

    said = booted.run(INSTALL).stdout

    assert "try-restart" in said
    assert daemon.is_active
    booted.run("systemctl try-restart oss-vod-watcher.service 'oss-vod-watcher@*.service'")
    assert daemon.is_active
    assert daemon.shown("Nice") == "5"
    assert booted.run(f"cat {ETC}/watcher.toml").stdout == mine
    assert entries(booted) == before


def test_uninstalling_stops_all_and_keeps_what_cannot_be_had_again(
    prepared: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    assert sandbox.config
    booted.run(
        "systemctl enable oss-vod-watcher.service oss-vod-watcher@second.service "
        "oss-vod-watcher-scan.timer"
    )
    ledger = booted.run(f"stat -c '%i %A %U:%G' {STATE}/ledger.db").stdout

    said = booted.run(f"make -C {CHECKOUT} uninstall").stdout

    for kept in (ETC, STATE, "/etc/credstore"):
        assert kept in said
    assert booted.run("systemctl list-units --no-legend 'oss-vod-watcher*'").stdout == ""
    assert booted.run(f"stat -c '%i %A %U:%G' {STATE}/ledger.db").stdout == ledger
    assert (
        booted.run(f"cat {ETC}/watcher.toml").stdout
        == (prepared.root / "etc/oss-vod-watcher/watcher.toml").read_text()
    )
    left = booted.run("find /usr/local /etc -name '*oss-vod-watcher*' ! -name '*.d'").stdout.split()
    assert left == [ETC]
