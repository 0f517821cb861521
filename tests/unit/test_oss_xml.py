"""One listing answer as a page: exact keys, and an error for a body that is not whole."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from watcher.model import ObjectType
from watcher.oss.listing.xml import parse

AT = 1_795_600_800_000  # Wed, 25 Nov 2026 10:00:00 GMT


def body(*contents: str, truncated: str = "false", more: str = "", space: str = "") -> bytes:
    return (
        '<?xml version="1.0" '
        f'encoding="UTF-8"?><ListBucketResult{space}><EncodingType>url</EncodingType>'
        f"<IsTruncated>{truncated}</IsTruncated>{more}{''.join(contents)}</ListBucketResult>"
    ).encode()


def content(key: str, more: str = "") -> str:
    return (
        f'<Contents><Key>{key}</Key><LastModified>2026-11-25T09:00:00.000Z</LastModified><ETag>"AB-2"</ETag>'
        f"<Type>Multipart</Type><Size>5</Size><StorageClass>Standard</StorageClass>{more}</Contents>"
    )


def test_fields_are_read_as_listed() -> None:
    page = parse(body(content("a%20b%2Bc.mp4")), at=AT)
    (listed,) = page.objects
    assert (listed.key, listed.etag, listed.size_bytes, listed.type) == (
        "a b+c.mp4",
        "AB-2",
        5,
        ObjectType.MULTIPART,
    )
    assert page.at - listed.modified_at == 3_600_000
    assert page.is_last


def test_a_plus_stays_a_plus_and_control_characters_come_back() -> None:
    page = parse(body(content("a+b%01%0A%00.mp4")), at=AT)
    assert page.objects[0].key == "a+b\x01\n\x00.mp4"


def test_a_key_that_is_not_utf8_is_counted_and_the_rest_is_read() -> None:
    page = parse(
        body(
            content("a"),
            content("b%FF"),
            truncated="true",
            more="<NextContinuationToken>b%2520</NextContinuationToken>",
        ),
        at=AT,
    )
    assert [listed.key for listed in page.objects] == ["a"]
    assert page.not_utf8 == (b"b\xff",)
    assert page.next_token == "b%20"


def test_no_token_is_needed_when_the_last_key_is_utf8() -> None:
    page = parse(body(content("b%FF"), content("c"), truncated="true"), at=AT)
    assert (page.next_token, page.last_key) == ("", "c")


def test_a_page_without_keys_continues_by_its_token() -> None:
    page = parse(
        body(truncated="true", more="<NextContinuationToken>b%2520</NextContinuationToken>"), at=AT
    )
    assert (list(page.objects), page.last_key, page.next_token, page.is_last) == (
        [],
        "",
        "b%20",
        False,
    )


def test_a_namespace_and_unknown_types_do_no_harm() -> None:
    xml = body(
        content("a").replace("Multipart", "Hologram"),
        space=' xmlns="http://doc.oss-cn-shanghai.aliyuncs.com"',
    )
    assert parse(xml, at=AT).objects[0].type is ObjectType.NORMAL


def test_restored_archives_differ_from_those_still_restoring() -> None:
    info = (
        '<RestoreInfo>ongoing-request="false", expiry-date="Thu, 03 Dec 2026 08:12:33 '
        'GMT"</RestoreInfo>'
    )
    page = parse(body(content("a", info), content("b")), at=AT)
    assert [listed.restored for listed in page.objects] == [True, False]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<html><body>Log in</body></html>",
        body(content("a"))[:-30],
        body(content("a"), truncated="perhaps"),
        b"\xff",
    ],
)
def test_a_body_that_is_not_a_whole_listing_is_refused(broken: bytes) -> None:
    with pytest.raises((ET.ParseError, ValueError, KeyError)):
        parse(broken, at=AT)
