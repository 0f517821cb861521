"""The tables of the ledger: the SQL of each migration, in order; see `migrations`.

Instants are INTEGER milliseconds since the epoch, UTC. Keys are exact text, compared byte by byte:
BINARY collation of UTF-8 is OSS's listing order. Rows are never deleted.

The SQL of a released migration never changes, not even its comments or line breaks: SQLite stores
the text in every ledger.
"""

from __future__ import annotations

from typing import Final

from watcher.ledger.sqlite.starts import NEVER_LISTED

APPLICATION_ID: Final = 0x4F565731  # "OVW1", in the file's header: whose database this is

_FIRST = """
CREATE TABLE bucket (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    region   TEXT NOT NULL,
    file_url TEXT NOT NULL,              -- the template of the one canonical form
    encoding TEXT NOT NULL CHECK (encoding IN ('percent', 'raw'))
) STRICT;

CREATE TABLE watch (
    id                  INTEGER PRIMARY KEY,
    name                TEXT NOT NULL UNIQUE,
    bucket_id           INTEGER NOT NULL REFERENCES bucket (id),
    prefix              TEXT NOT NULL,
    rules               TEXT NOT NULL,   -- digest of what it selects by
    position            INTEGER,         -- in the configuration file; NULL: no longer configured
    assigned_rules      TEXT,            -- rules, position and bucket when pending entries were last given out
    assigned_position   INTEGER,
    assigned_bucket_id  INTEGER,
    complete_rules      TEXT,            -- the rules of its last complete scan
    complete_started_at INTEGER,         -- OSS's clock, first answer of that scan
    complete_at         INTEGER,         -- our clock, end of that scan
    complete_listed     INTEGER
) STRICT;

CREATE TABLE source_start (              -- what `start = "now"` came to mean
    source   TEXT PRIMARY KEY,           -- oss://BUCKET/PREFIX
    start_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE batch (                     -- one RegisterMedia call
    id         INTEGER PRIMARY KEY,
    claimed_at INTEGER NOT NULL,
    settled_at INTEGER,
    request_id TEXT
) STRICT;

CREATE TABLE entry (                     -- one object
    bucket_id           INTEGER NOT NULL REFERENCES bucket (id),
    key                 TEXT NOT NULL,
    watch_id            INTEGER NOT NULL REFERENCES watch (id),
    state               TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'registered', 'failed')),
    lane                INTEGER NOT NULL CHECK (lane IN (0, 1)),   -- 0 fresh, 1 backfill
    etag                TEXT NOT NULL,   -- etag, size and modified: the latest seen
    size_bytes          INTEGER NOT NULL,
    modified_at         INTEGER NOT NULL,
    first_seen_at       INTEGER NOT NULL,
    attempts            INTEGER NOT NULL DEFAULT 0,
    changed             INTEGER NOT NULL DEFAULT 0 CHECK (changed IN (0, 1)),
    due_at              INTEGER,         -- pending: not before; NULL: no watch selects it any more
    batch_id            INTEGER,         -- the last call that carried it
    media_id            TEXT,
    new_register        INTEGER,
    reason              TEXT,            -- of `failed`
    message             TEXT,            -- the sentence; on pending entries what the last call said
    registered_etag     TEXT,            -- what was registered, where it differs from the latest seen
    registered_size     INTEGER,
    PRIMARY KEY (bucket_id, key),
    CHECK ((state = 'registered') = (media_id IS NOT NULL)),
    CHECK ((state = 'failed') = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- An entry that was refused goes alone, so it waits in a line of its own.
CREATE INDEX entry_due     ON entry (watch_id, lane, due_at) WHERE state = 'pending' AND attempts = 0;
CREATE INDEX entry_alone   ON entry (watch_id, lane, due_at) WHERE state = 'pending' AND attempts > 0;
CREATE INDEX entry_claimed ON entry (batch_id) WHERE state = 'claimed';
CREATE INDEX entry_failed  ON entry (watch_id, reason) WHERE state = 'failed';

CREATE TABLE tally (                     -- so that counts cost nothing
    watch_id INTEGER NOT NULL REFERENCES watch (id),
    state    TEXT NOT NULL,              -- a state, or 'changed'
    n        INTEGER NOT NULL,
    PRIMARY KEY (watch_id, state)
) STRICT, WITHOUT ROWID;

-- The watcher deletes nothing; whoever does it by hand keeps true counts.
CREATE TRIGGER entry_deleted AFTER DELETE ON entry BEGIN
    UPDATE tally SET n = n - 1 WHERE watch_id = old.watch_id AND state = old.state;
    UPDATE tally SET n = n - old.changed WHERE watch_id = old.watch_id AND state = 'changed';
END;
"""

