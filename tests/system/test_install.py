"""`make install`: what lies where, for a machine and for a package."""

import re

from tests.system.conftest import CHECKOUT, PACKAGE
from tests.system.machine import Booted, Machine
from tests.system.service import ETC, STATE, USER


def test_an_installation_without_a_network_puts_all_in_its_place(booted: Booted) -> None:
    assert (
        "network is unreachable"
        in booted.run(
            "python3 -c 'import socket; socket.create_connection((\"9.9.9.9\", 53), 5)'",
            check=False,
        ).stdout.lower()
    )
    assert booted.run("oss-vod-watcher --version").stdout.startswith("oss-vod-watcher, version")
    for unit in (
        "oss-vod-watcher.service",
        "oss-vod-watcher@x.service",
        "oss-vod-watcher-backfill@x.service",
    ):
        assert booted.run(f"systemctl show -p LoadState --value {unit}").stdout == "loaded\n"
    assert booted.run(f"stat -c '%U %a' {STATE}").stdout == f"{USER} 700\n"
    assert (
        booted.run(f"cat {ETC}/watcher.example.toml").stdout
        == booted.run(f"cat {CHECKOUT}/config/watcher.example.toml").stdout
    )


def test_the_services_user_can_read_the_program_and_write_none_of_it(booted: Booted) -> None:
    home = "/usr/local/lib/oss-vod-watcher"
    assert (
        booted.run(f"runuser -u {USER} -- find {home} ! -readable -o -writable ! -type l").stdout
        == ""
    )


def test_a_package_runs_where_it_is_unpacked_and_names_no_folder_of_its_making(
    prepared: Machine, booted: Booted
) -> None:
    naming = booted.run(f"grep -rlF {PACKAGE} {PACKAGE}", check=False).stdout
    assert naming == ""
    unit = booted.run(f"cat {PACKAGE}/etc/systemd/system/oss-vod-watcher.service").stdout
    assert re.findall("^ExecStart=(.*)", unit, re.MULTILINE) == [
        f"/opt/packaged/bin/oss-vod-watcher -c {ETC}/watcher.toml run"
    ]
    booted.run(f"mv {PACKAGE}/opt/packaged /opt/")
    assert booted.run("/opt/packaged/bin/oss-vod-watcher --version").stdout.startswith(
        "oss-vod-watcher, version"
    )
    assert prepared.root.exists()


def test_systemd_takes_the_installed_units_as_they_are(booted: Booted) -> None:
    units = "/usr/local/lib/systemd/system/oss-vod-watcher*"
    assert booted.run(f"systemd-analyze verify --man=no {units}").stdout == ""
