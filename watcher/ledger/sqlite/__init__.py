"""The ledger on SQLite: one row for each object that was ever selected. Alone imports SQLite.

discovery     what scans write, with recording (objects), known_rows, ranges (range_rows,
              invalidation), starts (moments of "now") and scan_ends
assignments   adopt the configuration, reassign pending entries
queue         recover, claim (due, probe) and settle, with refusal_streak
breakers      why calls stopped; body_refusal: whether VOD takes a form body
retry         what people ask for
counts        how much is queued, how much was done
records       rows as `transitions.EntryRecord`
transactions  one connection, one writer at a time; busy_retry waits for the disk and for others
served        what the owner of the lock serves; watches: buckets and watches as configured
schema        the tables, as SQL; migrations
file_check    what the file is, before SQLite opens it; file_names, file_owner, mounts, rename
connection    open the ledger; raw_connection, sqlite_errors, disk_errors
create        a new ledger; replace: a new one for a damaged one
check         find damage; crash_check: after a crash; backup
lock          one process registers at a time
reader        status and export; audit_reader, search
"""

from watcher.ledger.sqlite.busy_retry import retry_busy
from watcher.ledger.sqlite.create import create
from watcher.ledger.sqlite.file_check import recognise
from watcher.ledger.sqlite.file_names import other_names, refuse_other_names
from watcher.ledger.sqlite.last_audit import remember_audit
from watcher.ledger.sqlite.ledger import Ledger, LedgerSides
from watcher.ledger.sqlite.lock import RUN, ProcessLock
from watcher.ledger.sqlite.reader import LedgerReader

__all__ = [
    "RUN",
    "Ledger",
    "LedgerReader",
    "LedgerSides",
    "ProcessLock",
    "create",
    "other_names",
    "recognise",
    "refuse_other_names",
    "remember_audit",
    "retry_busy",
]
