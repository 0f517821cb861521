"""Rows of an inventory are read exactly, for any key."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.inventories import COLUMNS, row
from tests.support.workspace import BUCKET
from watcher.model import ObjectInfo, ObjectType
from watcher.oss.inventory_rows import RowReader
from watcher.oss.manifest import Manifest

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
OBJECTS = st.builds(
    ObjectInfo,
    KEYS,
    st.from_regex(r"[0-9A-F]{32}(-[0-9]{1,4})?", fullmatch=True),
    st.integers(0, 48 * 10**12),
    st.integers(0, 4_000_000_000).map(lambda second: second * 1000),
    st.sampled_from(ObjectType),
    st.sampled_from(("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")),
)


def rows_of(*columns: str, prefix: str = "") -> RowReader:
    manifest = Manifest(
        name="m", made_at=0, read_at=0, source_bucket=BUCKET, columns=columns, files=()
    )
    return RowReader(manifest, prefix=prefix)


def written(found: ObjectInfo) -> dict[str, str]:
    at = datetime.fromtimestamp(found.modified_at // 1000, UTC)
    return row(
        found.key,
        ETag=found.etag,
        Size=str(found.size_bytes),
        LastModifiedDate=f"{at:%Y-%m-%dT%H-%M-%SZ}",
        ObjectType=found.type,
        StorageClass=found.storage_class,
    )


@given(OBJECTS, st.permutations(COLUMNS))
def test_a_row_is_read_in_any_order_of_columns(found: ObjectInfo, columns: list[str]) -> None:
    assert rows_of(*columns).read([written(found)[column] for column in columns]) == found


@given(st.lists(KEYS, unique=True, max_size=20))
def test_a_key_with_only_percent_encoded_is_read_from_csv(keys: list[str]) -> None:
    """OSS may encode any characters, but must encode "%"."""
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_ALL)
    table.writerows([[key.replace("%", "%25"), "5", "2025-04-14T07-06-00Z", "E"] for key in keys])
    found = [
        rows_of("Key", "Size", "LastModifiedDate", "ETag").read(each)
        for each in csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)
    ]
    assert [each.key for each in found if isinstance(each, ObjectInfo)] == keys


@given(st.binary(min_size=1, max_size=20))
def test_bytes_that_are_not_utf8_are_kept(key: bytes) -> None:
    found = rows_of("Key", "Size", "LastModifiedDate", "ETag").read(
        [quote(key), "5", "2025-04-14T07-06-00Z", "E"]
    )
    assert (found.key.encode() if isinstance(found, ObjectInfo) else found) == key


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2025-04-14T07-06-00Z", 1_744_614_360_000),
        ("2025-04-14T07:06:00Z", 1_744_614_360_000),
        ("2025-04-14T07:06:00.000Z", 1_744_614_360_000),
        ("2025-04-14T07:06:00.5Z", 1_744_614_360_500),
    ],
)
def test_dates_are_read_in_the_forms_of_inventories_and_of_listings(
    text: str, milliseconds: int
) -> None:
    found = rows_of(*COLUMNS).read([row("a", LastModifiedDate=text)[column] for column in COLUMNS])
    assert isinstance(found, ObjectInfo)
    assert found.modified_at == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "2025-04-14",
        "2025-04-14T07-06Z",
        "2025-04-14T07:06:00",
        "2025-04-14T07:06:00+08:00",
        "1744614360",
        "2025-04-14T24-06-00Z",
        "２025-04-14T07-06-00Z",
    ],
)
def test_a_date_in_any_other_form_is_refused(text: str) -> None:
    """A date without zone or seconds would differ from the date in a listing."""
    with pytest.raises(ValueError, match=r"is no date|must be in"):
        rows_of(*COLUMNS).read([row("a", LastModifiedDate=text)[column] for column in COLUMNS])


def test_a_flag_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(ValueError, match="'maybe' is neither true nor false"):
        rows_of(*COLUMNS, "IsLatest").read(
            [row("a", IsLatest="maybe")[column] for column in (*COLUMNS, "IsLatest")]
        )
