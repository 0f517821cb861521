PRAGMA application_id = 1331058481;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'oss-vod-watcher','0001_first','2026-11-26 01:36:04.213450+00:00');
CREATE TABLE batch (                     -- one RegisterMedia call
    id         INTEGER PRIMARY KEY,
    claimed_at INTEGER NOT NULL,
    settled_at INTEGER,
    request_id TEXT
) STRICT;
INSERT INTO "batch" VALUES(1,1795656964733,1795656964739,'DA3B3C38-39D3-45C9-88AE-A5B33F9DFC1E');
INSERT INTO "batch" VALUES(2,1795656964735,1795656964759,'8287B35E-E1EE-4412-BD1D-35BC7A88BB6F');
INSERT INTO "batch" VALUES(3,1795656964740,1795656964801,'15E47435-E904-47FE-A80D-291A7DC1E651');
INSERT INTO "batch" VALUES(4,1795656966560,1795656966566,'7CA9553B-0085-4F88-B92B-0B65A0DB1CC9');
INSERT INTO "batch" VALUES(5,1795656967204,1795656967208,NULL);
INSERT INTO "batch" VALUES(99,1,NULL,NULL);
CREATE TABLE bucket (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    region   TEXT NOT NULL,
    file_url TEXT NOT NULL,              -- the template of the one canonical form
    encoding TEXT NOT NULL CHECK (encoding IN ('percent', 'raw'))
) STRICT;
INSERT INTO "bucket" VALUES(1,'media-bucket','cn-shanghai','https://{bucket}.oss-{region}.aliyuncs.com/{key}','percent');
INSERT INTO "bucket" VALUES(2,'second-bucket','cn-shanghai','https://{bucket}.oss-{region}.aliyuncs.com/{key}','percent');
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
INSERT INTO "entry" VALUES(1,'a.mp4',1,'registered',0,'795F3202B17CB6BC3D4B771D8C6C9EAF',5,1795656966000,1795656964688,0,1,NULL,1,'b06e6b1471eb4877191c375750cdb63f',1,NULL,NULL,'9DD4E461268C8034F5C8564E155C67A6',1);
INSERT INTO "entry" VALUES(1,'bad.mp4',1,'failed',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656964000,1795656964688,3,0,NULL,4,NULL,NULL,'refused','VOD refused this file and gave no reason',NULL,NULL);
INSERT INTO "entry" VALUES(1,'claimed.mp4',1,'claimed',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656966000,1795656967197,0,0,NULL,99,NULL,NULL,NULL,'VOD refused the call: InvalidParameter: The storageLocation must be registered on VOD. (RequestId E5744A7B-FB22-40D9-B7D5-5DA088BF0A72)',NULL,NULL);
INSERT INTO "entry" VALUES(1,'it''s.mp4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656964000,1795656964688,0,0,NULL,1,'3a5988287301427391e9e02af854a07b',1,NULL,NULL,NULL,NULL);
INSERT INTO "entry" VALUES(1,'line
break.mp4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656964000,1795656964688,0,0,NULL,1,'f8e0898bdafe419f6935399ee9f37a3e',1,NULL,NULL,NULL,NULL);
INSERT INTO "entry" VALUES(1,'pending.mp4',1,'pending',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656966000,1795656967197,0,0,1795656967208,5,NULL,NULL,NULL,'VOD refused the call: InvalidParameter: The storageLocation must be registered on VOD. (RequestId E5744A7B-FB22-40D9-B7D5-5DA088BF0A72)',NULL,NULL);
INSERT INTO "entry" VALUES(1,'视频/第 1 集.MP4',1,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656964000,1795656964688,0,0,NULL,1,'367ea741b28eca5a1e294fa1cfa593b6',1,NULL,NULL,NULL,NULL);
INSERT INTO "entry" VALUES(2,'in/x.mp4',2,'registered',0,'9DD4E461268C8034F5C8564E155C67A6',1,1795656964000,1795656964692,0,0,NULL,2,'9b116c96d55ef552b33f2f4730b80bdb',1,NULL,NULL,NULL,NULL);
CREATE TABLE source_start (              -- what `start = "now"` came to mean
    source   TEXT PRIMARY KEY,           -- oss://BUCKET/PREFIX
    start_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "source_start" VALUES('oss://second-bucket/in/',1795656964000);
CREATE TABLE tally (                     -- so that counts cost nothing
    watch_id INTEGER NOT NULL REFERENCES watch (id),
    state    TEXT NOT NULL,              -- a state, or 'changed'
    n        INTEGER NOT NULL,
    PRIMARY KEY (watch_id, state)
) STRICT, WITHOUT ROWID;
INSERT INTO "tally" VALUES(1,'changed',1);
INSERT INTO "tally" VALUES(1,'claimed',1);
INSERT INTO "tally" VALUES(1,'failed',1);
INSERT INTO "tally" VALUES(1,'pending',1);
INSERT INTO "tally" VALUES(1,'registered',4);
INSERT INTO "tally" VALUES(2,'claimed',0);
INSERT INTO "tally" VALUES(2,'pending',0);
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
) STRICT;
INSERT INTO "watch" VALUES(1,'videos',1,'','00473f7558931a3e',0,'00473f7558931a3e',0,1,'00473f7558931a3e',1795656967000,1795656967197,7);
INSERT INTO "watch" VALUES(2,'second',2,'in/','a32d912b8c39360b',1,'a32d912b8c39360b',1,2,'a32d912b8c39360b',1795656967000,1795656967201,1);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX entry_due     ON entry (watch_id, lane, due_at) WHERE state = 'pending' AND attempts = 0;
CREATE INDEX entry_alone   ON entry (watch_id, lane, due_at) WHERE state = 'pending' AND attempts > 0;
CREATE INDEX entry_claimed ON entry (batch_id) WHERE state = 'claimed';
CREATE INDEX entry_failed  ON entry (watch_id, reason) WHERE state = 'failed';
CREATE TRIGGER entry_deleted AFTER DELETE ON entry BEGIN
    UPDATE tally SET n = n - 1 WHERE watch_id = old.watch_id AND state = old.state;
    UPDATE tally SET n = n - old.changed WHERE watch_id = old.watch_id AND state = 'changed';
END;
COMMIT;