_SECOND = """
ALTER TABLE watch ADD COLUMN empty_scans INTEGER NOT NULL DEFAULT 0;   -- empty listings in a row, not believed yet

ALTER TABLE entry ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;        -- calls in a row whose outcome is not known

CREATE TABLE unfinished_scan (           -- a listing that is under way, or was cut short: where it can go on
    watch_id    INTEGER PRIMARY KEY REFERENCES watch (id),
    selection   TEXT NOT NULL,           -- digest of all that decided so far
    start_after TEXT NOT NULL,
    started_at  INTEGER NOT NULL,        -- OSS's clock, first answer
    listed      INTEGER NOT NULL,
    matched     INTEGER NOT NULL,
    excluded    TEXT NOT NULL            -- JSON, by reason
) STRICT;

CREATE TABLE breaker (                   -- why calls stopped, for everyone or for one bucket
    bucket_id     INTEGER PRIMARY KEY,   -- 0: the account
    kind          TEXT NOT NULL CHECK (kind IN ('refused', 'unreachable', 'streak')),
    reason        TEXT NOT NULL,
    hint          TEXT NOT NULL,
    opened_at     INTEGER NOT NULL,
    probes        INTEGER NOT NULL DEFAULT 0,
    next_probe_at INTEGER NOT NULL,
    probed_key    TEXT                   -- the last probe of a bucket
) STRICT;

CREATE TABLE refusal_streak (            -- entries of a bucket that were refused since one was last accepted
    bucket_id INTEGER NOT NULL REFERENCES bucket (id),
    key       TEXT NOT NULL,
    attempts  INTEGER NOT NULL,          -- as many as it had before
    PRIMARY KEY (bucket_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE quota (                     -- what the account really gives
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    calls_per_second REAL NOT NULL
) STRICT;

-- Whoever deletes rows by hand wants them found again: no listing goes on behind them.
DROP TRIGGER entry_deleted;
CREATE TRIGGER entry_deleted AFTER DELETE ON entry BEGIN
    UPDATE tally SET n = n - 1 WHERE watch_id = old.watch_id AND state = old.state;
    UPDATE tally SET n = n - old.changed WHERE watch_id = old.watch_id AND state = 'changed';
    DELETE FROM unfinished_scan;
    DELETE FROM refusal_streak WHERE bucket_id = old.bucket_id AND key = old.key;
END;
"""

_THIRD = """
DROP TABLE unfinished_scan;

ALTER TABLE watch ADD COLUMN complete_list_calls INTEGER;      -- of its last complete scan: requests, ...
ALTER TABLE watch ADD COLUMN complete_list_bytes INTEGER;      -- ... bytes of the answers, ...
ALTER TABLE watch ADD COLUMN complete_took_ms INTEGER;         -- ... and how long it took

CREATE TABLE listing (                   -- what listing a watch came to, for scans and for backfills
    id         INTEGER PRIMARY KEY,
    watch_id   INTEGER NOT NULL REFERENCES watch (id),
    kind       TEXT NOT NULL CHECK (kind IN ('scan', 'backfill')),
    source     TEXT NOT NULL,            -- oss://BUCKET/PREFIX
    scan       INTEGER NOT NULL,         -- number of the last one begun
    basis      TEXT NOT NULL,            -- digest of all that decided in it
    began_at   INTEGER NOT NULL,         -- our clock
    started_at INTEGER,                  -- OSS's clock, first answer
    is_open    INTEGER NOT NULL CHECK (is_open IN (0, 1)),     -- under way or cut short: to be gone on with
    is_full    INTEGER NOT NULL CHECK (is_full IN (0, 1)),     -- it trusts no range
    is_plain   INTEGER NOT NULL CHECK (is_plain IN (0, 1)),    -- most ranges changed: none is trusted till a full one
    full_at    INTEGER,                  -- our clock, when the last complete full one under this basis began
    UNIQUE (watch_id, kind)
) STRICT;

CREATE TABLE listed_range (              -- part of a listing: what lies above `lo`, up to `hi` and with it
    listing_id INTEGER NOT NULL REFERENCES listing (id),
    lo         TEXT NOT NULL,
    hi         TEXT,                     -- NULL: to the end
    scan       INTEGER NOT NULL,         -- which listed it last
    listed     INTEGER NOT NULL,
    matched    INTEGER NOT NULL,
    excluded   TEXT NOT NULL,            -- JSON, by reason; '' = none
    n_bytes    INTEGER NOT NULL,         -- of the listed objects in the answer, ...
    digest     BLOB NOT NULL,            -- ... and their SHA-256; empty: look at the objects
    PRIMARY KEY (listing_id, lo)
) STRICT, WITHOUT ROWID;

CREATE TABLE deletions (                 -- of rows by hand: what was remembered before one is worth nothing after it
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n  INTEGER NOT NULL
) STRICT;
INSERT INTO deletions VALUES (1, 0);

DROP TRIGGER entry_deleted;
CREATE TRIGGER entry_deleted AFTER DELETE ON entry BEGIN
    UPDATE tally SET n = n - 1 WHERE watch_id = old.watch_id AND state = old.state;
    UPDATE tally SET n = n - old.changed WHERE watch_id = old.watch_id AND state = 'changed';
    UPDATE deletions SET n = n + 1;
    DELETE FROM refusal_streak WHERE bucket_id = old.bucket_id AND key = old.key;
END;
"""

