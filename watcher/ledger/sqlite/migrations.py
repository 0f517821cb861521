"""Migrate a ledger to the schema of this version.

Migrations only go forward. Each one is a transaction that also records its name.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from watcher.ledger.sqlite.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlite_utils import Database

_SET: Final = "oss-vod-watcher"


class Migrations:
    """An ordered set of migrations. Only `apply` imports sqlite_utils."""

    def __init__(self, steps: Mapping[str, str]) -> None:
        self._steps = steps  # name -> SQL

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all migrations, in order."""
        return tuple(self._steps)

    def applied(self, connection: sqlite3.Connection) -> list[str]:
        """Return the names that a ledger records as applied, those of newer versions too."""
        records = connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'"
        ).fetchone()
        if records is None:
            return []
        rows = connection.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (_SET,)
        )
        return [name for (name,) in rows]

    def pending(self, connection: sqlite3.Connection) -> list[str]:
        """Return the names of migrations that a ledger lacks, in order."""
        applied = set(self.applied(connection))
        return [name for name in self._steps if name not in applied]

    def apply(self, connection: sqlite3.Connection) -> None:
        """Apply each migration that a ledger lacks, in a transaction of its own."""
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
