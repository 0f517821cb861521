"""The main job, end to end: a process of its own, the real SDKs, the sandbox's own records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Workspace
from watcher.model import Media
from watcher.rules.batching import batch_size

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

ODD_KEYS = (
    "a b.mp4",
    "a+b.mp4",
    "100%.mp4",
    "%41.mp4",
    "%2541.mp4",
    "a&b=c.mp4",
    "a#b.mp4",
    "a?b.mp4",
    "a[b].mp4",
    "a{b}.mp4",
    "a'b.mp4",
    'a"b.mp4',
    "a<b>.mp4",
    "a\\b.mp4",
    "a//b.mp4",
    "./a.mp4",
    "a/../b.mp4",
    "视频/第 1 集.MP4",
    "𠮷.mp4",
    "🎬.mp4",
    "line\nbreak.mp4",
    "\x01.mp4",
    "a\x7fb.mp4",
    "a\tb.mp4",
    "A.MOV",
    "a.mov",
    "a;b,c@d$e!f*g(h)~i|j^k`.mp4",
)


def asked(sandbox: Sandbox) -> dict[str, int]:
    """Return how often each key was asked for, by the sandbox's registry."""
    return {key: media.times_asked for (_, key), media in sandbox.vod.media.items()}


@pytest.mark.parametrize("n", [0, 1, 10, 11, 999, 1000, 1001, 2500])
def test_every_object_gets_one_media_in_the_fewest_calls(
    workspace: Workspace, sandbox: Sandbox, n: int
) -> None:
    """Ten a call, one scan; the next scan calls nothing."""
    workspace.configure(vod="calls_per_second = 400")
    sandbox.vod.calls_per_second = 500
    keys = [f"dir/{i:05}.mp4" for i in range(n)]
    for key in keys:
        sandbox.oss.put(BUCKET, key)

    first = workspace.scan()

    assert first.status == 0, first.err
    assert asked(sandbox) == dict.fromkeys(keys, 1)
    assert len(sandbox.vod.journal) == first.json["register_calls"] == -(-n // 10)
    assert (first.json["registered"], first.json["pending"]) == (n, 0)
    assert first.json["scans"][0]["list_calls"] == max(1, -(-n // 1000))

    second = workspace.scan()

    assert second.status == 0
    assert (second.json["register_calls"], second.json["scans"][0]["new"]) == (0, 0)
    assert len(sandbox.vod.journal) == -(-n // 10)


@pytest.mark.parametrize("parameters_in", ["auto", "query", "body"])
@pytest.mark.parametrize("encoding", ["percent", "raw"])
def test_odd_keys_come_back_byte_for_byte(
    workspace: Workspace, sandbox: Sandbox, parameters_in: str, encoding: str
) -> None:
    """Each odd key has its own media, and `export` gives it back exactly."""
    workspace.configure(
        workspace.watch(more=f'file_url_encoding = "{encoding}"'),
        vod=f'parameters_in = "{parameters_in}"',
    )
    # Sent raw, "%41" and "A" would be the same to a service that decodes: that is what
    # percent is for.
    keys = [
        key for key in ODD_KEYS if encoding == "percent" or not set("%?#+\n\t\x01\x7f") & set(key)
    ]
    for key in keys:
        sandbox.oss.put(BUCKET, key)

    done = workspace.scan()

    assert done.status == 0, done.err
    assert asked(sandbox) == dict.fromkeys(keys, 1)
    entries = workspace.entries()
    assert [entry["key"] for entry in entries] == sorted(keys)
    for entry in entries:
        assert entry["media_id"] == sandbox.vod.media[BUCKET, entry["key"]].media_id
        assert entry["state"] == "registered"
        assert entry["new_register"] is True
    assert workspace.scan().json["register_calls"] == 0


def test_long_names_take_the_fewest_calls_under_the_byte_limit(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """In a URL, items take at most 8,000 encoded bytes a call; in a body ten go together."""
    workspace.configure(vod='parameters_in = "query"')
    keys = sorted(f"{i:03}/{'影' * 60}.mp4" for i in range(40))
    for key in keys:
        sandbox.oss.put(BUCKET, key)

    assert workspace.scan().status == 0

    sizes = [len(call.items) for call in sandbox.vod.journal]
    assert sum(sizes) == 40
    assert len(sizes) == _fewest(keys)
    assert all(call.url_bytes <= 8_000 + 1_000 for call in sandbox.vod.journal)


def _fewest(keys: list[str]) -> int:
    media = [
        Media(
            bucket=BUCKET,
            key=key,
            file_url="https://" + BUCKET + ".oss-cn-shanghai.aliyuncs.com/" + _quoted(key),
            title=("影" * 60)[:42],
        )
        for key in keys
    ]
    calls = 0
    while media:
        media = media[batch_size(media, max_bytes=8_000) :]
        calls += 1
    return calls


def _quoted(key: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 (only here)

    return quote(key, safe="/")


def test_a_key_whose_url_is_too_long_fails_without_a_call(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """VOD takes 1024 bytes of file URL; the entry says so, and the others go on."""
    sandbox.oss.put(BUCKET, "5" + "影" * 120 + ".mp4")  # in the middle of what would be one call
    for i in range(10):
        sandbox.oss.put(BUCKET, f"{i}.mp4")

    assert "1 more would become failed" in workspace.run("scan", "--dry-run").out
    done = workspace.scan()

    assert done.status == 6
    assert (done.json["registered"], done.json["failed"], done.json["register_calls"]) == (10, 1, 1)
    (failed,) = [entry for entry in workspace.entries() if entry["state"] == "failed"]
    assert failed["reason"] == "file_url_too_long"
    assert "1024" in failed["message"]
    assert workspace.scan().status == 0


def test_overlapping_watches_register_a_key_once_for_the_first(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """The first watch that selects a key owns it; the second counts it as other_watch."""
    workspace.configure(
        workspace.watch("movies", f"oss://{BUCKET}/a/", 'include = ["*.mov"]'),
        workspace.watch("all", f"oss://{BUCKET}/"),
    )
    for key in ("a/1.mov", "a/2.mp4", "b/3.mov"):
        sandbox.oss.put(BUCKET, key)

    done = workspace.scan()

    assert done.status == 0
    assert {entry["key"]: entry["watch"] for entry in workspace.entries()} == {
        "a/1.mov": "movies",
        "a/2.mp4": "all",
        "b/3.mov": "all",
    }
    assert done.json["scans"][1]["excluded"] == {"other_watch": 1}
    assert asked(sandbox) == {"a/1.mov": 1, "a/2.mp4": 1, "b/3.mov": 1}
    assert done.json["register_calls"] == 1  # one bucket, one set of options: one call


def test_two_buckets_share_a_key_and_two_keys_share_a_name(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Identity is (bucket, key): four objects, four media."""
    sandbox.oss.create_bucket("other-bucket")
    workspace.configure(workspace.watch("one"), workspace.watch("two", "oss://other-bucket/"))
    for bucket in (BUCKET, "other-bucket"):
        for key in ("x/a.mp4", "y/a.mp4"):
            sandbox.oss.put(bucket, key)

    done = workspace.scan()

    assert done.status == 0
    assert len({media.media_id for media in sandbox.vod.media.values()}) == 4
    assert len(sandbox.vod.journal) == 2  # one bucket a call
    assert {(entry["bucket"], entry["key"]) for entry in workspace.entries()} == set(
        sandbox.vod.media
    )


def test_a_refused_file_is_tried_alone_and_becomes_failed(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Three refusals, the last two alone; the others are registered by the first call."""
    for key in ("a.mp4", "bad.mp4", "c.mp4"):
        sandbox.oss.put(BUCKET, key)
    sandbox.vod.refuse(BUCKET, "bad.mp4")

    done = workspace.scan()

    assert done.status == 6
    assert (done.json["registered"], done.json["failed"], done.json["register_calls"]) == (2, 1, 3)
    (failed,) = [entry for entry in workspace.entries() if entry["state"] == "failed"]
    assert (failed["key"], failed["reason"], failed["attempts"]) == ("bad.mp4", "refused", 3)
    settled = [event for event in done.events if event["event"] == "batch.settled"]
    assert len(settled[0]["RegisteredMediaList"]) == 2
    assert len(settled[0]["FailedFileURLs"]) == 1
    assert settled[0]["RequestId"]


def test_a_file_that_vanished_before_its_call_is_gone(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """VOD gives no reason; a HEAD on the object does."""
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.oss.put(BUCKET, "b.mp4")
    sandbox.vod.remove_bucket(BUCKET)  # no call is accepted: both stay queued
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    sandbox.oss.delete(BUCKET, "b.mp4")

    done = workspace.scan()

    assert done.status == 6
    assert {entry["key"]: entry["reason"] for entry in workspace.entries()} == {
        "a.mp4": None,
        "b.mp4": "gone",
    }


def test_ambiguous_extensions_are_counted_with_the_cure(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """HLS slices must not become media, and broadcast .ts may have to: the note says how."""
    for key in ("hls/1.ts", "hls/2.TS", "a.mp4"):
        sandbox.oss.put(BUCKET, key)

    done = workspace.run("scan")

    assert done.status == 0
    assert "2 objects" in done.out
    assert 'include = ["*.ts"' in done.out
    workspace.configure(workspace.watch(more='include = ["*.ts", "*.mp4"]'))
    assert workspace.scan().json["registered"] == 2


def test_a_dry_run_shows_all_and_writes_nothing(workspace: Workspace, sandbox: Sandbox) -> None:
    """It lists for real, counts calls and seconds, and leaves ledger and VOD as they were."""
    for i in range(25):
        sandbox.oss.put(BUCKET, f"{i:02}.mp4")
    before = workspace.ledger.read_bytes()

    shown = workspace.scan("--dry-run")

    assert shown.status == 0
    assert shown.json["dry_run"] is True
    assert (shown.json["would_register"], shown.json["would_call"], shown.json["would_take_s"]) == (
        25,
        3,
        0.12,
    )
    assert workspace.ledger.read_bytes() == before
    assert not sandbox.vod.journal
    assert sorted(path.name for path in workspace.folder.iterdir()) == ["ledger.db", "watcher.toml"]
    assert "would register oss://media-bucket/00.mp4" in workspace.run("scan", "--dry-run").out


def test_status_counts_and_export_as_csv(workspace: Workspace, sandbox: Sandbox) -> None:
    """`status` and `export` read the ledger only."""
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.scan()

    status = workspace.run("status", "--output-format", "json")

    (watch,) = status.json["watches"]
    assert (watch["watch"], watch["registered"], watch["pending"], watch["failed"]) == (
        "videos",
        1,
        0,
        0,
    )
    assert watch["last_complete_scan_at"].endswith("Z")
    assert status.json["breaker"] is None
    assert status.json["calls_per_second"] == 25
    header, row = workspace.run("export", "--output-format", "csv").out.splitlines()
    assert header.startswith(
        "bucket,key,watch,file_url,etag,size_bytes,modified_at,state,changed,media_id"
    )
    assert row.startswith(
        f"{BUCKET},a.mp4,videos,https://{BUCKET}.oss-cn-shanghai.aliyuncs.com/a.mp4,"
    )
