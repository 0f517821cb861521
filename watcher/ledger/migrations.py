"""Bring a ledger to the schema of this version: forward only, each step in a transaction with its record."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from watcher.ledger.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlite_utils import Database

_SET: Final = "oss-vod-watcher"


class Migrations:
    """The steps, in their order.  sqlite_utils is imported when one is to be applied."""

    def __init__(self, steps: Mapping[str, str]) -> None:
        self._steps = steps  # name -> SQL

    @property
    def names(self) -> tuple[str, ...]:
        """Those of this version."""
        return tuple(self._steps)

    def applied(self, connection: sqlite3.Connection) -> list[str]:
        """Return the names of those that a ledger has, of whatever version."""
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchone() is None:
            return []
        rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (_SET,))
        return [name for (name,) in rows]

    def pending(self, connection: sqlite3.Connection) -> list[str]:
        """Return the names of those that a ledger lacks."""
        applied = set(self.applied(connection))
        return [name for name in self._steps if name not in applied]

    def apply(self, connection: sqlite3.Connection) -> None:
        """Apply those that a ledger lacks, each in a transaction of its own."""
        import sqlite_utils  # noqa: PLC0415 (not on the path of a scan)

        migrations = sqlite_utils.Migrations(_SET)
        for name, text in self._steps.items():
            migrations(name=name)(_step(text))
        migrations.apply(sqlite_utils.Database(connection))


def _step(text: str) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        """Run each statement in the caller's transaction (`executescript` would commit first)."""
        statement = ""
        for line in text.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                db.execute(statement)
                statement = ""

    return run


MIGRATIONS: Final = Migrations(STEPS)
