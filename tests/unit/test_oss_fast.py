"""The fast reader of pages agrees with the slow reader and oss2, or leaves the page to them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import oss2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.listing_bodies import (
    RESTORED,
    RESTORING,
    Listed,
    Spelling,
    body,
    listings,
    spellings,
)
from watcher.oss.error_codes import BAD_BODY
from watcher.oss.listing.fast import _read_plain, envelope_of, read_page
from watcher.oss.listing.xml import parse

if TYPE_CHECKING:
    from watcher.model import Page

AT = 1_795_600_800_000
OSS = Spelling()
COMPACT = Spelling(line="", indent="")


def read_or_none(reader: Any, xml: bytes) -> Page | None:
    try:
        page: Page | None = reader(xml, at=AT)
    except BAD_BODY:
        return None
    return page


def oss2s(xml: bytes) -> list[tuple[Any, ...]]:
    """Return the objects that oss2's own parser finds."""
    result = oss2.models.ListObjectsV2Result(oss2.http.Response(_NoResponse()))
    oss2.xml_utils.parse_list_objects_v2(result, xml)
    return [
        (found.key, found.etag, found.size, found.last_modified * 1000)
        for found in result.object_list
    ]


class _NoResponse:
    status_code, headers = 200, oss2.CaseInsensitiveDict()


@given(listings(), spellings)
def test_the_fast_reader_agrees_with_the_slow_one_for_any_keys_and_white_space(
    objects: list[Listed], spelling: Spelling
) -> None:
    xml = body(
        objects,
        spelling,
        truncated="true",
        more=["<NextContinuationToken>abc</NextContinuationToken>"],
    )
    page = read_page(xml, at=AT)
    assert page == parse(xml, at=AT)
    assert [key.encode() for key in page.objects.keys] == [each.key for each in objects]
    if spelling.line != "\n\n" or spelling.mark:  # nobody writes so
        assert _read_plain(xml, AT) == page, "read only slowly"


@given(listings(restored=True), spellings)
def test_restored_archives_take_the_fast_path(objects: list[Listed], spelling: Spelling) -> None:
    xml = body(objects, spelling)
    page = parse(xml, at=AT)
    assert read_page(xml, at=AT) == page
    assert page.objects.restored == [each.restore == RESTORED for each in objects]
    assert page.objects.restoring == [each.restore == RESTORING for each in objects]
    if spelling.mark and all(each.type and each.storage_class for each in objects):
        assert _read_plain(xml, AT) == page, "read only slowly"


@given(listings(), spellings)
def test_the_fast_reader_agrees_with_oss2(objects: list[Listed], spelling: Spelling) -> None:
    dated = [replace(each, at=f"2026{each.at[4:]}".replace("-02-29", "-02-28")) for each in objects]
    named = [
        replace(each, etag=each.etag or "E", key=each.key.replace(b"\x00", b"")) for each in dated
    ]
    xml = body([each for each in named if each.key], spelling)
    page = read_page(xml, at=AT)
    assert [(row.key, row.etag, row.size_bytes, row.modified_at) for row in page.objects] == oss2s(
        xml
    )


pieces = st.one_of(
    st.binary(max_size=3),
    st.sampled_from(
        [
            b"<",
            b">",
            b"&",
            b'"',
            b"%",
            b"\n",
            b"0",
            b"]]>",
            b"<!---->",
            b"</Key>",
            b"<Key>",
            b"<Contents/>",
        ]
    ),
)


@settings(max_examples=400)
@given(st.data(), listings(restored=True), spellings)
def test_a_tampered_body_is_read_as_by_the_slow_reader(
    data: st.DataObject, objects: list[Listed], spelling: Spelling
) -> None:
    """Bytes put in, left out, or taken from elsewhere in the body."""
    xml = body(objects, spelling)
    for _ in range(data.draw(st.integers(1, 2))):
        start = data.draw(st.integers(0, len(xml)))
        end = data.draw(
            st.integers(start, min(len(xml), start + data.draw(st.sampled_from([0, 1, 8, 200]))))
        )
        source = data.draw(st.integers(0, len(xml)))
        piece = data.draw(
            st.one_of(pieces, st.just(xml[source : source + data.draw(st.integers(0, 200))]))
        )
        xml = xml[:start] + piece + xml[end:]
    assert read_or_none(read_page, xml) == read_or_none(parse, xml)


around = st.sampled_from(
    [
        *(
            "<Name>b</Name>",
            "<Prefix></Prefix>",
            "<Prefix/>",
            "<EncodingType>url</EncodingType>",
            "<EncodingType/>",
        ),
        *(
            "<IsTruncated>true</IsTruncated>",
            "<IsTruncated>False </IsTruncated>",
            "<IsTruncated>no</IsTruncated>",
        ),
        *(
            "<KeyCount>1</KeyCount>",
            "<KeyCount> 1\n</KeyCount>",
            "<KeyCount>x</KeyCount>",
            "<KeyCount></KeyCount>",
        ),
        *(
            "<NextContinuationToken>a%2Fb=</NextContinuationToken>",
            "<Name>&amp;</Name>",
            "<Name>&</Name>",
            "<N>é</N>",
        ),
        *(
            "<Contents/>",
            "<Contents></Contents>",
            "<CommonPrefixes></CommonPrefixes>",
            "<1a>x</1a>",
            "<a>x</b>",
            "x",
        ),
        *(
            "<a><b>x</b></a>",
            "<!-- x -->",
            "\r\n",
            "\t",
            "\x01",
            "<Name>]]></Name>",
            "<a b='c'>x</a>",
            "</ListBucketResult>",
        ),
    ]
)
FIELDS = (
    "<EncodingType>url</EncodingType>",
    "<IsTruncated>false</IsTruncated>",
    "<KeyCount>1</KeyCount>",
)


