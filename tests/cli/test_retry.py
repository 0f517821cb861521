"""`retry`: a person queues failed entries again, and acknowledges changed ones."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import ProcessLock

if TYPE_CHECKING:
    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long


def refused(workspace: Workspace, sandbox: Sandbox, *keys: str) -> None:
    """Put objects that VOD refuses, and scan until they are failed; then VOD would take them."""
    for key in keys:
        sandbox.oss.put(BUCKET, key)
        sandbox.vod.refuse(BUCKET, key)
    assert workspace.scan().status == 6
    for key in keys:
        sandbox.vod.accept(BUCKET, key)


def retry(workspace: Workspace, *arguments: str) -> Ran:
    return workspace.run("retry", "--output-format", "json", *arguments)


def states(workspace: Workspace) -> dict[str, str]:
    return {entry["key"]: entry["state"] for entry in workspace.entries()}


def message(ran: Ran) -> str:
    """Return the error and its cure."""
    lines = [line for line in ran.err.splitlines() if line.startswith(("error: ", "hint: "))]
    assert (ran.status, len(lines), ran.out) == (2, 2, ""), ran.err
    return "\n".join(lines)


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """Refusals are final at once."""
    workspace.configure(more="[retry]\nmax_attempts = 1")
    return workspace


def test_a_named_entry_goes_back_in_line_and_is_registered(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    refused(workspace, sandbox, "a.mp4", "b.mp4")
    env = {
        name: value for name, value in workspace.env.items() if not name.startswith("ALIBABA_CLOUD")
    }

    ran = workspace.run("retry", f"oss://{BUCKET}/a.mp4", env=env)

    assert (ran.status, ran.out) == (0, "1 entry is queued again; the next scan registers it\n")
    (a, b) = workspace.entries()
    assert (a["state"], a["attempts"], a["reason"], a["message"]) == ("pending", 0, None, None)
    assert b["state"] == "failed"
    done = workspace.scan()
    assert (done.status, done.json["registered"], done.json["failed"]) == (0, 1, 0)
    assert states(workspace) == {"a.mp4": "registered", "b.mp4": "failed"}
    assert (
        workspace.run("ledger", "check", "--output-format", "json").json["tally_corrected"] is False
    )


def test_by_watch_and_reason(workspace: Workspace, sandbox: Sandbox) -> None:
    watches = [workspace.watch(name, f"oss://{BUCKET}/{name}/") for name in ("one", "two")]
    workspace.configure(*watches, more="[retry]\nmax_attempts = 1")
    refused(workspace, sandbox, "one/a.mp4", "two/b.mp4", "two/c.mp4")
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("UPDATE entry SET reason = 'gone' WHERE key = 'two/c.mp4'")
    db.close()

    assert retry(workspace, "--watch", "one").json == {"retried": 1, "acknowledged": 0}
    assert retry(workspace, "--watch", "one", "--reason", "refused").json["retried"] == 0
    assert retry(workspace, "--watch", "two", "--reason", "gone").json["retried"] == 1
    assert states(workspace) == {
        "one/a.mp4": "pending",
        "two/b.mp4": "failed",
        "two/c.mp4": "pending",
    }
    assert retry(workspace, "--reason", "refused").json["retried"] == 1
    done = workspace.scan()
    assert (done.json["registered"], done.json["register_calls"]) == (3, 1)


def test_many_go_in_chunks_and_the_counts_stay_true(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.scan()
    with sqlite3.connect(workspace.ledger) as db:
        for n in range(2500):
            db.execute(
                """
                INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes,
                                   modified_at, first_seen_at, attempts, reason, message)
                VALUES (1, ?, 1, 'failed', 1, 'E', 5, 0, 0, 3, 'refused', 'why')
                """,
                (f"{n:05}.mp4",),
            )
        db.execute(
            "INSERT INTO tally VALUES (1, 'failed', 2500) ON CONFLICT DO UPDATE SET n = 2500"
        )
    db.close()

    with ProcessLock(workspace.ledger) as lock:  # as beside a daemon
        assert lock.try_acquire()
        ran = workspace.run("retry", "--all-failed")

    assert (ran.status, ran.out) == (
        0,
        "2500 entries are queued again; the next scan registers them\n",
    )
    check = workspace.run("ledger", "check", "--output-format", "json").json
    assert (check["entries"]["pending"], check["entries"]["failed"], check["tally_corrected"]) == (
        2500,
        0,
        False,
    )


def test_an_entry_whose_watch_is_no_longer_configured_goes_to_the_one_that_selects_it(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Even if it is listed no more: then it is the call that finds it gone."""
    refused(workspace, sandbox, "a.mp4")
    workspace.configure(workspace.watch("renamed"), more="[retry]\nmax_attempts = 1")
    sandbox.oss.put(BUCKET, "not-media.txt")  # an empty bucket would not be believed at once
    assert workspace.scan().status == 0
    sandbox.oss.delete(BUCKET, "a.mp4")

    assert retry(workspace, "--all-failed").json["retried"] == 1
    assert workspace.scan().status == 6

    (entry,) = workspace.entries()
    assert (entry["watch"], entry["reason"]) == ("renamed", "gone")


