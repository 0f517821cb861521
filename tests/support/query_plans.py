"""The statements that SQLite really runs, and which of their plans grow with the ledger."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pytest

_PLANNED = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_ALIAS = re.compile(r"\bentry AS (\w+)", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b")


@contextmanager
def statements_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list of the statements of each connection opened while the block runs."""
    seen: list[str] = []
    real = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **kwargs)
        connection.set_trace_callback(seen.append)
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", connect)
        yield seen


def that_grow(path: Path, statements: Iterable[str]) -> dict[str, list[str]]:
    """Return the statements whose plan sorts, or walks all entries, each with the lines that do."""
    shapes = {
        _LITERAL.sub("?", sql): sql
        for sql in statements
        if _PLANNED.match(sql) and _OF_A_LIBRARY not in sql
    }
    found = {}
    with closing(sqlite3.connect(path)) as db:
        for sql in shapes.values():
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
            if bad := [line for line in plan if _grows(line, {"entry", *_ALIAS.findall(sql)})]:
                found[sql] = bad
    return found


_OF_A_LIBRARY = "_sqlite_migrations"  # a row for each migration
# Searches that are scans by another name: by the bucket or a side of it, or by the watch.
_WALKS = (
    "USING PRIMARY KEY (bucket_id=?)",
    "USING PRIMARY KEY ((bucket_id,key)>(?,?))",
    "(watch_id=?)",
)


def _grows(line: str, names: set[str]) -> bool:
    """Whether a line of a plan costs more with more entries."""
    if "TEMP B-TREE" in line or "AUTOMATIC" in line:
        return True
    verb, name, *_ = [*line.split(), ""]
    return name in names and (verb == "SCAN" or any(walk in line for walk in _WALKS))
