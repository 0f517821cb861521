PRAGMA application_id = 1331058481;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'oss-vod-watcher','0001_first','2026-11-26 05:45:40.506895+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'oss-vod-watcher','0002_breakers_and_marks','2026-11-26 05:45:40.507799+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'oss-vod-watcher','0003_ranges','2026-11-30 14:59:57.808792+00:00');
CREATE TABLE batch (                     -- one RegisterMedia call
    id         INTEGER PRIMARY KEY,
    claimed_at INTEGER NOT NULL,
    settled_at INTEGER,
    request_id TEXT
) STRICT;
INSERT INTO "batch" VALUES(1,1795671940866,1795671940871,'0395CFA1-85A7-490F-8FA1-340D5BAEBDBF');
INSERT INTO "batch" VALUES(2,1795671940868,1795671940871,'61EC52CB-F2D9-4442-9F4A-40B801B11160');
INSERT INTO "batch" VALUES(3,1795671940872,1795671940876,'5AA27BC8-F9E9-4BB7-9BEC-29D90337A671');
INSERT INTO "batch" VALUES(4,1795671941243,1795671941247,'B6940B8A-9982-4C48-9E70-08FE911566D0');
INSERT INTO "batch" VALUES(5,1795671941664,1795671941668,'2A594E97-C756-408D-A88E-860C347679EB');
INSERT INTO "batch" VALUES(6,1795671942487,1795671942489,'C573B3B6-C22F-4FDD-961D-F1CEE046EEE0');
INSERT INTO "batch" VALUES(7,1795671943192,1795671943196,'4AFB4CD1-4704-456A-A6FF-8F953EB06D12');
INSERT INTO "batch" VALUES(8,1795671943393,1795671943396,'0A2D4DC5-3631-4430-A1AD-16661049928F');
INSERT INTO "batch" VALUES(9,1795671943812,1795671943815,'1BB81815-1B25-437C-A734-9AFA93F66D07');
INSERT INTO "batch" VALUES(10,1795671944158,1795671944174,NULL);
INSERT INTO "batch" VALUES(11,1795671944259,1795671944266,NULL);
INSERT INTO "batch" VALUES(12,1795671957196,1795671957205,NULL);
INSERT INTO "batch" VALUES(13,1795671973159,1795671973164,NULL);
INSERT INTO "batch" VALUES(14,1795671974538,1795671974575,'40EB2C60-129A-49C2-B723-39BBCC31A333');
INSERT INTO "batch" VALUES(15,1795671974627,1795671974631,'5D373D47-9BE8-4962-99F9-A555DA3A3D66');
INSERT INTO "batch" VALUES(16,1795671974632,1795671974635,'F2026837-E7C9-4408-8A60-A6CA6E094D86');
INSERT INTO "batch" VALUES(17,1795671974996,1795671975038,'A54A80B4-8F8A-404B-83B8-10712B9D43EA');
INSERT INTO "batch" VALUES(18,1795671975450,NULL,NULL);
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
INSERT INTO "breaker" VALUES(0,'refused','VOD refused the call: OperationDenied.Suspended: Your VOD service is suspended. (RequestId A54A80B4-8F8A-404B-83B8-10712B9D43EA)','The VOD service is suspended, often for arrears: see the billing console.',1795671975003,0,1795671975003,NULL);
INSERT INTO "breaker" VALUES(2,'refused','VOD refused the call: InvalidParameter: The storageLocation must be registered on VOD. (RequestId 1BB81815-1B25-437C-A734-9AFA93F66D07)','Add the bucket in the VOD console (Configuration Management > Media Management > Storage), in the same region.',1795671943815,2,1795672023957,'in/y.mp4');
CREATE TABLE bucket (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    region   TEXT NOT NULL,
    file_url TEXT NOT NULL,              -- the template of the one canonical form
    encoding TEXT NOT NULL CHECK (encoding IN ('percent', 'raw'))
) STRICT;
INSERT INTO "bucket" VALUES(1,'media-bucket','cn-shanghai','https://{bucket}.oss-{region}.aliyuncs.com/{key}','percent');
INSERT INTO "bucket" VALUES(2,'second-bucket','cn-shanghai','https://{bucket}.oss-{region}.aliyuncs.com/{key}','percent');
CREATE TABLE deletions (                 -- of rows by hand: what was remembered before one is worth nothing after it
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n  INTEGER NOT NULL
) STRICT;
INSERT INTO "deletions" VALUES(1,0);
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
    registered_size     INTEGER, doubts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bucket_id, key),
    CHECK ((state = 'registered') = (media_id IS NOT NULL)),
    CHECK ((state = 'failed') = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "entry" VALUES(1,'a.mp4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671940853,0,1,NULL,1,'b06e6b1471eb4877191c375750cdb63f',1,NULL,NULL,'9DD4E461268C8034F5C8564E155C67A6',1,0);
INSERT INTO "entry" VALUES(1,'bad.mp4',1,'failed',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795671940000,1795671940853,3,0,NULL,4,NULL,NULL,'refused','VOD refused this file and gave no reason',NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'claimed.mp4',1,'claimed',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671975038,0,0,NULL,18,NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'found-by-0003.mp4',1,'pending',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1796050798388,0,0,1796050798388,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'gone.mp4',1,'failed',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795671941000,1795671941650,1,0,NULL,5,NULL,NULL,'gone','the object is no longer in the bucket',NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'it''s.mp4',1,'registered',1,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671940853,0,0,NULL,1,'3a5988287301427391e9e02af854a07b',1,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'line
break.mp4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671940853,0,0,NULL,1,'f8e0898bdafe419f6935399ee9f37a3e',1,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'pending.mp4',1,'pending',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671975860,0,0,1795671975860,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'wait/once.mp4',1,'pending',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795671974000,1795671974579,2,0,NULL,16,NULL,NULL,NULL,'VOD refused this file and gave no reason',NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'wait/unsure.mp4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795671943000,1795671944210,0,0,NULL,14,'1a80ca194ce6d52e3decf1794bc718a3',1,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'视频/2.mp4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671942474,0,0,NULL,8,'3bb637d9356978140d04f1fc9fad1a72',1,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(1,'视频/第 1 集.MP4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671940853,0,0,NULL,1,'367ea741b28eca5a1e294fa1cfa593b6',1,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(2,'in/x.mp4',2,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671940857,0,0,NULL,2,'9b116c96d55ef552b33f2f4730b80bdb',1,NULL,NULL,NULL,NULL,0);
INSERT INTO "entry" VALUES(2,'in/y.mp4',2,'pending',0,'9DD4E461268C8034F5C8564E155C67A6',1,1796050797000,1795671943803,0,0,1795671975038,17,NULL,NULL,NULL,'VOD refused the call: OperationDenied.Suspended: Your VOD service is suspended. (RequestId A54A80B4-8F8A-404B-83B8-10712B9D43EA)',NULL,NULL,2);
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
INSERT INTO "listed_range" VALUES(1,'',NULL,1,11,8,'{"extension": 1, "exclude": 2}',2518,X'6857F6C15D7327A8C59175E3C02B563AC334D80785E6D139A56BF8A9DEE3A0ED');
INSERT INTO "listed_range" VALUES(2,'',NULL,1,2,2,'',444,X'22B85E41FA32492B0C1391B3EE30C1D2834680654154D20B9E6A32A91B040036');
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
INSERT INTO "listing" VALUES(1,1,'scan','oss://media-bucket/',1,'a8cad7aaee57be34/0',1796050798333,1796050798000,0,1,0,1796050798333);
INSERT INTO "listing" VALUES(2,2,'scan','oss://second-bucket/in/',1,'508df149350f3c87/0',1796050798390,1796050798000,0,1,0,1796050798390);
CREATE TABLE quota (                     -- what the account really gives
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    calls_per_second REAL NOT NULL
) STRICT;
INSERT INTO "quota" VALUES(1,2.41200000000000017055e+02);
CREATE TABLE refusal_streak (            -- entries of a bucket that were refused since one was last accepted
    bucket_id INTEGER NOT NULL REFERENCES bucket (id),
    key       TEXT NOT NULL,
    attempts  INTEGER NOT NULL,          -- as many as it had before
    PRIMARY KEY (bucket_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "refusal_streak" VALUES(1,'wait/once.mp4',0);
CREATE TABLE source_start (              -- what `start = "now"` came to mean
    source   TEXT PRIMARY KEY,           -- oss://BUCKET/PREFIX
    start_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "source_start" VALUES('oss://second-bucket/in/',1795671940000);
CREATE TABLE tally (                     -- so that counts cost nothing
    watch_id INTEGER NOT NULL REFERENCES watch (id),
    state    TEXT NOT NULL,              -- a state, or 'changed'
    n        INTEGER NOT NULL,
    PRIMARY KEY (watch_id, state)
) STRICT, WITHOUT ROWID;
INSERT INTO "tally" VALUES(1,'changed',1);
INSERT INTO "tally" VALUES(1,'claimed',1);
INSERT INTO "tally" VALUES(1,'failed',2);
INSERT INTO "tally" VALUES(1,'pending',3);
INSERT INTO "tally" VALUES(1,'registered',6);
INSERT INTO "tally" VALUES(2,'claimed',0);
INSERT INTO "tally" VALUES(2,'pending',1);
INSERT INTO "tally" VALUES(2,'registered',1);
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
, empty_scans INTEGER NOT NULL DEFAULT 0, complete_list_calls INTEGER, complete_list_bytes INTEGER, complete_took_ms INTEGER) STRICT;
INSERT INTO "watch" VALUES(1,'videos',1,'','00473f7558931a3e',0,'00473f7558931a3e',0,1,'00473f7558931a3e',1796050798000,1796050798390,11,0,1,2769,57);
INSERT INTO "watch" VALUES(2,'second',2,'in/','a32d912b8c39360b',1,'a32d912b8c39360b',1,2,'a32d912b8c39360b',1796050798000,1796050798393,2,0,1,700,3);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX entry_due     ON entry (watch_id, lane, due_at) WHERE state = 'pending' AND attempts = 0;
CREATE INDEX entry_alone   ON entry (watch_id, lane, due_at) WHERE state = 'pending' AND attempts > 0;
CREATE INDEX entry_claimed ON entry (batch_id) WHERE state = 'claimed';
CREATE INDEX entry_failed  ON entry (watch_id, reason) WHERE state = 'failed';
CREATE TRIGGER entry_deleted AFTER DELETE ON entry BEGIN
    UPDATE tally SET n = n - 1 WHERE watch_id = old.watch_id AND state = old.state;
    UPDATE tally SET n = n - old.changed WHERE watch_id = old.watch_id AND state = 'changed';
    UPDATE deletions SET n = n + 1;
    DELETE FROM refusal_streak WHERE bucket_id = old.bucket_id AND key = old.key;
END;
COMMIT;
