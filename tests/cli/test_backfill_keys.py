"""`backfill --files-from`: keys out of a file, each looked at by itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.cli.test_main_job import ODD_KEYS
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def put(sandbox: Sandbox, *keys: str) -> None:
    sandbox.oss.fill(BUCKET, keys, modified_at=sandbox.clock.now() - timedelta(days=3))


def heads(sandbox: Sandbox) -> int:
    return sum(call.operation == "HeadObject" for call in sandbox.oss.journal)


def test_each_key_named_is_registered_reported_gone_or_outside(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(
        workspace.watch("in", f"oss://{BUCKET}/in/", "list_calls_per_second = 500"),
        workspace.watch("movies", f"oss://{BUCKET}/movies/", 'include = ["*.mov"]'),
    )
    put(
        sandbox,
        "in/a.mp4",
        "in/b.mp4",
        "in/not-named.mp4",
        "movies/1.mov",
        "movies/2.mp4",
        "elsewhere.mp4",
    )
    (workspace.folder / "keys").write_bytes(
        f"# to be registered\n\nin/a.mp4\r\noss://{BUCKET}/in/b.mp4\nin/gone\x1b.mp4\n"
        "movies/1.mov\nmovies/2.mp4\n"
        "elsewhere.mp4\noss://other/in/a.mp4\nin/a.mp4".encode()
    )

    done = workspace.backfill("--files-from", "keys")

    assert done.status == 0, done.err
    assert sorted(key for _, key in sandbox.vod.media) == ["in/a.mp4", "in/b.mp4", "movies/1.mov"]
    assert (done.json["gone"], done.json["outside"]) == (1, 2)
    lines = [line for line in done.err.splitlines() if not line.startswith("{")]
    assert lines == [
        f"outside every watch: oss://{BUCKET}/elsewhere.mp4",
        "outside every watch: oss://other/in/a.mp4",
        f"gone: oss://{BUCKET}/in/gone\\x1b.mp4",
    ]
    first, second = done.json["scans"]
    assert (first["listed"], first["matched"], first["list_calls"]) == (2, 2, 4)
    assert (second["listed"], second["excluded"]) == (2, {"include": 1})
    assert heads(sandbox) == 5


def test_filters_apply_to_keys_named_too_and_bounds_spare_the_requests(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    put(sandbox, "a.mp4", "b.mp4", "c.mov", "d.mp4")
    (workspace.folder / "keys").write_text("a.mp4\nb.mp4\nc.mov\nd.mp4\n")
    done = workspace.backfill(
        "--files-from",
        "keys",
        "--start-after",
        "a.mp4",
        "--end-with",
        "c.mov",
        "--exclude",
        "*.mov",
    )
    assert [key for _, key in sandbox.vod.media] == ["b.mp4"]
    assert done.json["scans"][0]["excluded"] == {"exclude": 1}
    assert heads(sandbox) == 2


def test_odd_keys_are_named_percent_encoded(workspace: Workspace, sandbox: Sandbox) -> None:
    for key in ODD_KEYS:
        sandbox.oss.put(BUCKET, key)
    (workspace.folder / "keys").write_text("\n".join(quote(key, safe="") for key in ODD_KEYS))
    done = workspace.backfill("--files-from", "keys", "--encoding-type", "url")
    assert done.status == 0, done.err
    assert {key for _, key in sandbox.vod.media} == set(ODD_KEYS)


@pytest.mark.parametrize(
    ("option", "taken"),
    [("--start-after", ["m!.mp4", "界.mp4"]), ("--end-with", ["a.mp4", "m n.mp4"])],
)
def test_bounds_are_given_percent_encoded_too(
    workspace: Workspace, sandbox: Sandbox, option: str, taken: list[str]
) -> None:
    put(sandbox, "a.mp4", "m n.mp4", "m!.mp4", "界.mp4")
    done = workspace.backfill(option, "m%20n.mp4", "--encoding-type", "url")
    assert done.status == 0, done.err
    assert sorted(key for _, key in sandbox.vod.media) == taken


@pytest.mark.parametrize("option", ["--start-after", "--end-with"])
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((f"oss://{BUCKET}/b.mp4",), "is an address: write the key alone"),
        (("\udcff",), "is not UTF-8"),
        (("%FF", "--encoding-type", "url"), "is not UTF-8"),
    ],
)
def test_a_bound_that_is_no_key_touches_nothing(
    workspace: Workspace, sandbox: Sandbox, option: str, options: tuple[str, ...], problem: str
) -> None:
    done = workspace.backfill(option, *options)
    assert (done.status, done.out) == (2, "")
    assert option in done.err
    assert problem in done.err
    assert not sandbox.oss.journal


def test_keys_are_read_from_stdin(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4", "b.mp4")
    command = [
        sys.executable,
        "-m",
        "watcher",
        "-c",
        str(workspace.config),
        "backfill",
        "--files-from",
        "-",
    ]
    done = subprocess.run(
        command, env=workspace.env, input=b"b.mp4\n", check=False, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [key for _, key in sandbox.vod.media] == ["b.mp4"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"oss://media-bucket/", "no key"),
        (b"oss:///a.mp4", "no bucket"),
        (b"/a.mp4", "begins with /"),
        (b"\xff.mp4", "not UTF-8"),
        (b"x" * 1024, "1023 bytes"),
        (b"x" * (3 << 20), "1023 bytes"),
    ],
)
def test_a_line_that_is_no_key_is_refused_by_its_number_before_anything_is_done(
    workspace: Workspace, sandbox: Sandbox, line: bytes, words: str
) -> None:
    put(sandbox, "a.mp4")
    (workspace.folder / "keys").write_bytes(b"a.mp4\n# two\n" + line + b"\n")
    done = workspace.backfill("--files-from", "keys")
    assert done.status == 2
    assert "line 3 of keys" in done.err
    assert words in done.err
    assert not sandbox.oss.journal


@pytest.mark.parametrize("place", ["/dev/zero", "-"])
def test_a_device_without_an_end_is_no_file_of_keys(workspace: Workspace, place: str) -> None:
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "backfill"]
    with Path("/dev/full").open("rb") as endless:
        done = subprocess.run(
            [
                "/bin/sh",
                "-c",
                'ulimit -v 2000000; exec "$@"',
                "sh",
                *command,
                "--files-from",
                place,
            ],
            env=workspace.env,
            stdin=endless,
            check=False,
            capture_output=True,
            timeout=60,
        )
    assert done.returncode == 2, done.stderr
    assert b"line 1 of " in done.stderr


def test_a_bare_key_is_no_name_where_several_buckets_are_watched(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("other-bucket")
    workspace.configure(workspace.watch("one"), workspace.watch("two", "oss://other-bucket/"))
    put(sandbox, "a.mp4")
    (workspace.folder / "keys").write_text("a.mp4\n")
    assert workspace.backfill("--files-from", "keys").status == 2
    assert workspace.backfill("--files-from", "keys", "--watch", "one").json["registered"] == 1


def test_many_keys_are_asked_for_side_by_side_within_the_budget_and_quietly(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """No library warns about its connections; only a HEAD that fails is retried."""
    workspace.configure(
        workspace.watch(more="list_calls_per_second = 500"), vod="calls_per_second = 400"
    )
    sandbox.vod.calls_per_second = 500
    keys = [f"{n:04}.mp4" for n in range(450)]
    put(sandbox, *keys)
    sandbox.hook = Faults(Fault(operation="HeadObject", kind="server_error", skip=250, next=1))
    (workspace.folder / "keys").write_text("\n".join(keys))

    done = workspace.backfill("--files-from", "keys")

    assert (done.status, done.json["registered"]) == (0, 450), done.err
    assert [event for event in done.events if event["level"] != "info"] == []
    assert heads(sandbox) == 451
