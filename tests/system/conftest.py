"""One booted Debian for all tests of the services, where `make install` ran without a network."""

from collections.abc import Iterator

import pytest

from tests.system.machine import Booted, Machine, fresh
from tests.system.sandbox import Sandbox, start_sandbox
from tests.system.service import ETC, configuration, give_credentials, init_ledger, is_up, until

CHECKOUT = "/root/checkout"
PACKAGE = "/root/package"
INSTALL = f"make -C {CHECKOUT} install WHEELHOUSE=dist/wheelhouse EXTRAS=sandbox"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Make a Debian with systemd, a checkout and its wheelhouse.

    Add a package as a distribution would make it.
    """
    machine = fresh(tmp_path_factory.mktemp("systemd"))
    machine.install("systemd", "systemd-sysv", "dbus", "python3-venv", "sudo")
    machine.take_checkout(CHECKOUT, owner="root")
    machine.run(
        f"cd {CHECKOUT} && make wheelhouse EXTRAS=sandbox && "
        f"make install WHEELHOUSE=dist/wheelhouse DESTDIR={PACKAGE} PREFIX=/opt/packaged"
    )
    yield machine
    machine.remove()


@pytest.fixture(scope="session")
def booted(prepared: Machine) -> Iterator[Booted]:
    """Boot it, with no network but loopback, and install."""
    with prepared.booted() as machine:
        until("systemd is up", lambda: is_up(machine))
        machine.run(INSTALL)
        yield machine


@pytest.fixture(scope="session")
def sandbox(prepared: Machine, booted: Booted) -> Sandbox:
    """Start a cloud on the machine's loopback, configure the program for it, make a ledger."""
    sandbox = start_sandbox(booted)
    prepared.write(f"{ETC}/watcher.toml", configuration(sandbox, prefix="videos/"))
    give_credentials(prepared, sandbox.access_key_secret, sandbox)
    init_ledger(booted)
    return sandbox
