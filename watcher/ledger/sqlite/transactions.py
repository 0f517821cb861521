"""One connection, one writer at a time; each public method of the ledger is one transaction."""

from __future__ import annotations

import copy
import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from watcher.errors import LocalFailure
from watcher.ledger.sqlite.busy_retry import BUSY_S, TRIES, retry_busy
from watcher.ledger.sqlite.sqlite_errors import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Troubles:
    """Why work cannot be written, until it is done or given up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: dict[object, LocalFailure] = {}  # by work, the oldest first
        self._first: set[object] = set()  # of them: no claim is made before it is done
        self.given_up: LocalFailure | None = None

    def add(self, work: object, error: LocalFailure, *, first: bool) -> None:
        """Remember why a piece of work failed."""
        with self._lock:
            self._errors[work] = error
            if first:
                self._first.add(work)

    def remove(self, work: object) -> None:
        """Forget a piece of work that is done, or given up."""
        with self._lock:
            self._errors.pop(work, None)
            self._first.discard(work)

    @property
    def oldest(self) -> LocalFailure | None:
        """Why the work that waits longest failed last, or None."""
        with self._lock:
            return next(iter(self._errors.values()), None)

    @property
    def keep_claims_waiting(self) -> bool:
        """Whether a settlement waits to be written, which goes before any claim."""
        return bool(self._first)


class Transactions:
    """Hands the connection to one thread at a time, inside BEGIN IMMEDIATE."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        *,
        wait: Callable[[float], bool],
        tries: int | None = TRIES,
    ) -> None:
        self._path = path
        self._connection = connection
        self._wait = wait  # (seconds) -> whether to stop
        self._tries = tries
        self._lock = threading.Lock()
        self._troubles = _Troubles()
        self._alive: Callable[[], object] = lambda: None

    def seen_by(self, alive: Callable[[], object]) -> Transactions:
        """Return the same for one thread; `alive` is called while that thread waits."""
        part = copy.copy(self)
        part._alive = alive  # noqa: SLF001 (of this class)
        return part

    @property
    def trouble(self) -> LocalFailure | None:
        """Why a thread cannot write now, or None."""
        return self._troubles.oldest

    @property
    def is_kept_waiting(self) -> bool:
        """Whether a settlement waits to be written, which goes before any claim."""
        return self._troubles.keep_claims_waiting

    def retry_busy(self, work: Callable[[], _T], *, first: bool) -> _T:
        """Do `work`, and retry while the disk is full or the database is locked.

        `first`: no claim is made before the work is done.

        Raises:
            LocalFailure: the tries are used up, now or for earlier work: nothing more is written.
        """
        troubles, this = self._troubles, object()

        def once() -> _T:
            if troubles.given_up:
                raise troubles.given_up
            return work()

        def wait(seconds: float) -> bool:
            self._alive()
            return self._wait(seconds)

        def failed(error: LocalFailure) -> None:
            troubles.add(this, error, first=first)

        try:
            return retry_busy(once, wait=wait, failed=failed, tries=self._tries)
        except LocalFailure as error:
            troubles.given_up = LocalFailure(str(error), hint=error.hint)
            raise
        finally:
            troubles.remove(this)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the connection while the block runs; report to be alive while waiting for it."""
        while not self._lock.acquire(timeout=BUSY_S):
            self._alive()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def begin(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that is committed at the end, or rolled back.

        `durable`: synchronous=FULL, so that the commit survives a power cut.  A scan's records
        need less, because the next scan sees the same objects.
        """
        with self._exclusive(), translated(self._path):
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
        with self._exclusive(), translated(self._path):
            yield self._connection

    def close(self) -> None:
        """Close the connection."""
        with self._exclusive():
            self._connection.close()


class _HasTransactions(Protocol):
    _transactions: Transactions


_Self = TypeVar("_Self", bound=_HasTransactions)


def patient(
    *, first: bool = False
) -> Callable[[Callable[Concatenate[_Self, _P], _T]], Callable[Concatenate[_Self, _P], _T]]:
    """Return a decorator for methods that are retried; see `Transactions.retry_busy`."""

    def decorate(
        method: Callable[Concatenate[_Self, _P], _T],
    ) -> Callable[Concatenate[_Self, _P], _T]:
        @functools.wraps(method)
        def call(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
            return self._transactions.retry_busy(lambda: method(self, *args, **kwargs), first=first)

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
