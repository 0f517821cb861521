"""Our durable memory: one row for each object ever matched.  The only importer of SQLite.

schema     tables and migrations        opening   create, check, open, migrate
ledger     record, claim, settle        reading   status, export
lock       one process registers at a time  auditing  rows by key interval
"""

from watcher.ledger.creating import create
from watcher.ledger.ledger import Ledger
from watcher.ledger.lock import ProcessLock
from watcher.ledger.reading import LedgerReader

__all__ = ["Ledger", "LedgerReader", "ProcessLock", "create"]
