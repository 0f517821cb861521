"""A page is decided rule by rule, exactly as each of its objects by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.bench.stub import mix
from tests.support.listing_bodies import RESTORED, RESTORING, Listed, body
from watcher.discovery.selector import ScanTarget, Selector
from watcher.model import Anchor, Excluded, ObjectInfo, Objects, ObjectType
from watcher.oss.listing.fast import read_page
from watcher.rules.filters import Filters
from watcher.rules.globs import check
from watcher.rules.instants import utc_ms
from watcher.rules.selection import Rules

NOW = 1_800_000_000_000
MINUTE = 60_000
STEMS = st.sampled_from(
    (
        *(
            "v/a",
            "v/b/c",
            "v/视频",
            "v/",
            "v/mp4",
            "v/a.b",
            "v/a.mp4/b",
            "v/._a",
            "v/@eaDir/a",
            "v/b/#recycle/c",
        ),
        *(
            "v/.nfs1",
            "v/b/c_proxy",
            "v/B/C_PROXY",
            "v/b/proxies/x",
            "v/c\u017f/x",
            "v/clip\u017f/x",
            "v/CLIPS/y",
        ),
        *(
            "v/clips/z",
            "v/clips",
            "v/b\n/c",
            "v/b/a +%",
            "v/b/采访 第3期",
            "v/\u212a",
            "v/.hidden",
            "v/__MACOSX/a",
        ),
    )
)
ENDINGS = st.sampled_from(
    (
        "mp4",
        ".mp4",
        ".MP4",
        ".mov",
        ".m3u8",
        ".M3U8",
        ".ts",
        ".jpg",
        "",
        ".",
        "/",
        ".mp4/",
        ".flac",
        ".webm",
        "\n.mp4",
    )
)
ORDINARY = ObjectInfo("v/a.mp4", "E", 100, NOW - 100 * MINUTE)
AGES = st.sampled_from([NOW - m * MINUTE for m in (-1, 0, 5, 6, 10, 11, 50, 51, 99, 100, 101)])
OBJECTS = st.one_of(
    st.builds(
        replace, st.just(ORDINARY), key=st.builds("{}{}".format, STEMS, ENDINGS)
    ),  # only its name is odd
    st.builds(
        ObjectInfo,
        st.builds("{}{}".format, STEMS, ENDINGS),
        st.sampled_from(("E", "E-3", "")),
        st.sampled_from((0, 1, 99, 100, 101)),
        AGES,
        st.sampled_from((*ObjectType, ObjectType.NORMAL, ObjectType.MULTIPART)),
        st.sampled_from(("Standard", "Standard", "IA", "Archive", "ColdArchive")),
    ).flatmap(
        lambda each: st.sampled_from(
            (each, replace(each, restored=True), replace(each, restoring=True))
        )
    ),
)
PAGES = st.lists(OBJECTS, min_size=1, max_size=9, unique_by=lambda each: each.key).map(
    lambda found: sorted(found, key=lambda each: each.key)
)
GLOBS = st.lists(
    st.sampled_from(
        (
            *(
                "*.mp4",
                "b/*",
                "**",
                "*",
                "clips/**",
                "b/**",
                "*_proxy.mov",
                "**/proxies/**",
                "*.{mp4,mov}",
                "._*",
            ),
            *(
                "*采访*",
                "@eaDir/**",
                "c?/**",
                "[bc]/**",
                "*k",
                "*[!a]",
                "**.mp4",
                "**/b/**",
                "*.m3u8",
                "{a,b/*}",
            ),
            *("B/c*", "x/**", "*s/x.*", "a.*", "**/*.mov", "**/**", "b**"),
        )
    ),
    max_size=3,
).map(tuple)
PREFIXES = ("v/", "v/", "v/", "", "v/b/", "v/b", "v/c", "v/a.m", "v/._", "elsewhere/")
SIZES = {
    "min_size_bytes": st.sampled_from((0, 0, 1, 100)),
    "max_size_bytes": st.sampled_from((None, None, 0, 100)),
}
QUIET = st.sampled_from((0, 0, 6 * MINUTE))


def rules(prefixes: tuple[str, ...]) -> st.SearchStrategy[Rules]:
    where = st.sampled_from(prefixes)
    return st.builds(
        Rules,
        bucket=st.just("b"),
        prefix=where,
        include=GLOBS,
        exclude=GLOBS,
        min_age_ms=QUIET,
        **SIZES,
    )


FILTERS = st.one_of(
    st.none(),
    st.builds(
        Filters,
        include=GLOBS,
        exclude=GLOBS,
        min_age_ms=QUIET,
        max_age_ms=st.sampled_from((None, None, 50 * MINUTE)),
        end_with=st.sampled_from(("", "v/b")),
        **SIZES,
    ),
)
STARTS = st.sampled_from(("all", "all", "now", NOW - 50 * MINUTE, NOW - 100 * MINUTE))


class _Starts:
    """One source that is watched from "now" on, and an earlier moment for a part of it."""

    def anchors(self, bucket: str) -> list[Anchor]:  # noqa: ARG002 (as `selector.Starts` has it)
        return [
            Anchor(prefix="v/", at=NOW - 50 * MINUTE),
            Anchor(prefix="v/b/", at=NOW - 100 * MINUTE),
        ]


def scan_target(name: str, rules: Rules, **more: Any) -> ScanTarget:
    return ScanTarget(
        name=name,
        source_url=f"oss://b/{rules.prefix}",
        rules=rules,
        start=more.pop("start", "all"),
        **more,
    )


def as_read(listed: list[ObjectInfo]) -> Objects:
    """Return the objects as columns that were cut out of an answer."""
    restores = {(True, False): RESTORED, (False, True): RESTORING}
    rows = [
        Listed(
            each.key.encode(),
            each.etag,
            str(each.size_bytes),
            str(utc_ms(each.modified_at)),
            str(each.type),
            each.storage_class,
            restores.get((each.restored, each.restoring), ""),
        )
        for each in listed
    ]
    return read_page(body(rows), at=NOW).objects


def assert_alike(selector: Selector, listed: list[ObjectInfo], objects: Objects) -> None:
    """Hold a page against its objects, one by one."""
    selector.resolve_starts(NOW)
    reasons = [selector.reason(each, now_ms=NOW) for each in listed]
    decided = list(zip(listed, reasons, strict=True))
    selection = selector.select(objects, now_ms=NOW)
    assert list(selection.selected) == [each for each, reason in decided if reason is None]
    assert selection.excluded == Counter(reason for reason in reasons if reason is not None)
    assert list(selection.left_out) == [
        (each.key, reason) for each, reason in decided if reason is not None
    ]
    assert selection.is_deferred == any(
        reason is not None and (reason is Excluded.TOO_YOUNG or each.restoring)
        for each, reason in decided
    )
    for name in ("key", "etag", "size_bytes"):
        column = [getattr(each, name) for each in selection.selected]
        assert selection.selected.lines(name) == (
            None if any("\n" in str(value) for value in column) else "\n".join(map(str, column))
        )


@given(
    PAGES,
    rules(PREFIXES),
    FILTERS,
    st.lists(st.tuples(rules(PREFIXES), STARTS), max_size=2),
    STARTS,
    st.sampled_from(("as made", "as read")),
)
@example([ORDINARY], Rules(bucket="b", prefix="v/"), None, [], "all", "as made")
@example([ORDINARY], Rules(bucket="b", prefix="v/", max_size_bytes=0), None, [], "all", "as made")
@example(
    [replace(ORDINARY, key=key, modified_at=NOW - 5 * MINUTE) for key in ("v/a.m3u8", "v/x8")],
    Rules(bucket="b", prefix="v/", include=("**",)),
    None,
    [],
    "all",
    "as made",
)
@settings(max_examples=800, deadline=None)
def test_a_page_is_sifted_as_its_objects_are(  # noqa: PLR0917 (drawn)
    listed: list[ObjectInfo],
    own: Rules,
    filters: Filters | None,
    earlier: list[tuple[Rules, Any]],
    start: Any,
    how: str,
) -> None:
    listed = [each for each in listed if each.key.startswith(own.prefix)]
    before = [scan_target(f"e{n}", each, start=since) for n, (each, since) in enumerate(earlier)]
    selector = Selector(scan_target("w", own, filters=filters, start=start), before, _Starts())
    assert_alike(
        selector, listed, as_read(listed) if how == "as read" and listed else Objects.of(listed)
    )


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "include": {"include": mix.INCLUDE},
    "exclude": {"exclude": mix.EXCLUDE},
    "sizes": {"min_size_bytes": 20_000, "max_size_bytes": 10**8},
    "quiet": {"min_age_ms": NOW - 1_750_000_000_000},
}


@pytest.mark.parametrize("case", CASES)
def test_a_page_of_a_bucket_as_they_are_is_sifted_without_an_object_made(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = list(mix.keys(3_000))
    facts = [mix.facts(key, number) for number, key in enumerate(keys)]
    xml = body(
        [
            Listed(
                key.encode(),
                each.etag,
                str(each.size_bytes),
                each.modified,
                each.type,
                each.storage_class,
            )
            for key, each in zip(keys, facts, strict=True)
        ]
    )
    objects, listed = read_page(xml, at=NOW).objects, list(read_page(xml, at=NOW).objects)
    selector = Selector(
        scan_target("w", Rules(bucket="b", **CASES[case])),
        [scan_target("e", Rules(bucket="b", prefix="clips/"))],
        _Starts(),
    )
    assert_alike(selector, listed, objects)
    monkeypatch.setattr(Objects, "__iter__", lambda _: pytest.fail("objects were made"))
    monkeypatch.setattr(Selector, "reason", lambda *_, **__: pytest.fail("an object was looked at"))
    selection = selector.select(read_page(xml, at=NOW).objects, now_ms=NOW)
    assert 0 < len(selection.selected) < len(keys)
    assert sum(selection.excluded.values()) + len(selection.selected) == len(keys)


def test_the_globs_of_the_tests_are_globs() -> None:
    assert [check(glob) for glob in (*mix.INCLUDE, *mix.EXCLUDE)] == [None] * 5
