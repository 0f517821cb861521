"""Bodies of ListObjectsV2 answers in every spelling that OSS or its like could choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

RESTORED = 'ongoing-request="false", expiry-date="Thu, 03 Dec 2026 08:12:33 GMT"'
RESTORING = 'ongoing-request="true"'


@dataclass(frozen=True, slots=True)
class Listed:
    """One object, as its listing spells it."""

    key: bytes
    etag: str = "5B3C1A2E053D763E1B002CC607C5A0FE-3"
    size: str = "344606"
    at: str = "2026-11-25T09:00:00.000Z"
    type: str = "Normal"
    storage_class: str = "Standard"
    restore: str = ""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a body is written."""

    line: str = "\n"  # between elements: "" = nothing
    indent: str = "  "
    mark: str = '"'  # around ETags
    safe: str = ""  # what is not escaped in keys


def body(
    objects: Sequence[Listed],
    spelling: Spelling = Spelling(),
    *,
    truncated: str = "false",
    more: Sequence[str] = (),
) -> bytes:
    """Return a whole answer."""
    one, two = (spelling.line + spelling.indent * n for n in (1, 2))
    facts = (
        *(
            "<Name>b</Name>",
            "<Prefix></Prefix>",
            "<MaxKeys>1000</MaxKeys>",
            "<EncodingType>url</EncodingType>",
        ),
        *(f"<IsTruncated>{truncated}</IsTruncated>", *more),
    )
    rows = [
        "".join(
            (
                f"{one}<Contents>{two}<Key>{quote(each.key, safe=spelling.safe)}</Key>",
                f"{two}<LastModified>{each.at}</LastModified>{two}<ETag>{spelling.mark}{each.etag}{spelling.mark}</ETag>",
                f"{two}<Type>{each.type}</Type>{two}<Size>{each.size}</Size>",
                f"{two}<StorageClass>{each.storage_class}</StorageClass>",
                f"{two}<RestoreInfo>{each.restore}</RestoreInfo>" if each.restore else "",
                f"{one}</Contents>",
            )
        )
        for each in objects
    ]
    text = "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f"<ListBucketResult>{''.join(one + fact for fact in facts)}",
            *(
                *rows,
                f"{one}<KeyCount>{len(objects)}</KeyCount>{spelling.line}</ListBucketResult>{spelling.line}",
            ),
        )
    )
    return text.encode()


awkward = st.sampled_from(
    [*" %&#+?<>\"'/", "\n", "\t", "\r", "\x00", "\x01", "\x7f", "%2F", "%0A", "中", "文", "🎬"]
)
names = st.lists(
    st.one_of(awkward, st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8
).map("".join)
keys = st.one_of(
    st.sets(names, min_size=1, max_size=8),
    st.sets(
        names.map(lambda name: f"videos/中/{name}"), min_size=1, max_size=8
    ),  # a stem that all share
    st.sets(names.map(lambda name: name * 100), min_size=1, max_size=3),
).map(lambda found: sorted(key.encode() for key in found))
instants = st.datetimes().map(lambda at: f"{at:%Y}".zfill(4) + f"{at:-%m-%dT%H:%M:%S}.000Z")
spellings = st.builds(
    Spelling,
    line=st.sampled_from(["\n", "", "\r\n", "\n\n", " ", "\t"]),
    indent=st.sampled_from(["  ", "", "\t", " "]),
    mark=st.sampled_from(['"', "&quot;", ""]),
    safe=st.sampled_from(["", "/", "/~!*'()"]),
)


@st.composite
def listings(draw: st.DrawFn, *, restored: bool = False) -> list[Listed]:
    """Draw the objects of a page; `restored`: some are of an archive class, and awake or waking."""
    return [
        Listed(
            key,
            draw(st.sampled_from(["AB", "AB-2", "", "5B3C1A2E053D763E1B002CC607C5A0FE"])),
            draw(st.sampled_from(["0", "5", "12345", "9" * 18])),
            draw(instants),
            draw(st.sampled_from(["Normal", "Multipart", "Appendable", "Symlink", "Hologram", ""])),
            draw(st.sampled_from(["Standard", "IA", "Archive", ""])),
            draw(st.sampled_from(["", RESTORED, RESTORING])) if restored else "",
        )
        for key in draw(keys)
    ]
