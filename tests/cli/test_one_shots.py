"""One run among others: interrupted, beside another process, for one watch, from now on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.lock_owner import owner
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.hook import NoHook
from watcher.sandbox.http_server import HungUp

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Answer, Request


def put(sandbox: Sandbox, n: int) -> None:
    sandbox.oss.fill(BUCKET, [f"{i:05}.mp4" for i in range(n)])


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_scan_says_what_is_left_and_the_next_goes_on(
    workspace: Workspace, sandbox: Sandbox, number: signal.Signals, status: int
) -> None:
    """The calls in flight are settled; no file is asked for twice, none is left out."""
    put(sandbox, 300)
    sandbox.vod.latency_s = 0.2
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
    child = subprocess.Popen(
        command, env=workspace.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not sandbox.vod.media:
        time.sleep(0.01)  # noqa: TID251 (waits for another process)
    child.send_signal(number)
    _, err = child.communicate(timeout=30)

    assert child.returncode == status
    assert "run the command again" in err
    assert "Traceback" not in err
    assert 0 < len(sandbox.vod.media) < 300
    assert not [entry for entry in workspace.entries() if entry["state"] == "claimed"]

    sandbox.vod.latency_s = 0.0
    sandbox.vod.calls_per_second = 500
    workspace.configure(vod="calls_per_second = 400")
    assert workspace.scan().status == 0
    assert len(sandbox.vod.media) == 300
    assert {media.times_asked for media in sandbox.vod.media.values()} == {1}


def test_a_killed_scan_loses_nothing_and_doubles_nothing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """SIGKILL in the middle of calls: the claims are queued again, VOD has one media a URL."""
    put(sandbox, 200)
    sandbox.vod.latency_s = 0.2
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
    with subprocess.Popen(
        command, env=workspace.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        while not sandbox.vod.media:
            time.sleep(0.01)  # noqa: TID251 (waits for another process)
        child.kill()
    claimed = [entry for entry in workspace.entries() if entry["state"] == "claimed"]
    assert claimed

    sandbox.vod.latency_s = 0.0
    done = workspace.scan()

    assert done.status == 0
    assert [event["entries"] for event in done.events if event["event"] == "ledger.recovered"] == [
        len(claimed)
    ]
    assert {entry["state"] for entry in workspace.entries()} == {"registered"}
    assert len({media.media_id for media in sandbox.vod.media.values()}) == 200


def test_a_scan_beside_a_registering_process_records_only(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """It lists, records, names the owner, and exits 0."""
    put(sandbox, 3)
    with owner(workspace) as lock:
        done = workspace.scan()
        assert done.status == 0
        assert f"registering: pid {lock.owner_pid()}" in done.err
    assert (done.json["registered"], done.json["pending"]) == (0, 3)
    assert not sandbox.vod.journal
    assert workspace.scan().json["registered"] == 3


def test_a_scan_of_one_watch_lists_and_registers_that_watch_only(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("other-bucket")
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.oss.put("other-bucket", "b.mp4")
    workspace.configure(workspace.watch("one"), workspace.watch("two", "oss://other-bucket/"))

    done = workspace.scan("--watch", "two")

    assert [scan["watch"] for scan in done.json["scans"]] == ["two"]
    assert set(sandbox.vod.media) == {("other-bucket", "b.mp4")}


def test_from_now_on_means_the_clock_of_oss_and_is_remembered(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Objects from before the first answer stay out, however often the bucket is scanned."""
    workspace.configure(workspace.watch().replace('"all"', '"now"'))
    then = sandbox.clock.now()
    sandbox.oss.put(BUCKET, "old.mp4", modified_at=then - timedelta(days=1))
    first = workspace.scan()
    assert first.json["scans"][0]["excluded"] == {"before_start": 1}

    sandbox.oss.put(BUCKET, "new.mp4", modified_at=then + timedelta(seconds=5))
    sandbox.clock_offset_s = 60  # later: "now" has passed, and still means the first answer
    second = workspace.scan()

    assert second.json["registered"] == 1
    assert second.json["scans"][0]["excluded"] == {"before_start": 1}


