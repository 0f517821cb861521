"""Whole pages are decided on field by field: never otherwise than object by object."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from watcher.model import Anchor, ObjectInfo, Objects, ObjectType
from watcher.rules.filters import Filters
from watcher.rules.selection import Rules
from watcher.sieve import Sieve, Watched

NOW = 1_800_000_000_000
MINUTE = 60_000
STEMS = st.sampled_from(
    ("v/a", "v/b/c", "v/视频", "v/", "v/mp4", "v/a.b", "v/a.mp4/b", "v/._a", "v/@eaDir/a", "v/b/#recycle/c")
)
ENDINGS = st.sampled_from(("mp4", ".mp4", ".MP4", ".mov", ".m3u8", ".ts", ".jpg", "", ".", "/", ".mp4/"))
ORDINARY = ObjectInfo("v/a.mp4", "E", 100, NOW - 100 * MINUTE)
OBJECTS = st.one_of(  # each out of the ordinary in one way at most
    st.builds(replace, st.just(ORDINARY), key=st.builds("{}{}".format, STEMS, ENDINGS)),
    st.builds(replace, st.just(ORDINARY), key=st.sampled_from(("v/a.m3u8", "v/mp4", "v/", "v/x/", "v/b/c.mov"))),
    st.builds(replace, st.just(ORDINARY), size_bytes=st.sampled_from((0, 1, 99, 100, 101))),
    st.builds(replace, st.just(ORDINARY), modified_at=st.sampled_from([NOW - m * MINUTE for m in (-1, 0, 5, 11)])),
    st.builds(
        replace,
        st.just(ORDINARY),
        key=st.sampled_from(("v/a.m3u8", "v/a.mp4")),
        modified_at=st.sampled_from([NOW - m * MINUTE for m in (5, 11)]),
    ),
    st.builds(replace, st.just(ORDINARY), type=st.sampled_from(ObjectType)),
    st.builds(
        replace,
        st.just(ORDINARY),
        storage_class=st.sampled_from(("IA", "Archive")),
        restored=st.booleans(),
        restoring=st.booleans(),
    ),
)
INCLUDES = st.sampled_from(((), (), ("*.mp4",), ("b/*",), ("**",)))
EXCLUDES = st.sampled_from(((), (), (), ("*.mov",), ("b/*",)))
RULES = st.builds(
    Rules,
    bucket=st.just("b"),
    prefix=st.just("v/"),
    include=INCLUDES,
    exclude=EXCLUDES,
    min_size_bytes=st.sampled_from((0, 0, 1, 100)),
    max_size_bytes=st.sampled_from((None, None, 0, 100)),
    min_age_ms=st.sampled_from((0, 0, 6 * MINUTE)),
)
FILTERS = st.sampled_from(
    (None, Filters(), Filters(exclude=("*.mov",)), Filters(max_size_bytes=99), Filters(end_with="v/b"))
)
EARLIER = st.sampled_from(((), (), (), ("v/b/",), ("v/",), ("elsewhere/",)))


class _Starts:
    """One source that is watched from "now" on, and an earlier moment for a part of it."""

    def anchors(self, bucket: str) -> list[Anchor]:  # noqa: ARG002 (as `sieve.Starts` has it)
        return [
            Anchor(prefix="v/", at=NOW - 50 * MINUTE),
            Anchor(prefix="v/b/", at=NOW - 100 * MINUTE),
        ]


def watched(name: str, rules: Rules, **more: Any) -> Watched:
    return Watched(name=name, source_url=f"oss://b/{rules.prefix}", rules=rules, start=more.pop("start", "all"), **more)


@given(
    st.lists(OBJECTS, min_size=1, max_size=3),
    RULES,
    FILTERS,
    EARLIER,
    st.sampled_from(("all", "all", "now", NOW - 50 * MINUTE, NOW - 100 * MINUTE)),
)
@example([ORDINARY], Rules(bucket="b", prefix="v/"), None, (), "all")
@example([ORDINARY], Rules(bucket="b", prefix="v/", max_size_bytes=0), None, (), "all")
@example(
    [replace(ORDINARY, key=key, modified_at=NOW - 5 * MINUTE) for key in ("v/a.m3u8", "v/x8")],
    Rules(bucket="b", prefix="v/", include=("**",)),
    None,
    (),
    "all",
)
@settings(max_examples=1500, deadline=None)
def test_a_page_is_sifted_as_its_objects_are(
    listed: list[ObjectInfo], rules: Rules, filters: Filters | None, earlier: tuple[str, ...], start: Any
) -> None:
    before = [watched(prefix, Rules(bucket="b", prefix=prefix)) for prefix in earlier]
    sieve = Sieve(watched("w", rules, filters=filters, start=start), before, _Starts())
    sieve.resolve_starts(NOW)
    reasons = [sieve.reason(each, now_ms=NOW) for each in listed]

    sifted = sieve.sift(Objects.of(listed), now_ms=NOW)

    assert list(sifted.selected) == [each for each, reason in zip(listed, reasons, strict=True) if reason is None]
    assert sifted.excluded == Counter(reason for reason in reasons if reason is not None)


def test_ordinary_pages_are_decided_at_once() -> None:
    page = Objects.of([ORDINARY] * 3)
    assert Rules(bucket="b", prefix="v/").takes_all(page, now_ms=NOW, start_ms=None)
    assert Rules(bucket="b", prefix="v/", include=("*.mp4",)).takes_all(page, now_ms=NOW, start_ms=None)
