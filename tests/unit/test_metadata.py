"""Metadata: the meaning of the fields, the characters that are dropped, and where text is cut."""

from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Media
from watcher.rules.metadata import (
    FIELDS,
    MAX_COVER_URL_BYTES,
    MAX_DESCRIPTION_BYTES,
    MAX_TAG_BYTES,
    MAX_TAGS,
    MAX_TITLE_BYTES,
    Templates,
    check_pattern,
    check_tags,
    check_template,
)

NEW_YEAR = 1_704_067_199_999  # 2023-12-31T23:59:59.999Z


def describe(key: str, *, tz: tzinfo = UTC, **templates: Any) -> Media:
    return Templates(**templates).describe(
        key,
        bucket="media",
        size_bytes=1_234,
        modified_at_ms=NEW_YEAR,
        tz=tz,
        file_url="https://h/x",
    )


@pytest.mark.parametrize(
    ("template", "key", "text"),
    [
        ("{key}", "视频/第 1 集.MP4", "视频/第 1 集.MP4"),
        ("{name}", "视频/第 1 集.MP4", "第 1 集.MP4"),
        ("{stem}", "视频/第 1 集.MP4", "第 1 集"),
        ("{ext}", "视频/第 1 集.MP4", "MP4"),
        ("{stem}|{ext}", "x/name", "name|"),
        ("{stem}|{ext}", "x/.mp4", "|mp4"),
        ("{stem}|{ext}", "x.y/a.b.mp4", "a.b|mp4"),
        ("{stem}|{ext}", "x.y/a", "a|"),
        ("{stem}|{ext}", "a.", "a|"),
        ("{dir}", "a/b/c.mp4", "a/b"),
        ("<{dir}>", "c.mp4", "<>"),
        ("{dirs[0]}|{dirs[1]}|{dirs[-1]}|{dirs[-2]}", "a/b/c.mp4", "a|b|b|a"),
        ("{dirs[0]}|{dirs[2]}|{dirs[-3]}|{dirs[9999]}", "a/b/c.mp4", "a|||"),
        ("<{dirs[0]}{dirs[-1]}>", "c.mp4", "<>"),
        ("<{dirs[1]}>{dirs[2]}", "a//b/c.mp4", "<>b"),
        ("{bucket} {size}", "c.mp4", "media 1234"),
        ("{modified}", "c.mp4", "2023-12-31 23:59:59"),
        ("{modified:%Y-%m-%d}", "c.mp4", "2023-12-31"),
        ("{modified:%H:%M}", "c.mp4", "23:59"),
        ("{modified:%Y年%m月}", "c.mp4", "2023年12月"),
        ("{modified:100%%}", "c.mp4", "100%"),
        ("{{stem}} }}{{", "c.mp4", "{stem} }{"),
        ("{stem}", "{key}{0.__class__}.mp4", "{key}{0.__class__}"),
        ("plain", "c.mp4", "plain"),
    ],
)
def test_a_field_stands_for_its_part_of_the_object(template: str, key: str, text: str) -> None:
    assert check_template(template) is None
    assert describe(key, description=template).description == text


def test_dates_are_those_of_the_configured_time_zone() -> None:
    assert (
        describe("c.mp4", tz=ZoneInfo("Asia/Shanghai"), title="{modified}").title
        == "2024-01-01 07:59:59"
    )


def test_named_groups_of_the_pattern_are_fields() -> None:
    pattern = r"(?P<show>[^/]+)/S(?P<season>\d+)(?P<extra>-\w+)?"
    found = describe("tv/Friends/S02/1.mp4", pattern=pattern, title="{show} {season}<{extra}>")
    assert found.title == "Friends 02<>"


def test_groups_are_empty_where_the_pattern_does_not_match() -> None:
    assert describe("x.mp4", pattern=r"S(?P<season>\d+)", title="<{season}>").title == "<>"


def test_a_pattern_that_backtracks_without_end_holds_up_no_file() -> None:
    evil = r"(?P<show>(a|aa)+)$"
    key = f"{'a' * 99}!.mp4"
    assert describe(key, pattern=evil, title="<{show}>", pattern_s=0.01).title == "<>"
    assert describe("aaa", pattern=evil, title="<{show}>", pattern_s=0.01).title == "<aaa>"


