"""Run the program as `python -m watcher` does, and kill it at a COMMIT.

Usage: `python -P tests/support/kill_at_commit.py ARGUMENTS...`.

DIES_AT="before claim 2" kills it when it is about to commit its second claim, "after claim 2" when
it has. COMMITS_TO names a file that gets a line for each commit.  Nothing of the program is changed
or knows of it: SQLite's connections are of a class that looks at the statements that pass.
"""

from __future__ import annotations

import os
import runpy
import signal
import sqlite3
import threading
from collections import Counter
from functools import partial
from typing import Any, Final

# The words in a statement that show the kind of its transaction.
KINDS: Final = {
    "adopt": "UPDATE watch SET position = NULL",
    "reassign": "UPDATE watch SET assigned_rules",
    "remember start": "INSERT INTO source_start",
    "correct start": "UPDATE source_start SET",
    "record": "AND complete_rules = rules, empty_scans FROM watch",
    "count empty scan": "SET empty_scans = empty_scans + 1",
    "finish scan": "SET complete_rules = rules",
    "keep end": "INSERT INTO last_scan",
    "recover": "doubts = doubts + 1 WHERE state = 'claimed'",
    "claim": "INSERT INTO batch",
    "settle": "UPDATE batch SET settled_at",
    "put breaker": "INSERT INTO breaker",
    "remove breaker": "DELETE FROM breaker WHERE bucket_id",
    "remember quota": "INSERT INTO quota",
    "retry": "SET state = 'pending', attempts = 0",
    "acknowledge": "SET changed = 0",
    "create": "CREATE TABLE entry",
    "migrate": 'INSERT INTO "_sqlite_migrations"',
    "forget streak": "DELETE FROM breaker WHERE kind = 'streak'",
    "give out": "UPDATE entry SET watch_id = ?, due_at = ?",  # entries to other watches
    "begin scan": "INSERT INTO listing",
    "publish": "DELETE FROM owner_watch",
    "withdraw": "DELETE FROM owner",
}
_counted: Counter[str] = Counter()
_counting = threading.Lock()


def kind_of(statements: list[str]) -> str:
    """Return the kind of a transaction: its first writing statement if unknown, "" if it reads."""
    for statement in statements:
        for kind, words in KINDS.items():
            if words in statement:
                return kind
    writes = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER")
    return next((f"? {statement}" for statement in statements if statement.startswith(writes)), "")


class KillingConnection(sqlite3.Connection):
    """A connection that counts commits by kind, and kills this process at one of them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._passed: list[str] = []

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Pass on a statement."""
        statement = " ".join(sql.split())
        if statement != "COMMIT":
            self._passed = [] if statement.startswith("BEGIN") else [*self._passed, statement]
            return super().execute(sql, parameters)
        step = _step(kind_of(self._passed))
        _die_if(f"before {step}")
        done = super().execute(sql, parameters)
        _die_if(f"after {step}")
        return done

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        """Pass on a statement."""
        self._passed.append(" ".join(sql.split()))
        return super().executemany(sql, parameters)


def _step(kind: str) -> str:
    with _counting:
        _counted[kind] += 1
        if path := os.environ.get("COMMITS_TO"):
            with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 (as early and as little as can be)
                file.write(f"{kind}\n")
        return f"{kind} {_counted[kind]}"


def _die_if(step: str) -> None:
    if step == os.environ.get("DIES_AT"):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=KillingConnection)  # type: ignore[assignment]
    runpy.run_module("watcher", run_name="__main__", alter_sys=True)
