"""The script at 1000 keys a page, with the ledger in WAL mode and no wait for the disk."""

import sqlite3

from tests.bench.peers.script import run


def connect(path: str) -> sqlite3.Connection:
    """Return a database that commits quickly."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


if __name__ == "__main__":
    run(connect, max_keys=1000)