@pytest.mark.parametrize(
    ("template", "cure"),
    [
        (
            "{titel}",
            "use one of key, name, stem, ext, dir, bucket, size, modified, dirs[0], season",
        ),
        ("{}", "does not exist"),
        ("{0}", "does not exist"),
        ("{key.__class__}", "does not exist"),
        ("{dirs[0].x}", "does not exist"),
        ("{dirs[x]}", "does not exist"),
        ("{dirs[]}", "does not exist"),
        ("{ key }", "does not exist"),
        ("{dirs}", "write {dirs[0]}"),
        ("{key[0]}", "only {dirs[0]} takes one"),
        ("{modified[0]}", "only {dirs[0]} takes one"),
        ("{key!r}", "leave it out"),
        ("{size:>10}", "only {modified:%Y-%m-%d} takes one"),
        ("{dirs[0]:x}", "only {modified:%Y-%m-%d} takes one"),
        ("{modified:{key}}", "write the format itself"),
        ("{modified:%Y\0}", "strftime does not know"),
        ("{modified:%Q}", "strftime does not know"),
        ("{modified:%}", "strftime does not know"),
        ("{key", "write {{ or }}"),
        ("key}", "write {{ or }}"),
        ("{", "write {{ or }}"),
    ],
)
def test_a_malformed_template_is_named_with_its_cure(template: str, cure: str) -> None:
    assert cure in (check_template(template, frozenset({"season"})) or "")
    with pytest.raises(
        ValueError, match=regex.escape(cure) if "season" not in cure else "does not exist"
    ):
        Templates(title=template)


@given(st.text("{}[]:!%a0.-keydirs", max_size=20))
def test_check_never_crashes_and_accepts_exactly_the_templates_that_compile(template: str) -> None:
    if check_template(template) is None:
        describe("a/b.mp4", title=template)
    else:
        with pytest.raises(ValueError, match=r"."):
            Templates(title=template)


def test_every_field_but_an_index_can_be_named_by_itself() -> None:
    for name in FIELDS:
        assert (check_template(f"{{{name}}}") is None) == (name != "dirs")


def test_a_pattern_is_checked_for_itself_and_for_its_names() -> None:
    assert check_pattern(r"(?P<season>\d+)") is None
    assert "no regular expression" in (check_pattern("(") or "")
    assert "no regular expression" in (check_pattern("(?P<show>x){ia") or "")  # `re` takes it
    assert "has the name of a field" in (check_pattern("(?P<size>x)") or "")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a😀b", "ab"),
        ("👍🏽ok", "ok"),
        ("👨‍👩‍👧 family", "family"),
        ("🇨🇳中国", "中国"),
        ("1️⃣ 第一", "1 第一"),
        ("❤️❤", ""),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿x", "x"),
        ("©2024", "2024"),
        ("葛󠄀", "葛"),
        ("𠮷野家 㐂 𪚥", "𠮷野家 㐂 𪚥"),
        ("a\tb\r\nc\x7f\x85d\0", "abcd"),
        ("  　a b　 ", "a b"),
        ("#*0-9 ～！（）—…", "#*0-9 ～！（）—…"),
        ("e\u0301", "e\u0301"),
        ("한국어 العربية हिन्दी", "한국어 العربية हिन्दी"),
    ],
)
def test_characters_that_vod_refuses_are_dropped_and_all_others_stay(text: str, kept: str) -> None:
    assert describe("c.mp4", description=f"{text}").description == kept


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("x/.mp4", ".mp4"),
        ("x/😀.mp4", ".mp4"),
        ("x/😀", "%F0%9F%98%80"),
        ("x/😀.", "."),
        ("x/ \t", "%20%09"),
        ("x/" + "😀" * 40, "%F0%9F%98%80" * 10),
        ("x/", "x/"),
    ],
)
def test_a_title_that_comes_out_empty_falls_back_to_the_name(key: str, title: str) -> None:
    assert describe(key).title == title


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * 128, "a" * 128),
        ("a" * 129, "a" * 128),
        ("集" * 43, "集" * 42),
        ("a" * 126 + "集", "a" * 126),
        ("a" * 125 + "集", "a" * 125 + "集"),
        ("a" * 125 + "𠮷", "a" * 125),
        ("a" * 127 + " b", "a" * 127),
        ("a" * 127 + "e\u0301", "a" * 127),
        ("a" * 126 + "e\u0301", "a" * 126),
        ("a" * 125 + "e\u0301", "a" * 125 + "e\u0301"),
        ("e" + "\u0301" * 100, "e" + "\u0301" * 63),
    ],
)
def test_a_title_is_cut_between_characters(text: str, kept: str) -> None:
    assert describe("x.mp4", title=text).title == kept


