"""Selection: what is left out and why, in which order the reasons count, and who owns a key."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Excluded, ObjectInfo, ObjectType
from watcher.rules.columns import extension_of
from watcher.rules.selection import (
    AMBIGUOUS_EXTENSIONS,
    ARCHIVE_CLASSES,
    AUDIO_EXTENSIONS,
    DEFAULT_EXTENSIONS,
    VIDEO_EXTENSIONS,
    Rules,
)

NOW = 1_800_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def listed(key: str = "videos/a.mp4", **changes: Any) -> ObjectInfo:
    return replace(ObjectInfo(key, "e1", 1_000, NOW - DAY), **changes)


def rules(**changes: Any) -> Rules:
    return Rules(bucket="media", prefix="videos/", **changes)


def why(rule: Rules, what: ObjectInfo, *, start_ms: int | None = None) -> Excluded | None:
    return rule.select(what, now_ms=NOW, start_ms=start_ms)


@pytest.mark.parametrize("extension", sorted(DEFAULT_EXTENSIONS))
def test_every_documented_extension_is_media_in_any_letter_case(extension: str) -> None:
    for written in (extension, extension.upper(), extension.title()):
        assert why(rules(), listed(f"videos/视频/a.b.{written}")) is None


def test_the_defaults_are_the_documented_formats_without_the_ambiguous_ones() -> None:
    assert len(VIDEO_EXTENSIONS) == 29
    assert len(AUDIO_EXTENSIONS) == 12
    assert len(DEFAULT_EXTENSIONS) == 29 + 12 - 4
    assert not DEFAULT_EXTENSIONS & AMBIGUOUS_EXTENSIONS


@pytest.mark.parametrize(
    "key",
    [
        "videos/a.jpg",
        "videos/a",
        "videos/mp4",
        "videos/a.mp4/b",
        "videos/a.mp4.part",
        "videos/a.",
        "videos/a.mp4 ",
    ],
)
def test_a_key_that_is_no_media_is_left_out_by_its_extension(key: str) -> None:
    assert why(rules(), listed(key)) is Excluded.EXTENSION


@pytest.mark.parametrize("extension", ["ts", "dat", "gif", "swf", "TS"])
def test_extensions_that_are_often_something_else_are_counted_apart(extension: str) -> None:
    assert why(rules(), listed(f"videos/a.{extension}")) is Excluded.AMBIGUOUS_EXTENSION


def test_an_ambiguous_extension_that_is_excluded_is_no_longer_ambiguous() -> None:
    assert why(rules(exclude=("*.ts",)), listed("videos/a.ts")) is Excluded.EXCLUDE
    assert why(rules(exclude=("*.ts",)), listed("videos/a.gif")) is Excluded.AMBIGUOUS_EXTENSION
    assert why(rules(exclude=("*",)), listed("videos/a.jpg")) is Excluded.EXTENSION


def test_an_ambiguous_extension_that_is_included_is_selected() -> None:
    assert why(rules(include=("*.ts",)), listed("videos/a.ts")) is None


def test_include_replaces_the_default_extensions() -> None:
    only_mxf = rules(include=("*.mxf",))
    assert why(only_mxf, listed("videos/a.MXF")) is None
    assert why(only_mxf, listed("videos/a.mp4")) is Excluded.INCLUDE


def test_exclude_counts_after_include() -> None:
    both = rules(include=("*.mp4",), exclude=("tmp/**",))
    assert why(both, listed("videos/tmp/a.mp4")) is Excluded.EXCLUDE
    assert why(both, listed("videos/tmp/a.mov")) is Excluded.INCLUDE
    assert why(both, listed("videos/x/tmp/a.mp4")) is None


def test_globs_see_the_key_below_the_prefix() -> None:
    assert why(rules(exclude=("videos/**",)), listed("videos/a.mp4")) is None
    assert why(rules(exclude=("videos/**",)), listed("videos/videos/a.mp4")) is Excluded.EXCLUDE


REASONS_IN_ORDER: list[tuple[Excluded, dict[str, Any]]] = [
    (Excluded.SYMLINK, {"type": ObjectType.SYMLINK}),
    (Excluded.EMPTY, {"size_bytes": 0}),
    (Excluded.ARCHIVED, {"storage_class": "Archive"}),
    (Excluded.TOO_SMALL, {"size_bytes": 99}),
    (Excluded.BEFORE_START, {"modified_at": NOW - 2 * DAY}),
    (Excluded.TOO_YOUNG, {"modified_at": NOW}),
]


@pytest.mark.parametrize(("reason", "changes"), REASONS_IN_ORDER)
def test_each_reason_leaves_an_object_out_by_itself(
    reason: Excluded, changes: dict[str, Any]
) -> None:
    strict = rules(min_size_bytes=100, max_size_bytes=5_000, min_age_ms=MINUTE)
    assert why(strict, listed(), start_ms=NOW - DAY) is None
    assert why(strict, listed(**changes), start_ms=NOW - DAY) is reason


@pytest.mark.parametrize("n", range(len(REASONS_IN_ORDER) - 1))
def test_of_two_reasons_the_earlier_one_counts(n: int) -> None:
    strict = rules(min_size_bytes=100, max_size_bytes=5_000, min_age_ms=10 * DAY)
    (reason, changes), *later = REASONS_IN_ORDER[n:]
    for _, more in later:
        assert why(strict, listed(**{**more, **changes}), start_ms=NOW - DAY) is reason


def test_a_folder_marker_is_a_directory_whatever_the_globs_say() -> None:
    for some in (rules(), rules(include=("**",)), rules(exclude=("**",))):
        assert why(some, listed("videos/a.mp4/", size_bytes=0)) is Excluded.DIRECTORY
    assert why(rules(), listed("videos/", size_bytes=0)) is Excluded.DIRECTORY


@pytest.mark.parametrize("key", ["videos/a.jpg", "videos/a.ts"])
def test_the_name_counts_before_the_object(key: str) -> None:
    assert why(rules(), listed(key, size_bytes=0, type=ObjectType.SYMLINK)) in (
        Excluded.EXTENSION,
        Excluded.AMBIGUOUS_EXTENSION,
    )


def test_sizes_are_inclusive() -> None:
    between = rules(min_size_bytes=100, max_size_bytes=200)
    verdicts = [why(between, listed(size_bytes=size)) for size in (99, 100, 200, 201)]
    assert verdicts == [Excluded.TOO_SMALL, None, None, Excluded.TOO_LARGE]


def test_an_empty_object_stays_out_even_if_no_size_is_asked() -> None:
    assert why(rules(min_size_bytes=0), listed(size_bytes=0)) is Excluded.EMPTY


@pytest.mark.parametrize("storage_class", sorted(ARCHIVE_CLASSES))
def test_archived_objects_wait_until_they_are_restored(storage_class: str) -> None:
    assert why(rules(), listed(storage_class=storage_class)) is Excluded.ARCHIVED
    assert why(rules(), listed(storage_class=storage_class, restored=True)) is None


@pytest.mark.parametrize("storage_class", ["Standard", "IA", "SomethingNew"])
def test_other_storage_classes_can_be_read(storage_class: str) -> None:
    assert why(rules(), listed(storage_class=storage_class)) is None


def test_an_object_of_the_very_start_counts() -> None:
    start = NOW - DAY
    verdicts = [why(rules(), listed(modified_at=start + ms), start_ms=start) for ms in (-1, 0, 1)]
    assert verdicts == [Excluded.BEFORE_START, None, None]
    assert why(rules(), listed(modified_at=start - 1), start_ms=None) is None


def test_the_quiet_time_is_over_at_its_end() -> None:
    patient = rules(min_age_ms=MINUTE)
    verdicts = [
        why(patient, listed(modified_at=NOW - age)) for age in (MINUTE - 1, MINUTE, MINUTE + 1)
    ]
    assert verdicts == [Excluded.TOO_YOUNG, None, None]


def test_an_object_from_the_future_has_age_zero() -> None:
    assert why(rules(min_age_ms=1), listed(modified_at=NOW + DAY)) is Excluded.TOO_YOUNG
    assert why(rules(), listed(modified_at=NOW + DAY)) is None


@pytest.mark.parametrize(
    "growing",
    [listed(type=ObjectType.APPENDABLE), listed("videos/live.m3u8"), listed("videos/LIVE.M3U8")],
)
@pytest.mark.parametrize(
    ("min_age", "wait"), [(0, 10 * MINUTE), (MINUTE, 10 * MINUTE), (60 * MINUTE, 60 * MINUTE)]
)
def test_an_object_that_may_still_grow_waits_at_least_ten_minutes(
    growing: ObjectInfo, min_age: int, wait: int
) -> None:
    patient = rules(min_age_ms=min_age)
    verdicts = [why(patient, replace(growing, modified_at=NOW - age)) for age in (wait - 1, wait)]
    assert verdicts == [Excluded.TOO_YOUNG, None]


def test_an_owner_is_found_without_start_and_ages() -> None:
    patient = rules(min_age_ms=DAY)
    assert patient.owns(listed(modified_at=NOW, type=ObjectType.APPENDABLE))
    assert not patient.owns(listed("audio/a.mp4"))
    assert not patient.owns(listed(storage_class="Archive"))
    assert patient.owns_entry("videos/a.mp4", 1)
    assert not patient.owns_entry("videos/a.jpg", 1)
    assert not patient.owns_entry("audio/a.mp4", 1)
    assert not rules(max_size_bytes=9).owns_entry("videos/a.mp4", 10)


@given(
    st.builds(
        ObjectInfo,
        st.sampled_from(["a.mp4", "b/a.m3u8", "a.ts", "a.jpg", "b/"]).map("videos/".__add__),
        st.just("e1"),
        st.integers(0, 300),
        st.integers(NOW - DAY, NOW + DAY),
        st.sampled_from(ObjectType),
        st.sampled_from(["Standard", "Archive"]),
        st.booleans(),
    ),
    st.sampled_from([(), ("*.mp4",), ("b/**",)]),
    st.sampled_from([(), ("*.ts",), ("b/**",)]),
)
def test_selecting_and_owning_differ_by_start_and_age_only(
    what: ObjectInfo, include: tuple[str, ...], exclude: tuple[str, ...]
) -> None:
    some = rules(
        include=include, exclude=exclude, min_size_bytes=100, max_size_bytes=200, min_age_ms=MINUTE
    )
    reason = why(some, what, start_ms=NOW - DAY // 2)
    assert some.owns(what) == (reason in (None, Excluded.BEFORE_START, Excluded.TOO_YOUNG))


def test_a_prefix_is_only_text() -> None:
    part = Rules(bucket="media", prefix="videos/2024-", exclude=("x*",))
    assert part.covers("videos/2024-01/a.mp4")
    assert not part.covers("videos/2025/a.mp4")
    assert why(part, listed("videos/2024-xa.mp4")) is Excluded.EXCLUDE


@pytest.mark.parametrize(
    ("key", "extension"),
    [
        ("a.MP4", "mp4"),
        ("a.b/c", ""),
        ("a", ""),
        (".mp4", "mp4"),
        ("a.", ""),
        ("x/a.b.c", "c"),
        ("", ""),
    ],
)
def test_the_extension_follows_the_last_dot_of_the_last_component(key: str, extension: str) -> None:
    assert extension_of(key) == extension


def test_malformed_globs_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="close it"):
        rules(exclude=("[a",))


def test_equal_settings_are_equal_rules() -> None:
    assert rules(include=("*.ts",)) == rules(include=("*.ts",))
    assert hash(rules()) == hash(rules())
