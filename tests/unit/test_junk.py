"""Junk of file sharing and synchronising becomes no media, unless `include` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.workspace import BUCKET, Workspace
from watcher.model import Excluded, ObjectInfo, Objects, Start
from watcher.rules.columns import PageKeys
from watcher.rules.junk import BEGINNINGS, NAMES, Junk
from watcher.rules.selection import Rules

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

NOW = 1_800_000_000_000
COMPONENTS = [*(f"{beginning}x.mp4" for beginning in BEGINNINGS), *NAMES]
JUNK = [
    *(
        "._clip.mp4",
        "a/._clip.mp4",
        ".nfs0000012300000001.mp4",
        ".Trash-1000/files/clip.mp4",
        "a/.Trash-0/x.mov",
    ),
    *(
        "__MACOSX/clip.mp4",
        "a/.AppleDouble/clip.mp4",
        "#recycle/clip.mp4",
        "a/@eaDir/clip.mp4/SYNOVIDEO.mp4",
    ),
    *("$RECYCLE.BIN/S-1-5-21/$R1.mp4", "a/b/@eaDir/x.mp4", "._", "a/#recycle"),
]
MEDIA = [
    *(
        "clip.mp4",
        "a._clip.mp4",
        "x.nfs.mp4",
        "a/.hidden.mp4",
        "a/.Trash/x.mp4",
        "MACOSX/a.mp4",
        "__MACOSX2/a.mp4",
    ),
    *(
        "a__MACOSX/b.mp4",
        "AppleDouble/a.mp4",
        ".appledouble/a.mp4",
        "recycle/a.mp4",
        "#recycle2/a.mp4",
        "eaDir/a.mp4",
    ),
    *(
        "@EADIR/a.mp4",
        "$Recycle.Bin/a.mp4",
        "a/@eaDir.mp4",
        "_./a.mp4",
        ".nf/a.mp4",
        "a/$RECYCLE.BIN.mp4",
        ".a/._.b",
    ),
]


def why(
    key: str, *, prefix: str = "", include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
) -> Excluded | None:
    rules = Rules(bucket="b", prefix=prefix, include=include, exclude=exclude)
    listed = ObjectInfo(prefix + key, "E", 100, NOW - 10**9)
    reason = rules.select(listed, now_ms=NOW, start_ms=None)
    at_once = rules.leave_out(PageKeys(Objects.of([listed]), prefix), now_ms=NOW, start=Start())
    assert at_once.reasons.get(0) is reason
    return reason


@pytest.mark.parametrize("prefix", ["", "in/", "in/p"])
@pytest.mark.parametrize("include", [(), ("*",), ("*.mp4", "*.mov"), ("**",), ("**/*",)])
@pytest.mark.parametrize("key", JUNK)
def test_junk_becomes_no_medium_whatever_else_is_included(
    key: str, include: tuple[str, ...], prefix: str
) -> None:
    if prefix != "in/p" or "/" in key:
        key = key if prefix != "in/p" else f"q/{key}"
        assert why(key, prefix=prefix, include=include) is Excluded.JUNK


@pytest.mark.parametrize("key", [key for key in MEDIA if not key.startswith(".a")])
def test_a_key_that_only_looks_like_junk_is_taken(key: str) -> None:
    assert why(key) is None


@pytest.mark.parametrize(
    ("glob", "key"),
    [
        *(
            ("._*", "a/._clip.mp4"),
            ("._*.mp4", "._clip.mp4"),
            ("._clip.mp4", "a/._clip.mp4"),
            ("a/._*", "a/._x.mp4"),
        ),
        *(
            ("**/._*", "a/b/._x.mp4"),
            ("{._*,*.mp4}", "._x.mp4"),
            (r"\._*", "._x.mp4"),
            ("._CLIP.mp4", "._clip.mp4"),
        ),
        *(
            (".nfs*", ".nfs01.mp4"),
            (".Trash-1000/**", ".Trash-1000/a.mp4"),
            (".trash-*/**", ".Trash-7/a.mp4"),
        ),
        *(
            ("**/@eaDir/**", "a/@eaDir/x.mp4"),
            ("@eadir/*", "@eaDir/x.mp4"),
            ("__MACOSX/**", "__MACOSX/x.mp4"),
        ),
        *((r"#recycle/*.mp4", "#recycle/x.mp4"), ("$RECYCLE.BIN/**", "$RECYCLE.BIN/a/x.mp4")),
        *((".AppleDouble/*", ".AppleDouble/x.mp4"), ("__MACOSX/**/._*", "__MACOSX/a/._x.mp4")),
    ],
)
def test_a_pattern_that_names_the_component_takes_it(glob: str, key: str) -> None:
    assert why(key, include=(glob,)) is None
    assert why(key, include=("*.jpg", glob)) is None
    assert why(key, include=(glob,), exclude=("*.mp4",)) is Excluded.EXCLUDE


@pytest.mark.parametrize(
    ("glob", "key"),
    [
        *(
            (".*", "._x.mp4"),
            ("?_*", "._x.mp4"),
            ("[.]_*", "._x.mp4"),
            ("*_*", "._x.mp4"),
            ("**._*", "._x.mp4"),
        ),
        *(
            (".n*", ".nfs1.mp4"),
            ("@*/**", "@eaDir/x.mp4"),
            ("@eaDi?/*", "@eaDir/x.mp4"),
            ("@eaDir*/*", "@eaDir/x.mp4"),
        ),
        *(
            ("._*", "@eaDir/._x.mp4"),
            ("**/@eaDir/**", "@eaDir/._x.mp4"),
            ("{._*.jpg,*.mp4}", "._x.mp4"),
        ),
        *(
            ("a/._*", "._x.mp4"),
            ("{@eaDir/*.jpg,**/*.mp4}", "@eaDir/x.mp4"),
            ("x@eaDir/*", "@eaDir/x.mp4"),
        ),
    ],
)
def test_a_pattern_that_does_not_name_it_does_not_take_it(glob: str, key: str) -> None:
    assert why(key, include=(glob, "*.mp4")) is Excluded.JUNK


@pytest.mark.parametrize(
    ("prefix", "key", "junk"),
    [
        ("a/@eaDir/", "x.mp4", False),
        ("a/@eaDir/", "@eaDir/x.mp4", True),
        ("a/@eaDir/", "._x.mp4", True),
        ("a/@eaDir", "/x.mp4", False),
        ("a/@eaDir", "/b/._x.mp4", True),
        ("a/._", "x.mp4", False),
        ("a/._", "._x.mp4", False),
        ("a/._x", "/._y.mp4", True),
        (".Trash-", "1000/x.mp4", False),
        ("a/.", "_x.mp4", True),
        ("a/@ea", "Dir/x.mp4", True),
        ("a/@ea", "Dir2/x.mp4", False),
        ("a/b", "@eaDir/x.mp4", False),
        ("a/b", "._x.mp4", False),
        ("", "._x.mp4", True),
    ],
)
def test_a_name_in_the_prefix_is_wanted(prefix: str, key: str, *, junk: bool) -> None:
    assert why(key, prefix=prefix) is (Excluded.JUNK if junk else None)


PATHS = st.lists(
    st.sampled_from([*COMPONENTS, "a", "b.mp4", ".x", "_", "#", "@", "$"]), min_size=1, max_size=3
).map(lambda parts: "/".join(parts) + ".mp4")


@given(
    st.lists(PATHS, min_size=1, max_size=4, unique=True),
    st.sampled_from(["", "v/", "v/x", ".", "@eaDir/"]),
)
def test_a_page_is_seen_as_its_keys_are(paths: list[str], prefix: str) -> None:
    junk = Junk(prefix, ())
    keys = sorted(prefix + path for path in paths)
    objects = Objects.of(ObjectInfo(key, "E", 1, 0) for key in keys)
    assert list(junk.places(PageKeys(objects, prefix))) == [
        n for n, key in enumerate(keys) if junk(key)
    ]


def test_junk_is_counted_and_takes_no_call(workspace: Workspace, sandbox: Sandbox) -> None:
    """End to end, with the audit."""
    for key in (*JUNK, "clip.mp4"):
        sandbox.oss.put(BUCKET, key)
    ran = workspace.scan()
    assert (ran.status, ran.json["registered"]) == (0, 1)
    assert ran.json["scans"][0]["excluded"] == {"junk": len(JUNK)}
    audited = workspace.run("audit", "--output-format", "json")
    assert (audited.status, audited.json["watches"][0]["excluded"]) == (0, {"junk": len(JUNK)})
    workspace.configure(workspace.watch(more='include = ["*.mp4", "._*.mp4"]'))
    assert workspace.scan().json["registered"] == 2
