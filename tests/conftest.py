"""Fixtures: a sandbox, and a workspace that is configured for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.daemons import EVERY_SECOND, NO_PAGE, Systemd
from tests.running import Running
from tests.streams import Odd
from tests.surroundings import KEYS
from tests.workspace import BUCKET, Workspace
from watcher.ledger import create
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

settings.register_profile("without a clock", deadline=None)  # another process may have the processor
settings.load_profile("without a clock")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A local OSS and VOD with one bucket."""
    with Sandbox() as local:
        local.oss.create_bucket(BUCKET)
        yield local


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    """A folder with a configuration for the sandbox and a new ledger."""
    made = Workspace(tmp_path, sandbox)
    made.init()
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A new ledger."""
    create(tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


@pytest.fixture
def seconds(workspace: Workspace) -> Workspace:
    """Scans each second, and no page."""
    workspace.configure(workspace.watch(more=EVERY_SECOND), more=NO_PAGE)
    return workspace


@pytest.fixture
def daemon(seconds: Workspace) -> Iterator[Running]:
    """One that is ready."""
    with Running(seconds) as running:
        running.until_told("daemon.ready")
        yield running


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """One that listens."""
    manager = Systemd(tmp_path)
    yield manager
    manager.close()


@pytest.fixture
def odd(workspace: Workspace) -> Iterator[Odd]:
    """Commands with one of their streams in an odd state."""
    with ExitStack() as stack:
        made = Odd(workspace, stack)
        yield made
        for process in made.begun:
            process.kill()
            process.wait()


@pytest.fixture
def filled(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """A workspace whose bucket holds two objects."""
    sandbox.oss.fill(BUCKET, KEYS)
    return workspace
