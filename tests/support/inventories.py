"""Bucket inventories in a sandbox, written as OSS writes them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.sandbox.test_fault_vod import Chain
from tests.support.fakes import FakeClock
from tests.support.workspace import BUCKET
from watcher.oss import Inventory, Manifest, ObjectReader, connect, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from watcher.model import ObjectInfo, Page
    from watcher.sandbox import Sandbox

SHELF = "inventory-bucket"
FOLDER = f"reports/{BUCKET}/daily"
KEY = f"{FOLDER}/2025-04-14T08-00Z/manifest.json"
ADDRESS = f"oss://{SHELF}/{KEY}"
COLUMNS = ("Bucket", "Key", "Size", "StorageClass", "LastModifiedDate", "ETag", "ObjectType")
VERSIONED = (
    "Bucket",
    "Key",
    "VersionId",
    "IsLatest",
    "IsDeleteMarker",
    "Size",
    "LastModifiedDate",
    "ETag",
)
MADE_AT = 1_744_617_600  # 2025-04-14T08:00:00Z


def row(key: str | bytes, **more: str) -> dict[str, str]:
    """Return one object's fields, as they stand in a file."""
    fields = {
        "Bucket": BUCKET,
        "Size": "5",
        "StorageClass": "Standard",
        "LastModifiedDate": "2025-04-14T07-06-00Z",
        "ETag": "5D41402ABC4B2A76B9719D911017C592",
        "ObjectType": "Normal",
        "VersionId": "",
        "IsLatest": "true",
        "IsDeleteMarker": "false",
    }
    return {**fields, "Key": quote(key, safe=""), **more}


def packed(
    rows: Iterable[dict[str, str]], columns: Sequence[str] = COLUMNS, *, header: bool = False
) -> bytes:
    """Return rows as a CSV.gz file."""
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    if header:
        table.writerow(columns)
    table.writerows([fields[column] for column in columns] for fields in rows)
    return gzip.compress(text.getvalue().encode())


class Shelf:
    """The bucket that inventories are written to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.clock = FakeClock()
        sandbox.oss.create_bucket(SHELF, add_to_vod=False)

    def picture(self, *, files: int = 3, bucket: str = BUCKET, **manifest: Any) -> None:
        """Write an inventory of what a bucket of the sandbox holds now, dealt out to files."""
        keys = self.sandbox.oss.keys(bucket)
        rows = [self._row(bucket, key) for key in keys]
        fields = {
            "sourceBucket": bucket,
            "creationTimestamp": str(self.sandbox.clock.now_ms() // 1000),
            **manifest,
        }
        self.put(*(packed(rows[first::files]) for first in range(files)), **fields)

    def _row(self, bucket: str, key: bytes) -> dict[str, str]:
        store = self.sandbox.oss._store
        stored = store.find(store.bucket(bucket), key)
        assert stored
        modified_at = datetime.fromtimestamp(stored.modified_at // 1000, UTC)
        return row(
            key,
            Bucket=bucket,
            Size=str(stored.size_bytes),
            StorageClass=stored.storage_class,
            LastModifiedDate=modified_at.strftime("%Y-%m-%dT%H-%M-%SZ"),
            ETag=stored.etag,
            ObjectType=stored.type,
        )

    def put(
        self,
        *files: bytes,
        columns: Sequence[str] = COLUMNS,
        checksum: bytes | None = None,
        **manifest: Any,
    ) -> None:
        """Write an inventory, on request with a wrong `checksum` or other fields of the manifest.

        An empty checksum means none.
        """
        written = []
        for number, body in enumerate(files):
            key = f"{FOLDER}/data/{number}.csv.gz"
            self.sandbox.oss.put(SHELF, key, body)
            md5 = hashlib.md5(body, usedforsecurity=False).hexdigest().upper()
            written.append({"MD5checksum": md5, "key": key, "size": len(body)})
        fields = {
            "creationTimestamp": str(MADE_AT),
            "destinationBucket": SHELF,
            "fileFormat": "CSV",
            "fileSchema": ", ".join(columns),
            "files": written,
            "sourceBucket": BUCKET,
            "version": "2019-09-01",
        }
        self.put_manifest(json.dumps({**fields, **manifest}).encode(), checksum)

    def put_manifest(self, body: bytes, checksum: bytes | None = None) -> None:
        """Write a manifest and its checksum as they are."""
        self.sandbox.oss.put(SHELF, KEY, body)
        right = hashlib.md5(body, usedforsecurity=False).hexdigest().upper().encode()
        if checksum != b"":
            self.sandbox.oss.put(
                SHELF, KEY.replace("manifest.json", "manifest.checksum"), checksum or right
            )

    def reader(self) -> ObjectReader:
        """Return the program's own reader."""
        client = connect(
            bucket=SHELF,
            endpoint=self.sandbox.url,
            region="cn-shanghai",
            credentials=Chain(self.sandbox),
            proxies={},
            no_proxy="",
            ca_bundle="",
        )
        return ObjectReader(client, clock=self.clock, jitter=lambda: 0.5)

    def manifest(self) -> Manifest:
        """Return the manifest as the program reads it."""
        return read_manifest(self.reader(), KEY, source_bucket=BUCKET)

    def inventory(self, *, prefix: str = "", files_at_once: int = 4) -> Inventory:
        """Return the inventory as the program reads it."""
        return Inventory(
            self.reader(),
            self.manifest(),
            prefix=prefix,
            clock=self.clock,
            files_at_once=files_at_once,
        )

    def pages(self, **given: Any) -> list[Page]:
        """Return all pages."""
        return list(self.inventory(**given).pages())

    def objects(self, **given: Any) -> list[ObjectInfo]:
        """Return all objects by key."""
        found = [each for page in self.pages(**given) for each in page.objects]
        return sorted(found, key=lambda each: each.key)

    def keys(self, **given: Any) -> list[str]:
        """Return all keys in order."""
        return [each.key for each in self.objects(**given)]