_FOURTH = f"""
-- Whose clock a moment is of: ours until OSS first answers.  Older versions kept OSS's.
ALTER TABLE source_start ADD COLUMN clock TEXT NOT NULL DEFAULT 'oss' CHECK (clock IN ('ours', 'oss'));

CREATE TABLE unknown_start (             -- sources that an older version may have tried with "now"
    source TEXT PRIMARY KEY              -- oss://BUCKET/PREFIX
) STRICT, WITHOUT ROWID;
INSERT INTO unknown_start {NEVER_LISTED} ON CONFLICT DO NOTHING;

CREATE TABLE owner (                     -- of the registering lock: who wrote down last what it serves
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    pid       INTEGER NOT NULL,
    locked_at INTEGER NOT NULL,          -- mtime of the lock file, in nanoseconds: another one is another owner
    command   TEXT NOT NULL              -- run, scan or backfill
) STRICT;

CREATE TABLE owner_watch (               -- a watch that it registers for
    name   TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    terms  TEXT NOT NULL                 -- digest of what it selects, and of how it is registered
) STRICT, WITHOUT ROWID;

CREATE TABLE decision (                  -- how many times an entry was registered, refused or failed
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n  INTEGER NOT NULL
) STRICT;
INSERT INTO decision VALUES (1, 0);
"""  # noqa: S608 (our own words)

_FIFTH = """
CREATE TABLE last_scan (                 -- how the last listing of a watch ended, by whichever process
    watch_id INTEGER NOT NULL REFERENCES watch (id),
    kind     TEXT NOT NULL CHECK (kind IN ('scan', 'backfill')),
    at       INTEGER NOT NULL,           -- our clock, its end
    complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
    listed   INTEGER NOT NULL,
    matched  INTEGER NOT NULL,
    covered  TEXT NOT NULL,              -- of a backfill: the filters that narrowed it; '' = none
    error    TEXT NOT NULL,              -- why it is incomplete, ...
    hint     TEXT NOT NULL,              -- ... and the cure
    PRIMARY KEY (watch_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE note (                      -- what was logged of a watch, so that it is logged once a day
    watch_id INTEGER NOT NULL REFERENCES watch (id),
    text     TEXT NOT NULL,              -- without its counts
    at       INTEGER NOT NULL,           -- our clock
    PRIMARY KEY (watch_id, text)
) STRICT, WITHOUT ROWID;

CREATE TABLE last_audit (                -- the last complete audit of all watches
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL                  -- our clock, its end
) STRICT;

CREATE TABLE refused_body (              -- VOD took RegisterMetadatas in the query, and not in a form body
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    at      INTEGER NOT NULL,            -- our clock
    version TEXT NOT NULL,               -- of the program that was refused
    reason  TEXT NOT NULL
) STRICT;
"""

STEPS: Final = {
    "0001_first": _FIRST,
    "0002_breakers_and_marks": _SECOND,
    "0003_ranges": _THIRD,
    "0004_starts_and_owner": _FOURTH,
    "0005_last_scan_and_body": _FIFTH,
}