def test_an_instant_without_offset_is_of_the_configured_timezone_and_inclusive(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(workspace.watch().replace('"all"', '"2026-11-25T08:00:00"'), more="")
    workspace.config.write_text('timezone = "Asia/Shanghai"\n' + workspace.config.read_text())
    start = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
    sandbox.oss.put(BUCKET, "at.mp4", modified_at=start)
    sandbox.oss.put(BUCKET, "before.mp4", modified_at=start - timedelta(seconds=1))

    assert workspace.scan().json["registered"] == 1
    assert set(sandbox.vod.media) == {(BUCKET, "at.mp4")}


def test_metadata_and_options_reach_vod(workspace: Workspace, sandbox: Sandbox) -> None:
    media = (
        '[watch.media]\ntitle = "{show} {stem}"\npattern = "^(?P<show>[^/]+)/"\ntags = '
        '["{dirs[0]}", "live"]\n'
        'cate_id = 7\ntemplate_group_id = "T1"\nuser_data = \'{"Extend":{"a":"中"}}\'\n'
    )
    workspace.configure(workspace.watch(more=media))
    sandbox.oss.put(BUCKET, "视频/第 1 集.MP4")

    assert workspace.scan().status == 0

    (known,) = sandbox.vod.media.values()
    assert (known.title, known.tags, str(known.cate_id)) == ("视频 第 1 集", "视频,live", "7")
    assert (known.template_group_id, known.user_data) == ("T1", '{"Extend":{"a":"中"}}')


def test_two_sets_of_options_do_not_share_a_call(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(
        workspace.watch("a", f"oss://{BUCKET}/a/", '[watch.media]\ntemplate_group_id = "T1"'),
        workspace.watch("b", f"oss://{BUCKET}/b/"),
    )
    for key in ("a/1.mp4", "b/1.mp4"):
        sandbox.oss.put(BUCKET, key)
    assert workspace.scan().json["register_calls"] == 2
    assert {m.template_group_id for m in sandbox.vod.media.values()} == {"T1", "VOD_NO_TRANSCODE"}


@pytest.mark.long
def test_a_dead_vod_is_given_up_after_the_patience_and_nothing_is_failed(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A few calls, no attempt counted, exit 5 with the cure, however many files are queued."""
    put(sandbox, 2000)
    workspace.config.write_text(
        workspace.config.read_text().replace(
            f'[vod]\nendpoint = "{sandbox.url}"', '[vod]\nendpoint = "http://127.0.0.1:9"'
        )
    )
    began = time.monotonic()  # noqa: TID251 (a bound, not a measurement)

    done = workspace.scan()

    assert done.status == 5
    assert 25 < time.monotonic() - began < 60  # noqa: TID251 (a bound, not a measurement)
    assert "could not be reached" in done.err
    assert done.json["register_calls"] < 40
    assert (done.json["pending"], done.json["failed"]) == (2000, 0)
    assert {entry["attempts"] for entry in workspace.entries()} == {0}


def test_the_rate_stays_within_the_quota_and_uses_it(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """No sliding second of arrivals holds more than calls_per_second + 1."""
    put(sandbox, 1500)
    sandbox.vod.latency_s = 0.05
    assert workspace.scan().status == 0
    arrivals = [call.at for call in sandbox.vod.journal]
    assert len(arrivals) == 150
    assert max(sum(1 for at in arrivals if first <= at < first + 1) for first in arrivals) <= 26


def test_an_overwritten_object_is_marked_and_reported_once(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """An overwritten object keeps its media ID, is marked, logged once, and not sent again."""
    sandbox.oss.put(BUCKET, "a.mp4", body=b"one")
    workspace.scan()
    sandbox.oss.put(BUCKET, "a.mp4", body=b"two")

    second, third = workspace.scan(), workspace.scan()

    assert [event["key"] for event in second.events if event["event"] == "object.changed"] == [
        "a.mp4"
    ]
    assert (second.json["scans"][0]["changed"], third.json["scans"][0]["changed"]) == (1, 0)
    assert second.json["register_calls"] == 0
    (entry,) = workspace.entries()
    assert (entry["state"], entry["changed"]) == ("registered", True)


def test_overwriting_that_is_meant_is_not_reported(workspace: Workspace, sandbox: Sandbox) -> None:
    """`on_overwrite = "ignore"` keeps the mark and saves the line."""
    workspace.configure(workspace.watch(more='on_overwrite = "ignore"'))
    sandbox.oss.put(BUCKET, "a.mp4", body=b"one")
    workspace.scan()
    sandbox.oss.put(BUCKET, "a.mp4", body=b"two")

    second = workspace.scan()

    assert not [event for event in second.events if event["event"] == "object.changed"]
    assert second.json["scans"][0]["changed"] == 1


def test_a_long_listing_is_not_mute_and_holds_one_page(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A line every hundred pages."""
    workspace.configure(workspace.watch(more='include = ["*.mov"]\nlist_concurrency = 1'))
    sandbox.oss.fill(BUCKET, [f"{i:06}.mp4" for i in range(100_500)])

    done = workspace.scan()

    assert [event["listed"] for event in done.events if event["event"] == "scan.progress"] == [
        100_000
    ]
    assert done.json["scans"][0]["excluded"] == {"include": 100_500}
    assert done.json["scans"][0]["list_calls"] == 101


def test_registering_overlaps_listing(workspace: Workspace, sandbox: Sandbox) -> None:
    """The first batch is settled while the listing still goes on."""
    workspace.configure(
        workspace.watch(more="list_calls_per_second = 1"), vod="calls_per_second = 400"
    )
    put(sandbox, 2001)
    sandbox.vod.calls_per_second = 500
    names = [event["event"] for event in workspace.scan().events]
    assert names.index("batch.settled") < names.index("scan.finished")


def test_keys_that_are_not_utf8_are_counted_once_though_a_page_is_asked_for_again(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """They fill the end of a page, and the next page fails once."""

    class FailsOnce(NoHook):
        lists = 0

        def before_effect(self, service: str, request: Request) -> Answer | None:
            self.lists += service == "oss" and "list-type" in dict(request.query)
            if service == "oss" and self.lists == 2:
                self.lists += 1
                raise HungUp
            return None

    for n in range(1500):
        sandbox.oss.put_raw_key(BUCKET, b"\xff%04d.mp4" % n)
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.hook = FailsOnce()

    done = workspace.scan()

    assert done.status == 0, done.err
    assert done.json["scans"][0]["excluded"] == {"key_not_utf8": 1500}
    assert (done.json["scans"][0]["listed"], done.json["scans"][0]["list_calls"]) == (1501, 3)
