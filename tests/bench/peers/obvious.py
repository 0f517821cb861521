"""The obvious script with every default: 100 keys a page, a commit to disk for each object."""

import sqlite3

from tests.bench.peers.script import run

if __name__ == "__main__":
    run(sqlite3.connect)
