"""What must never be seen: the AccessKey pair, the token, a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.workspace import Ran, Workspace

KEY_ID = "LTAI5tNeverToBeSeen0001"
SECRET = "kQ7neverToBeSeenAnywhere0002"
TOKEN = "CAISneverToBeSeenAnywhere0003"
HIDDEN = (KEY_ID, SECRET, TOKEN, "Signature=", "signature=")


def secret_sandbox() -> Sandbox:
    """Return a sandbox whose credentials can be told from everything else."""
    return Sandbox(access_key_id=KEY_ID, access_key_secret=SECRET, security_token=TOKEN)


def assert_none_seen(workspace: Workspace, *ran: Ran) -> None:
    """Fail if anything hidden is in what the program wrote: its output, its log, every file beside the ledger."""
    written = [text.encode() for each in ran for text in (each.out, each.err)]
    written += [file.read_bytes() for file in workspace.folder.rglob("*") if file.is_file()]
    for text in written:
        for word in HIDDEN:
            assert word.encode() not in text, word
