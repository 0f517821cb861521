"""Advice when a source, a pattern or a whole selection matches nothing."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.daemons import NO_PAGE
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.model import ObjectInfo, Objects
from watcher.rules.advice import PatternUse, pattern_cause, source_cause
from watcher.rules.columns import PageKeys
from watcher.rules.filters import Filters
from watcher.rules.globs import alternatives, check, compile_globs
from watcher.rules.selection import Rules

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

E_ACUTE = unicodedata.normalize("NFD", "é")
SOURCES = {
    "videos/*.mp4": 'include = ["*.mp4"]',
    "videos/**": f'Write "oss://{BUCKET}/videos/"',
    "{videos,films}/": f'Write "oss://{BUCKET}/"',
    "vid?os/": "plain prefix",
    "%E8%A7%86%E9%A2%91/": "视频/",
    "videos/ ": "blank",
    "videos /": "blank",
    " videos/": "blank",
    "videos//": "two slashes",
    "videos//2026/": "oss://media-bucket/videos/2026/",
    r"videos\\2026\\": "backslash",
    "'videos/'": "quotes",
    "./videos/": "oss://media-bucket/videos/",
    "a/../videos/": "does not resolve",
    "videos\u200b/": "cannot be seen",
    f"caf{E_ACUTE}/": "accents",
    f"{BUCKET}/videos/": "bucket's name",
    "video": 'no "/" at its end',
}
PATTERNS = {
    ("include", r".*\\.mp4$"): 'Write "*.mp4"',
    ("include", r"^videos/.+"): "regular expression",
    ("include", "mp4"): 'Write "*.mp4"',
    ("include", ".mp4"): 'Write "*.mp4"',
    ("include", "*.mp4 "): 'Write "*.mp4"',
    ("include", "*.mp4,*.mov"): '["*.mp4", "*.mov"]',
    ("include", "%E8%A7%86*.mp4"): 'Write "视*.mp4"',
    ("include", "videos/*.mp4"): 'Write "*.mp4"',
    ("include", "day/*.mp4"): '"**/day/*.mp4"',
    ("include", "oss://media-bucket/videos/*.mp4"): "Leave out the bucket",
    ("include", r"day\\\\*.mp4"): 'Write "/"',
    ("include", f"caf{E_ACUTE}*.mp4"): "accents",
    ("include", "*.mp5"): "spelled",
    ("exclude", "videos/tmp/**"): 'Write "tmp/**"',
    ("exclude", "in/videos/tmp/**"): 'Write "tmp/**"',
    ("exclude", r"^tmp/.*"): "regular expression",
}


def put(sandbox: Sandbox, *keys: str) -> None:
    for key in keys:
        sandbox.oss.put(BUCKET, key)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_finds_nothing_is_noted_with_the_likely_cause(
    workspace: Workspace, sandbox: Sandbox, source: str
) -> None:
    put(sandbox, "视频/a.mp4", "films/b.mp4")
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/{source}"))
    ran = workspace.run("scan")
    assert ran.status == 0
    (finished,) = (event for event in ran.events if event["event"] == "scan.finished")
    for text in (finished["note"], ran.out):
        assert "finds no object below" in text
        assert SOURCES[source] in text


@pytest.mark.parametrize(("setting", "glob"), PATTERNS)
def test_a_pattern_that_matches_nothing_is_noted_with_the_likely_cause(
    workspace: Workspace, sandbox: Sandbox, setting: str, glob: str
) -> None:
    put(
        sandbox,
        "in/videos/a.mp4",
        "in/videos/2026/day/c.mp4",
        "in/videos/tmp/d.mp4",
        "in/videos/tmp/e.txt",
    )
    more = f'{setting} = ["{glob}"]'
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/in/videos/", more=more))
    for command in (("scan", "--dry-run"), ("scan",)):
        ran = workspace.run(*command)
        assert ran.status == 0
        (finished,) = (event for event in ran.events if event["event"] == "scan.finished")
        for text in (finished["note"], ran.out):
            assert f"of `{setting}` matches no key" in text
            assert PATTERNS[setting, glob] in text
            assert ("selects none of the 4 objects" in text) == (setting == "include")


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ('include = ["*.mov"]', "`include`"),
        ('exclude = ["**"]', "`exclude`"),
        ('min_size = "1G"', "`min_size`"),
        ('max_size = "1B"', "`max_size`"),
        ('min_age = "1d"', "old enough"),
        ('start = "2199-01-01T00:00:00Z"', "`backfill`"),
        ("", "audio and video"),
        ("junk", "junk"),
        ("empty", "no content"),
    ],
)
def test_a_watch_that_selects_none_says_why(
    workspace: Workspace, sandbox: Sandbox, more: str, cause: str
) -> None:
    key = {"": "a.txt", "junk": "._a.mp4"}.get(more, "a.mp4")
    sandbox.oss.put(BUCKET, key, b"" if more == "empty" else b"12345")
    watch = workspace.watch(more=more if "=" in more and "start" not in more else "")
    workspace.configure(watch.replace('start = "all"', more) if "start" in more else watch)
    ran = workspace.run("scan")
    assert ran.status == 0
    assert "selects none of the 1 objects" in ran.out
    assert cause in ran.out


def test_the_filters_of_a_backfill_are_patterns_too(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4")
    ran = workspace.run("backfill", "--include", r".*\.mp4$", "--exclude", "tmp")
    assert 'The pattern ".*\\.mp4$" of `--include` matches no key' in ran.out
    assert 'The pattern "tmp" of `--exclude` matches no key' in ran.out


@pytest.mark.parametrize(
    "keys", [("videos/a.mp4", "videos-old/b.mp4"), ("videos/a.mp4", "videos2.mp4")]
)
def test_a_source_without_a_slash_that_takes_more_is_noted(
    workspace: Workspace, sandbox: Sandbox, keys: tuple[str, ...]
) -> None:
    put(sandbox, *keys)
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/videos"))
    assert 'has no "/" at its end' in workspace.run("scan").out


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("", ""),
        ("videos/", ""),
        ("videos", ""),
        ("empty/", ""),
        ("", 'include = ["*.mp4"]\nexclude = ["*.txt"]'),
    ],
)
def test_nothing_is_said_where_nothing_is_odd(
    workspace: Workspace, sandbox: Sandbox, source: str, more: str
) -> None:
    put(sandbox, "videos/a.mp4", "videos/b.txt")
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/{source}", more=more))
    ran = workspace.run("scan")
    assert "note" not in ran.out
    assert all("note" not in event for event in ran.events)


def test_a_pattern_is_judged_only_by_a_scan_that_looked_at_every_object(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A second scan knows the ranges, and `--full` looks again."""
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(2500)])
    workspace.configure(workspace.watch(more='exclude = ["tmp/**"]'), vod="calls_per_second = 400")
    sandbox.vod.calls_per_second = 500
    said = []
    for arguments in ((), (), ("--full",)):
        ran = workspace.run("scan", *arguments)
        said.append("matches no key" in ran.out)
    assert said == [True, False, True]


