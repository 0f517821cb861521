"""The daemon keeps SQLite's locks on its ledger, and leaves no file beside it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.support.process_locks import locks
from tests.support.running_daemon import Running

if TYPE_CHECKING:
    from tests.support.workspace import Workspace


def test_a_reload_and_a_look_at_the_page_take_no_lock_off_the_ledger(workspace: Workspace) -> None:
    """Without a lock, another process would remove the write-ahead log under the daemon."""
    workspace.configure(
        workspace.watch(more='schedule = "1s"'), more='[http]\nlisten = "127.0.0.1:0"'
    )
    with Running(workspace) as daemon:
        daemon.until_logged("scan.finished")
        assert locks(workspace.ledger, daemon.pid)
        assert daemon.get("/")[0] == 200
        assert locks(workspace.ledger, daemon.pid)
        daemon.send(signal.SIGHUP)
        daemon.until_logged("daemon.reloaded")
        assert locks(workspace.ledger, daemon.pid)
        assert daemon.get("/status.json")[0] == 200
        assert locks(workspace.ledger, daemon.pid)
        assert daemon.stop() == 0
    assert sorted(path.name for path in workspace.folder.glob("ledger.db-*")) == []