anything = st.text(st.characters(codec="utf-8"), max_size=400)
refused = regex.compile(r"[\p{Cc}\p{Emoji_Presentation}\p{Extended_Pictographic}\uFE0F\u200D]")


@given(anything.map(lambda text: text.lstrip("/") or "a"))
def test_nothing_vod_refuses_is_ever_sent(key: str) -> None:
    sent = describe(
        key,
        title="{key}",
        description="{key}" * 5,
        tags=("{key}", "{name}"),
        cover_url="https://h/{key}",
    )
    assert 0 < len(sent.title.encode()) <= MAX_TITLE_BYTES
    assert len(sent.description.encode()) <= MAX_DESCRIPTION_BYTES
    assert len(sent.tags) <= MAX_TAGS
    assert len(sent.cover_url.encode()) <= MAX_COVER_URL_BYTES
    assert all(0 < len(tag.encode()) <= MAX_TAG_BYTES and "," not in tag for tag in sent.tags)
    for text in (sent.title, sent.description, *sent.tags):
        assert not refused.search(text)
        assert text == text.strip()


def test_tags_are_cleaned_and_each_is_sent_once() -> None:
    tags = ("{dirs[0]}", "a,b", "😀", " x ", "a b", "", "x", "集" * 11)
    assert describe("视频/c.mp4", tags=tags).tags == ("视频", "a b", "x", "集" * 10)


def test_at_most_sixteen_tags_are_sent() -> None:
    assert describe("c.mp4", tags=("", *map(str, range(20)))).tags == tuple(map(str, range(16)))


def test_tags_that_vod_would_refuse_whatever_they_hold_are_refused_with_the_config() -> None:
    assert check_tags(["集" * 10, "{key}" * 20]) is None
    assert "VOD takes 16" in (check_tags(["x"] * 17) or "")
    assert "longer than the 32 bytes" in (check_tags(["集" * 11]) or "")
    assert check_tags(["{"]) is None  # `check_template` speaks of it


@pytest.mark.parametrize(
    ("cate_id", "sent"),
    [
        (0, 0),
        (1000412, 1000412),
        ("{dirs[0]}", 42),
        ("{dirs[1]}", 0),
        ("{stem}", 0),
        ("٤٢", 0),
        ("-1", 0),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 0),
        ("", 0),
    ],
)
def test_a_category_is_a_number_or_none(cate_id: int | str, sent: int) -> None:
    assert describe("42/x/c.mp4", cate_id=cate_id).cate_id == sent


def test_fields_of_a_cover_url_are_escaped_and_its_text_is_not() -> None:
    sent = describe("视 频/a?b.mp4", cover_url="https://h/?k={dir}/{stem}.jpg&x=1")
    assert sent.cover_url == "https://h/?k=%E8%A7%86%20%E9%A2%91/a%3Fb.jpg&x=1"


def test_a_cover_url_that_is_too_long_is_not_sent() -> None:
    assert len(describe("a" * 1014, cover_url="https://h/{key}").cover_url) == 1024
    assert describe("a" * 1015, cover_url="https://h/{key}").cover_url == ""


def test_a_value_that_is_no_text_is_passed_on() -> None:
    sent = describe("视频/😀 1.mp4")
    assert (sent.bucket, sent.key, sent.file_url) == ("media", "视频/😀 1.mp4", "https://h/x")
    assert (sent.title, sent.description, sent.tags, sent.cate_id, sent.cover_url) == (
        "1",
        "",
        (),
        0,
        "",
    )