def test_a_daemon_notes_it_once(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.txt")
    workspace.configure(
        workspace.watch(more='schedule = "1s"\nfull_scan_every = "0s"'), more=NO_PAGE
    )
    with Running(workspace) as running:
        running.until_logged("daemon.ready")
        events = [running.until_logged("scan.finished", times=n) for n in (1, 2, 3)]
    assert ["note" in event for event in events] == [True, False, False], json.dumps(events)


GLOBS = st.text("ab*?/.{},[]!", min_size=1, max_size=8).filter(lambda glob: check(glob) is None)
KEYS = st.lists(
    st.text("abAB./\n", min_size=1, max_size=6), min_size=1, max_size=5, unique=True
).map(sorted)


@given(GLOBS, KEYS, st.sampled_from(["", "a", "a/"]))
def test_a_pattern_is_unused_exactly_if_it_matches_none(
    glob: str, keys: list[str], prefix: str
) -> None:
    use = PatternUse(Rules(bucket="b", prefix=prefix, include=(glob,)), None)
    whole = [prefix + key for key in keys]
    use.see(PageKeys(Objects.of([ObjectInfo(key, "E", 1, 0) for key in whole]), prefix))
    notes = use.notes(watch="w", listed=len(keys), matched=1, excluded={})
    matches = compile_globs([glob])
    assert any("matches no key" in note for note in notes) == (not any(map(matches, keys)))
    assert all(
        any(each.matches(key) for each in alternatives(glob)) == matches(key) for key in keys
    )


@given(st.text(max_size=12), st.text(max_size=6))
def test_every_text_gets_an_answer(text: str, prefix: str) -> None:
    assert pattern_cause(text, prefix)
    source_cause("bucket", text)


def test_many_patterns_are_not_all_named() -> None:
    use = PatternUse(
        Rules(bucket="b", exclude=tuple(f"{n}/**" for n in range(9))), Filters(start_after="x")
    )
    assert use.notes(watch="w", listed=0, matched=0, excluded={}) == []
    use = PatternUse(Rules(bucket="b", exclude=tuple(f"{n}/**" for n in range(9))), None)
    use.see(PageKeys(Objects.of([ObjectInfo("a.mp4", "E", 1, 0)]), ""))
    assert len(use.notes(watch="w", listed=1, matched=1, excluded={})) == 4
