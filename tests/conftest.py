"""Fixtures: a sandbox, and a workspace that is configured for it.  Markers: one for each folder.

`make test` leaves out what is marked `long`: the folders of `LONG_FOLDERS`, except for their tests
that are marked `quick`, and single tests of the other folders.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from aliyunsdkcore.vendored.requests import Session
from hypothesis import settings

from tests.support.bare_process import KEYS
from tests.support.daemons import EVERY_SECOND, NO_PAGE, Systemd
from tests.support.odd_streams import Odd
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import create
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS: Final = Path(__file__).parent
LONG_FOLDERS: Final = {"bench", "crash"}
LEFT_OUT: Final = pytest.StashKey[Counter[str]]()  # tests of each folder

# No deadline: another process may have the processor.
settings.register_profile("without a clock", deadline=None)
settings.load_profile("without a clock")


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder, and as long where the folder is."""
    for item in items:
        folder = folder_of(item)
        item.add_marker(folder)
        if folder in LONG_FOLDERS and not item.get_closest_marker("quick"):
            item.add_marker("long")


def pytest_configure(config: pytest.Config) -> None:
    nothing: Counter[str] = Counter()
    config.stash[LEFT_OUT] = nothing


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[LEFT_OUT][folder_of(item)] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's counts to the process that prints the summary."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        counts = session.config.stash[LEFT_OUT]
        output["left_out"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's counts; each worker collects every test, so all counts are the same."""
    counts: dict[str, int] = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash[LEFT_OUT] = Counter(counts)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # below all other parts of the summary
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    """Print how many tests of each folder the options left out."""
    yield
    if counts := config.stash[LEFT_OUT]:
        folders = ", ".join(f"{folder} {n}" for folder, n in sorted(counts.items()))
        terminalreporter.write_line(
            f"left out: {counts.total()} tests ({folders}); make test-all runs everything"
        )


@pytest.fixture(autouse=True)
def close_sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the sessions that VOD SDK clients leave open.

    The collector finds such a socket in some later test, where its warning is an error.
    """
    sessions: list[Session] = []
    init = Session.__init__

    def recorded(session: Session) -> None:
        init(session)
        sessions.append(session)

    monkeypatch.setattr(Session, "__init__", recorded)
    yield
    for session in sessions:
        session.close()


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
        running.until_logged("daemon.ready")
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
