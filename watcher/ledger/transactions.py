"""One connection, one writer at a time, one transaction a method."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from watcher.errors import MachineFailed
from watcher.ledger.opening import translated
from watcher.ledger.patience import TRIES, patiently

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Transactions:
    """Hands the connection to one thread at a time, inside BEGIN IMMEDIATE."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, wait: Callable[[float], bool], tries: int | None = TRIES
    ) -> None:
        self._path = path
        self._connection = connection
        self._wait = wait  # (seconds) -> whether to stop
        self._tries = tries
        self._turn = threading.Lock()
        self._given_up: MachineFailed | None = None
        self.is_kept_waiting = False  # whether something that must be written first cannot be
        self.trouble: MachineFailed | None = None  # why the last thing tried could not be done

    def patiently(self, work: Callable[[], _T], *, first: bool) -> _T:
        """Do `work`, one transaction, see `patience`; whoever comes later waits too.

        `first`: nothing else is to be begun before it is done.

        Raises:
            MachineFailed: it did not pass, now or before: nothing is to go on unsaved.
        """

        def failed(error: MachineFailed) -> None:
            self.is_kept_waiting |= first
            self.trouble = error

        def once() -> _T:
            if self._given_up:
                raise self._given_up
            return work()

        try:
            done = patiently(once, wait=self._wait, failed=failed, tries=self._tries)
        except MachineFailed as error:
            self._given_up = MachineFailed(str(error), hint=error.hint)  # which nobody tries again
            raise
        self.is_kept_waiting &= not first
        self.trouble = None
        return done

    @contextmanager
    def begin(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that is committed at the end, or rolled back.

        `durable`: synchronous=FULL, so that the commit survives a power cut once this returns.  What a
        scan saw needs less: it is seen again.
        """
        with self._turn, translated(self._path):
            db = self._connection
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite may have rolled back already
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for reading."""
        with self._turn, translated(self._path):
            yield self._connection

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._connection.close()


class _HasTransactions(Protocol):
    _transactions: Transactions


_Self = TypeVar("_Self", bound=_HasTransactions)


def patient(
    *, first: bool = False
) -> Callable[[Callable[Concatenate[_Self, _P], _T]], Callable[Concatenate[_Self, _P], _T]]:
    """Return a decorator for methods that are one transaction: see `Transactions.patiently`."""

    def decorate(method: Callable[Concatenate[_Self, _P], _T]) -> Callable[Concatenate[_Self, _P], _T]:
        @functools.wraps(method)
        def call(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
            return self._transactions.patiently(lambda: method(self, *args, **kwargs), first=first)

        return call

    return decorate


def add_to_tally(db: sqlite3.Connection, changes: Mapping[tuple[int, str], int]) -> None:
    """Add to the counts, within the caller's transaction; keys are (watch_id, state)."""
    db.executemany(
        """
        INSERT INTO tally (watch_id, state, n) VALUES (?, ?, ?)
            ON CONFLICT (watch_id, state) DO UPDATE SET n = n + excluded.n
        """,
        [(watch_id, state, n) for (watch_id, state), n in changes.items() if n],
    )
