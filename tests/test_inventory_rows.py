"""Rows of an inventory: what is written comes back, whatever the keys."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventories import COLUMNS, row
from tests.workspace import BUCKET
from watcher.model import ObjectInfo, ObjectType
from watcher.oss.inventory_rows import Rows
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


def rows_of(*columns: str, prefix: str = "") -> Rows:
    manifest = Manifest(name="m", made_at=0, read_at=0, source_bucket=BUCKET, columns=columns, files=())
    return Rows(manifest, prefix=prefix)


def written(told: ObjectInfo) -> dict[str, str]:
    at = datetime.fromtimestamp(told.modified_at // 1000, UTC)
    return row(
        told.key,
        ETag=told.etag,
        Size=str(told.size_bytes),
        LastModifiedDate=f"{at:%Y-%m-%dT%H-%M-%SZ}",
        ObjectType=told.type,
        StorageClass=told.storage_class,
    )


@given(OBJECTS, st.permutations(COLUMNS))
def test_what_is_written_in_any_order_of_columns_comes_back(told: ObjectInfo, columns: list[str]) -> None:
    assert rows_of(*columns).read([written(told)[column] for column in columns]) == told


@given(st.lists(KEYS, unique=True, max_size=20))
def test_a_key_that_is_not_encoded_but_for_percent_comes_back_from_csv(keys: list[str]) -> None:
    """Which characters OSS encodes is its own affair; only "%" must be."""
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_ALL)
    table.writerows([[key.replace("%", "%25"), "5", "2025-04-14T07-06-00Z", "E"] for key in keys])
    found = [
        rows_of("Key", "Size", "LastModifiedDate", "ETag").read(each)
        for each in csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)
    ]
    assert [each.key for each in found if isinstance(each, ObjectInfo)] == keys


@given(st.binary(min_size=1, max_size=20))
def test_bytes_that_are_not_utf8_come_back_as_they_are(key: bytes) -> None:
    found = rows_of("Key", "Size", "LastModifiedDate", "ETag").read([quote(key), "5", "2025-04-14T07-06-00Z", "E"])
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
def test_dates_are_read_in_the_forms_of_inventories_and_of_listings(text: str, milliseconds: int) -> None:
    found = rows_of(*COLUMNS).read([row("a", LastModifiedDate=text)[column] for column in COLUMNS])
    assert isinstance(found, ObjectInfo)
    assert found.modified_at == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "null", "2025-04-14", "2025-04-14T07-06Z", "2025-04-14T07:06:00", "2025-04-14T07:06:00+08:00", "1744614360",
     "2025-04-14T24-06-00Z", "２025-04-14T07-06-00Z"],
)  # fmt: skip
def test_a_date_in_any_other_form_is_refused(text: str) -> None:
    """One without a zone, or without seconds, would differ from what a listing says of the same object."""
    with pytest.raises(ValueError, match=r"is no date|must be in"):
        rows_of(*COLUMNS).read([row("a", LastModifiedDate=text)[column] for column in COLUMNS])


def test_a_flag_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(ValueError, match="'maybe' is neither true nor false"):
        rows_of(*COLUMNS, "IsLatest").read([row("a", IsLatest="maybe")[column] for column in (*COLUMNS, "IsLatest")])
