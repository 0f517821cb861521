"""Our durable memory: one row for each object ever matched.  The only importer of SQLite.

recognising  what the file is, before SQLite opens it    opening    open, migrate, see that it is whole
creating     a new one                                   replacing  a new one for a damaged one
schema       the tables, as SQL (migrations)              lock       one process registers at a time
intake       what scans write (seen, reassigning)        queue      recover, claim, settle (claiming, settling, streaks)
starts       what "now" came to mean                      scan_ends  how listings ended; last_audit
breakers     why calls stopped                           retrying   failed entries back in line
parameters   whether VOD takes a form body
reading      status, export                              auditing   rows by key interval
browsing     search, stories, failures, in bounded time
backlog      how much waits, how much was done           ownership  what the owner of the lock serves
care         check and backup
names mounts one file, one name                          renaming   a new name, never in another file's place
owner        whose files these are, who may use them     disk       full, or failing for another reason
"""

from watcher.ledger.creating import create
from watcher.ledger.last_audit import remember_audit
from watcher.ledger.ledger import Ledger, LedgerSides
from watcher.ledger.lock import RUN, ProcessLock
from watcher.ledger.names import other_names, refuse_other_names
from watcher.ledger.patience import patiently
from watcher.ledger.reading import LedgerReader
from watcher.ledger.recognising import recognise

__all__ = [
    "RUN",
    "Ledger",
    "LedgerReader",
    "LedgerSides",
    "ProcessLock",
    "create",
    "other_names",
    "patiently",
    "recognise",
    "refuse_other_names",
    "remember_audit",
]
