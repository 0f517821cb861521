"""A one-shot leaves work only to an owner that has the watch as it is configured here."""

from __future__ import annotations

import signal
import time
from contextlib import closing
from sqlite3 import connect
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import EVERY_SECOND, NO_PAGE, known, put
from tests.support.lock_owner import entries, owner, until
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

SELDOM = 'schedule = "1h"'


def watch(
    workspace: Workspace, name: str, more: str = SELDOM, *, bucket: str = BUCKET, folder: str = ""
) -> str:
    return workspace.watch(name, f"oss://{bucket}/{folder or name}/", more)


def rows(workspace: Workspace) -> list[tuple[object, ...]]:
    """Return all that the ledger knows of watches, as configured."""
    with closing(connect(workspace.ledger)) as db:
        return db.execute(
            "SELECT name, bucket_id, prefix, rules, position, complete_at IS NULL FROM watch ORDER "
            "BY name"
        ).fetchall()


# A daemon that was not reloaded


@pytest.fixture
def old(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """A workspace with one watch and, below `new/`, a file that it does not see."""
    workspace.configure(watch(workspace, "old"), more=NO_PAGE)
    put(sandbox, "new/1.mp4")
    return workspace


@pytest.mark.parametrize("command", ["scan", "backfill"])
@pytest.mark.parametrize("chosen", [(), ("--watch", "new")])
def test_a_watch_that_a_daemon_was_not_reloaded_for_is_exit_5_until_it_is(
    old: Workspace, sandbox: Sandbox, command: str, chosen: tuple[str, ...]
) -> None:
    with Running(old) as daemon:
        daemon.until_logged("scan.finished")
        old.configure(watch(old, "old"), watch(old, "new"), more=NO_PAGE)
        done = old.run(command, "--output-format", "json", *chosen)
        assert done.status == 5, done.err
        assert f'reload pid {daemon.pid}: it registers, but not for watch "new"' in done.err
        assert f"kill -HUP {daemon.pid}" in done.err
        assert (done.json["scans"][-1]["new"], done.json["pending"], done.json["registered"]) == (
            1,
            1,
            0,
        )
        daemon.send(signal.SIGHUP)
        daemon.until_logged("daemon.reloaded")
        daemon.until(lambda: known(sandbox) == {"new/1.mp4"}, "what was found is registered")
        again = old.run(command, "--output-format", "json", *chosen)
        assert (again.status, again.json["pending"]) == (0, 0), again.err
        assert daemon.stop() == 0
    assert len(sandbox.vod.journal) == 1


def test_a_watch_in_which_nothing_is_found_yet_is_exit_5_beside_a_daemon_all_the_same(
    old: Workspace,
) -> None:
    with Running(old) as daemon:
        daemon.until_logged("scan.finished")
        old.configure(watch(old, "old"), watch(old, "empty"), more=NO_PAGE)
        done = old.scan()
        assert (done.status, f"reload pid {daemon.pid}" in done.err) == (5, True), done.err
        assert old.scan("--watch", "old").status == 0
        assert daemon.stop() == 0


CHANGES = {
    "rules": ('include = ["*.mov"]', ""),
    "prefix": ("", "elsewhere"),
    "media": ("[watch.media]\ntemplate_group_id = 'T'", ""),
    "size": ('min_size = "1K"', ""),
}


@pytest.mark.parametrize("change", [*CHANGES, "bucket", "file_url"])
def test_a_watch_that_the_daemon_has_otherwise_is_left_alone_until_it_is_reloaded(
    old: Workspace, sandbox: Sandbox, change: str
) -> None:
    """Its row, history and bucket stay the daemon's, which would register what is found there."""
    other = f"{BUCKET}-2"
    sandbox.oss.create_bucket(other)
    with Running(old) as daemon:
        daemon.until_logged("scan.finished")
        before = rows(old)
        more, folder = CHANGES.get(change, ("", ""))
        if change == "file_url":
            more = 'file_url_encoding = "raw"'
        bucket = other if change == "bucket" else BUCKET
        sandbox.oss.put(bucket, f"{folder or 'old'}/2.mov", b"x" * 2048)
        old.configure(
            watch(old, "old", f"{SELDOM}\n{more}", bucket=bucket, folder=folder), more=NO_PAGE
        )
        for command in ("scan", "backfill"):
            done = old.run(command, "--output-format", "json")
            assert done.status == 5, done.err
            assert f'reload pid {daemon.pid}: it registers, but not for watch "old"' in done.err
            assert [(each["complete"], each["listed"]) for each in done.json["scans"]] == [
                (False, 0)
            ]
        assert rows(old) == before
        assert not sandbox.vod.journal
        daemon.send(signal.SIGHUP)
        daemon.until_logged("daemon.reloaded")
        expected = {f"{folder or 'old'}/2.mov"}
        daemon.until(lambda: known(sandbox) == expected, "the daemon finds it itself")
        assert old.scan().status == 0
        assert daemon.stop() == 0


def test_what_registering_does_not_depend_on_makes_no_other_watch(old: Workspace) -> None:
    """Another schedule, list concurrency or `on_overwrite` makes no other watch of it."""
    with Running(old) as daemon:
        daemon.until_logged("scan.finished")
        more = (
            'schedule = "7m"\nlist_concurrency = 3\non_overwrite = "ignore"\nmin_age = "1s"\n'
            'full_scan_every = "1h"'
        )
        old.configure(watch(old, "old", more), more=NO_PAGE)
        done = old.scan()
        assert (done.status, f"registering: pid {daemon.pid}" in done.err) == (0, True), done.err
        assert daemon.stop() == 0


# Two configuration files over one ledger


@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_another_file_over_the_same_ledger_takes_nothing_from_the_daemon(
    workspace: Workspace, sandbox: Sandbox, command: str
) -> None:
    """Neither its watches nor their waiting entries; the finds of the other file are reported."""
    workspace.configure(watch(workspace, "mine", EVERY_SECOND), more=NO_PAGE)
    put(sandbox, "mine/1.mp4", "theirs/1.mp4")
    with Running(workspace) as daemon:
        daemon.until(lambda: known(sandbox) == {"mine/1.mp4"}, "its file is registered")
        mine = workspace.config.read_text()
        before = rows(workspace)
        workspace.configure(watch(workspace, "theirs"), more=NO_PAGE)
        done = workspace.run(command, "--output-format", "json")
        assert done.status == 5, done.err
        assert f"reload pid {daemon.pid}" in done.err
        assert "another configuration file" in done.err
        assert [row for row in rows(workspace) if row[0] == "mine"] == before
        workspace.config.write_text(mine)
        put(sandbox, "mine/2.mp4")
        daemon.until(lambda: "mine/2.mp4" in known(sandbox), "it goes on as before")
        status = workspace.run("status", "--output-format", "json").json["watches"]
        assert [(each["watch"], each["pending"], each["registered"]) for each in status] == [
            ("mine", 0, 2),
            ("theirs", 1, 0),
        ]
        assert daemon.stop() == 0


def test_a_daemon_beside_a_one_shot_with_another_file_leaves_its_watches_alone_and_takes_over(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """The other direction: the owner is a scan, and the daemon begins beside it."""
    workspace.configure(watch(workspace, "shared"), watch(workspace, "mine"), more=NO_PAGE)
    put(sandbox, "shared/1.mp4", "theirs/1.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="slow", seconds=5, next=1))
    one_shot = workspace.begin("scan")
    until(lambda: sandbox.vod.journal, one_shot)
    before = rows(workspace)
    workspace.configure(
        watch(workspace, "shared", EVERY_SECOND, folder="theirs"),
        watch(workspace, "theirs"),
        more=NO_PAGE,
    )
    with Running(workspace) as daemon:
        daemon.until_logged("daemon.ready")
        left_out = daemon.until_logged("scan.incomplete", watch="shared")
        assert f"process {one_shot.pid} (`scan`) registers now" in left_out["reason"]
        daemon.until_logged("scan.finished", watch="theirs")
        assert [row for row in rows(workspace) if row[0] != "theirs"] == before
        out, err = one_shot.communicate(timeout=30)
        assert one_shot.returncode == 0, (out, err)
        daemon.until_logged("scan.finished", watch="shared")
        daemon.until(
            lambda: known(sandbox) == {"shared/1.mp4", "theirs/1.mp4"},
            "it registers what it found",
        )
        assert daemon.stop() == 0


# A one-shot that registers for some


@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_beside_a_one_shot_for_one_watch_another_watch_is_not_left_to_it(
    workspace: Workspace, sandbox: Sandbox, command: str
) -> None:
    workspace.configure(watch(workspace, "a"), watch(workspace, "b"))
    with owner(workspace, "a", endless=False) as lock:
        put(sandbox, "b/1.mp4")
        done = workspace.run(command, "--output-format", "json")
        assert done.status == 5, done.err
        assert (
            f'process {lock.owner_pid()} (`scan`) registers now, but not for watch "b"' in done.err
        )
        assert "Run this command again when" in done.err
        assert [each["new"] for each in done.json["scans"]] == [0, 1]
        only_a = workspace.run("scan", "--output-format", "json", "--watch", "a")
        assert only_a.status == 0, "nothing of it waits"
    assert workspace.scan().json["registered"] == 1


def test_a_backfill_whose_owner_ends_takes_over_also_what_that_one_did_not_serve(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(watch(workspace, "a"), watch(workspace, "b"))
    put(sandbox, "a/1.mp4")
    with owner(workspace, "a", endless=False):
        child = workspace.begin("backfill", "--watch", "a", "--output-format", "json")
        until(lambda: entries(workspace) == 1, child)
        time.sleep(1)  # noqa: TID251
        assert child.poll() is None
    out, err = child.communicate(timeout=30)
    assert (child.returncode, len(sandbox.vod.media)) == (0, 1), (out, err)


def test_what_a_scan_leaves_to_one_that_is_about_to_end_is_registered_by_one_of_them(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """An owner takes back what it said, and looks once more, before it lets the lock go."""
    put(sandbox, "old.mp4")
    asked: list[int] = []
    for n in range(6):
        first = workspace.begin("scan", "--output-format", "json")
        time.sleep(0.1 * n)  # noqa: TID251
        put(sandbox, f"{n}.mp4")
        second = workspace.scan()
        first.communicate(timeout=60)
        assert (first.returncode, second.status) == (0, 0), second.err
        asked.append(len(known(sandbox)))
    assert asked == [2, 3, 4, 5, 6, 7]
