"""Secrets that must never be seen: the AccessKey pair, the token, a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.support.workspace import Ran, Workspace

KEY_ID = "LTAI5tNeverToBeSeen0001"
SECRET = "kQ7neverToBeSeenAnywhere0002"
TOKEN = "CAISneverToBeSeenAnywhere0003"
HIDDEN = (KEY_ID, SECRET, TOKEN, "Signature=", "signature=")


def secret_sandbox() -> Sandbox:
    """Return a sandbox whose credentials differ from everything else."""
    return Sandbox(access_key_id=KEY_ID, access_key_secret=SECRET, security_token=TOKEN)


def assert_none_seen(workspace: Workspace, *ran: Ran) -> None:
    """Fail if a secret is in the program's output, its log or a file beside the ledger."""
    written = [text.encode() for each in ran for text in (each.out, each.err)]
    written += [file.read_bytes() for file in workspace.folder.rglob("*") if file.is_file()]
    for text in written:
        for word in HIDDEN:
            assert word.encode() not in text, word