def test_a_change_is_acknowledged_and_the_next_one_is_seen(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    for key in ("a.mp4", "b.mp4", "c.mp4"):
        sandbox.oss.put(BUCKET, key)
    workspace.scan()

    def overwrite(body: bytes) -> None:
        for key in ("a.mp4", "b.mp4"):
            sandbox.oss.put(BUCKET, key, body=body)
        assert workspace.scan().json["scans"][0]["changed"] == 2

    overwrite(b"again")
    assert retry(workspace, "--changed", f"oss://{BUCKET}/a.mp4").json == {
        "retried": 0,
        "acknowledged": 1,
    }
    assert [entry["changed"] for entry in workspace.entries()] == [False, True, False]
    assert "is registered, not marked as changed" in message(
        retry(workspace, "--changed", f"oss://{BUCKET}/c.mp4")
    )
    ran = workspace.run("retry", "--changed", "--watch", "videos")
    assert ran.out == "1 change acknowledged\n"

    overwrite(b"and again")
    assert workspace.run("retry", "--changed").out == "2 changes acknowledged\n"
    with sqlite3.connect(workspace.ledger) as db:
        assert set(db.execute("SELECT changed, registered_etag, registered_size FROM entry")) == {
            (0, None, None)
        }
    db.close()
    (watch,) = workspace.run("status", "--output-format", "json").json["watches"]
    assert (watch["registered"], watch["changed"]) == (3, 0)


def test_of_named_entries_all_are_done_or_none(workspace: Workspace, sandbox: Sandbox) -> None:
    refused(workspace, sandbox, "a.mp4")
    sandbox.oss.put(BUCKET, "b.mp4")
    workspace.scan()
    a = f"oss://{BUCKET}/a.mp4"

    assert "b.mp4 is registered, not failed" in message(
        retry(workspace, a, f"oss://{BUCKET}/b.mp4")
    )
    assert "no entry" in message(retry(workspace, a, f"oss://{BUCKET}/lost.mp4"))
    assert "no entry" in message(retry(workspace, a, "oss://other-bucket/a.mp4"))
    assert states(workspace)["a.mp4"] == "failed"
    assert retry(workspace, a, a).json["retried"] == 1


def test_odd_keys_are_named_percent_encoded(workspace: Workspace, sandbox: Sandbox) -> None:
    keys = ["a b\n%41.mp4", "视频🎬?.mp4"]
    refused(workspace, sandbox, *keys)
    named = [
        f"oss://{BUCKET}/a%20b%0A%2541.mp4",
        f"oss://{BUCKET}/%E8%A7%86%E9%A2%91%F0%9F%8E%AC%3F.mp4",
    ]
    assert retry(workspace, "--encoding-type", "url", *named).json["retried"] == 2
    assert workspace.scan().json["registered"] == 2
    assert "not UTF-8" in message(
        retry(workspace, "--encoding-type", "url", f"oss://{BUCKET}/%FF.mp4")
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--all-failed"),
        (["a.mp4"], "oss://BUCKET/KEY"),
        ([f"oss://{BUCKET}/"], "oss://BUCKET/KEY"),
        (["--reason", "weather"], "file_url_too_long"),
        (["--watch", "nothing"], "videos"),
        (["--watch", "videos", f"oss://{BUCKET}/a.mp4"], "one or the other"),
        (["--changed", "--reason", "gone"], "twice"),
        (["--changed", "--all-failed"], "twice"),
        (["--all-failed", "--reason", "gone"], "one or the other"),
    ],
)
def test_what_cannot_be_meant_is_exit_2(
    workspace: Workspace, arguments: list[str], word: str
) -> None:
    assert word in message(retry(workspace, *arguments))


def test_a_watch_that_was_never_scanned_has_nothing_to_retry(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    refused(workspace, sandbox, "a.mp4")
    workspace.configure(
        workspace.watch("videos"), workspace.watch("later", f"oss://{BUCKET}/later/")
    )
    assert retry(workspace, "--watch", "later").json == {"retried": 0, "acknowledged": 0}
    assert retry(workspace, "--watch", "later", "--changed").json == {
        "retried": 0,
        "acknowledged": 0,
    }
    assert states(workspace) == {"a.mp4": "failed"}
