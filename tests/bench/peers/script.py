"""The script that everybody writes first: list, look up each key, register, remember.

Sources: oss2's `ObjectIteratorV2`, and RegisterMedia as in the VOD server SDK's sample code for
Python.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

import oss2
from aliyunsdkcore.client import AcsClient
from aliyunsdkvod.request.v20170321.RegisterMediaRequest import RegisterMediaRequest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


def run(connect: Callable[[str], sqlite3.Connection], **page_size: int) -> None:
    """Handle the first objects of a bucket; print how many, and the seconds of wall clock and CPU.

    Command line: endpoint, bucket, database, how many objects at most, and "register" or "list".
    """
    endpoint, name, database, at_most, what = sys.argv[1:]
    key, secret = (
        os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    )
    bucket = oss2.Bucket(oss2.AuthV4(key, secret), endpoint, name, region="cn-shanghai")
    client = AcsClient(key, secret, "cn-shanghai")
    client.add_endpoint("cn-shanghai", "vod", endpoint.removeprefix("http://"))
    db = connect(database)
    db.execute(
        "CREATE TABLE IF NOT EXISTS media (key TEXT PRIMARY KEY, etag TEXT, size INTEGER, media_id "
        "TEXT)"
    )
    wall, cpu, n, new = time.perf_counter(), time.process_time(), 0, 0
    for found in islice(oss2.ObjectIteratorV2(bucket, **page_size), int(at_most)):
        n += 1
        if db.execute("SELECT 1 FROM media WHERE key = ?", (found.key,)).fetchone():
            continue
        media_id = register_media(client, name, found.key) if what == "register" else None
        db.execute(
            "INSERT INTO media VALUES (?, ?, ?, ?)", (found.key, found.etag, found.size, media_id)
        )
        db.commit()
        new += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"objects": n, "new": new, "wall_s": wall, "cpu_s": cpu}))


def register_media(client: AcsClient, bucket: str, key: str) -> str:
    """Register one file; return its media ID."""
    request = RegisterMediaRequest()
    url = f"https://{bucket}.oss-cn-shanghai.aliyuncs.com/{quote(key)}"
    request.set_RegisterMetadatas(json.dumps([{"FileURL": url, "Title": key.rsplit("/", 1)[-1]}]))
    request.set_accept_format("JSON")
    answer = json.loads(client.do_action_with_exception(request))
    return str(answer["RegisteredMediaList"][0]["MediaId"])