@settings(max_examples=300)
@given(
    st.lists(around, max_size=4),
    st.lists(around, max_size=4),
    st.permutations(FIELDS),
    st.sampled_from(
        ["", ' xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"', ' xmlns=""', ' a="b"', " "]
    ),
    st.sampled_from(
        ["", '<?xml version="1.0" encoding="UTF-8"?>\n', '<?xml version="1.1"?>', "\n", "\ufeff"]
    ),
    st.sampled_from(["<Contents></Contents>", ""]),
)
def test_the_envelope_is_read_as_by_a_parser(  # noqa: PLR0917 (drawn)
    before: list[str],
    behind: list[str],
    fields: list[str],
    space: str,
    declaration: str,
    listed: str,
) -> None:
    head = f"{declaration}<ListBucketResult{space}>\n  {''.join(before)}"
    xml = f"{head}{listed}{''.join(fields)}{' '.join(behind)}\n</ListBucketResult>\n".encode()
    start = len(head.encode())
    ends = start, start + len(listed)
    found = envelope_of(xml, *ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watcher.oss.listing.fast._PLAIN_ENVELOPE", re.compile(b"(?!)"))
        assert found == envelope_of(xml, *ends)


def test_the_envelope_of_oss_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    xml = body([ONE, TWO])
    page = read_page(xml, at=AT)
    monkeypatch.setattr("watcher.oss.listing.fast.read_envelope", lambda _: pytest.fail("parsed"))
    assert read_page(xml, at=AT) == page


ONE, TWO = Listed(b"a/b c.mp4"), Listed(b"a/d.mp4", "AB", "7")
LINE = b"    <Size>344606</Size>\n"
DOUBTFUL = {
    "a size that is none": (b"344606", b"34x606"),
    "a size with a space in it": (b"344606", b"34 606"),
    "a size between other tags": (b"<Size>344606</Size>", b"<Siez>344606</Siez>"),
    "no size": (b">344606<", b"><"),
    "a size too large": (b"344606", b"3" * 19),
    "a day that does not exist": (b"2026-11-25", b"2026-02-30"),
    "the year nought": (b"2026-11-25", b"0000-11-25"),
    "an hour that does not exist": (b"T09:", b"T24:"),
    "a minute that does not exist": (b"09:00:00", b"09:60:00"),
    "a second that does not exist": (b"09:00:00", b"09:00:61"),
    "a field twice": (LINE, LINE + LINE),
    "a field that is missing": (LINE, b""),
    "an entity": (b"%20c", b"&lt;c"),
    "half an escape": (b"%20c", b"%2"),
    "an escape that is none": (b"%20c", b"%zz"),
    "an escape at the end of a key": (b"%20c.mp4", b"%"),
    "half an escape at the end of a key": (b"%20c.mp4", b"%4"),
    "an escape of an escape that is none": (b"%20c", b"%%3D"),
    "half an escape beside an equals sign": (b"%20c", b"=%2"),
    "an escape that is not UTF-8": (b"%20c", b"%FFc"),
    "a byte that is not ASCII": (b"%20c", b"\xc3\xa9"),
    "a control character": (b"%20c", b"\x01"),
    "a quote in an ETag": (b'"AB"', b'"A"B"'),
    "an ETag with one mark": (b'"AB"', b'"AB'),
    "an element within a field": (b"344606", b"<b>344606</b>"),
    "text between elements": (b"</Key>\n", b"</Key>x\n"),
    "a comment": (b"</Key>\n", b"</Key><!-- x -->\n"),
    "objects within a comment": (b"  <KeyCount>", b"<!--" + b"<Contents></Contents>--><KeyCount>"),
    "a wrong KeyCount": (b"<KeyCount>2", b"<KeyCount>3"),
    "no KeyCount": (b"<KeyCount>2</KeyCount>", b""),
    "keys that are not escaped": (b"<EncodingType>url</EncodingType>", b""),
    "an encoding that nobody knows": (b'encoding="UTF-8"', b'encoding="UTF-88"'),
    "another encoding": (b'encoding="UTF-8"', b'encoding="ISO-8859-1"'),
    "an attribute": (b"<Key>a%2Fd", b'<Key x="y">a%2Fd'),
    "a common prefix": (
        b"<KeyCount>2",
        b"<CommonPrefixes><Prefix>z</Prefix></CommonPrefixes><KeyCount>3",
    ),
    "two fields in each other's place": (
        b"</Key>\n    <LastModified>",
        b"</LastModified>\n    <Key>",
    ),
    "an object that is open": (b"  </Contents>\n", b""),
}


@pytest.mark.parametrize("doubt", DOUBTFUL)
def test_a_doubtful_body_goes_to_the_slow_reader(doubt: str) -> None:
    xml = body([ONE, TWO])
    old, new = DOUBTFUL[doubt]
    assert old in xml
    for mutated in (xml.replace(old, new, 1), new.join(xml.rsplit(old, 1)), xml.replace(old, new)):
        assert _read_plain(mutated, AT) is None
        assert read_or_none(read_page, mutated) == read_or_none(parse, mutated)
    assert _read_plain(xml, AT) == parse(xml, at=AT)


@pytest.mark.parametrize("bad", [b"&", b"\x01", b"\xc3\xa9", b"<b/>"])
def test_the_restore_info_is_verified_too(bad: bytes) -> None:
    xml = body([ONE, replace(TWO, restore=RESTORING)])
    assert _read_plain(xml, AT) == parse(xml, at=AT)
    mutated = xml.replace(b'"true"', b'"true"' + bad)
    assert _read_plain(mutated, AT) is None
    assert read_or_none(read_page, mutated) == read_or_none(parse, mutated)
