"""Which watch each pending entry belongs to, as the configuration changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.sqlite import starts
from watcher.ledger.sqlite.invalidation import has_ownerless
from watcher.ledger.sqlite.reassign import reassign_all
from watcher.ledger.sqlite.transactions import patient
from watcher.ledger.sqlite.watches import adopt_bucket, adopt_watches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.sqlite.transactions import Transactions
    from watcher.model import BucketSpec, WatchSpec


class Assignments:
    """`port.WatchAssignments` on SQLite; see there for the promises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def adopt(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> None:
        """Make buckets and watches equal the configuration.

        Raises:
            ConfigError: a bucket with registered entries would get another form of file URL, and
                every file a second media.  Or the moment of `start = "now"` is unknown.
        """
        with self._transactions.begin(durable=True) as db:
            for bucket in buckets:
                adopt_bucket(db, bucket, config_path)
            starts.refuse_unknown(db, watches, config_path)
            adopt_watches(db, watches)

    @patient()
    def reassign(self, owner: Callable[[str, str, int], str | None], *, now_ms: int) -> None:
        """Give each pending entry to the watch that `owner(bucket, key, size_bytes)` names.

        Where `owner` returns None, the entry waits under its old watch until a watch selects it.
        Only the owner of the lock may call it, or entries that another process claimed would be
        left out.  `owner` runs outside of any transaction.
        """
        reassign_all(self._transactions, owner, now_ms=now_ms)
        with self._transactions.begin(durable=True) as db:
            db.execute(
                """
                UPDATE watch
                   SET assigned_rules = CASE WHEN position IS NOT NULL THEN rules END,
                       assigned_position = position,
                       assigned_bucket_id = bucket_id
                """
            )

    @property
    def is_assigned(self) -> bool:
        """Whether all pending entries were assigned by the watches as they are configured.

        False after a crash on the way, or where another process has queued some for a watch of its
        own.
        """
        with self._transactions.look() as db:
            if has_ownerless(db):
                return False
            row = db.execute(
                """
                SELECT 1 FROM watch
                 WHERE assigned_position IS NOT position OR assigned_bucket_id IS NOT bucket_id
                    OR (position IS NOT NULL AND assigned_rules IS NOT rules)
                """
            ).fetchone()
        return row is None
