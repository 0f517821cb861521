"""The daemon keeps SQLite's locks on its ledger, whoever looks at it, and leaves nothing beside it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.locked import locks
from tests.running import Running

if TYPE_CHECKING:
    from tests.workspace import Workspace


def test_a_reload_and_a_look_at_the_page_take_no_lock_off_the_ledger(workspace: Workspace) -> None:
    """Without it another process would believe itself the last one, and remove the log under the daemon."""
    workspace.configure(workspace.watch(more='schedule = "1s"'), more='[http]\nlisten = "127.0.0.1:0"')
    with Running(workspace) as daemon:
        daemon.until_told("scan.finished")
        assert locks(workspace.ledger, daemon.pid)
        assert daemon.get("/")[0] == 200
        assert locks(workspace.ledger, daemon.pid)
        daemon.send(signal.SIGHUP)
        daemon.until_told("daemon.reloaded")
        assert locks(workspace.ledger, daemon.pid)
        assert daemon.get("/status.json")[0] == 200
        assert locks(workspace.ledger, daemon.pid)
        assert daemon.stop() == 0
    assert sorted(path.name for path in workspace.folder.glob("ledger.db-*")) == []
