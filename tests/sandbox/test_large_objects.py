"""Large objects stand on the disk: the sandbox as a process takes next to no memory for them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

MEBIBYTE = 1024 * 1024
SIZE_MIB = 300
MAX_GROWTH = 40 * MEBIBYTE
PART_MIB = 20


@pytest.fixture
def process(tmp_path: Path) -> Iterator[SandboxProcess]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    with SandboxProcess(folder) as started:
        yield started


def mebibyte(number: int) -> bytes:
    """Return one mebibyte that no other number has."""
    return number.to_bytes(4) * (MEBIBYTE // 4)


def stream(numbers: range) -> Iterator[bytes]:
    return (mebibyte(number) for number in numbers)


def check_ranges(bucket: oss2.Bucket, key: str) -> None:
    """Compare whole mebibytes and the seams between them."""
    step = 7
    for number in range(0, SIZE_MIB - 1, step):
        first = number * MEBIBYTE + MEBIBYTE // 2
        got = bucket.get_object(key, byte_range=(first, first + MEBIBYTE - 1)).read()
        half = MEBIBYTE // 2
        assert got == mebibyte(number)[half:] + mebibyte(number + 1)[:half]


@pytest.mark.long
def test_a_large_put_and_its_ranges_take_little_memory(process: SandboxProcess) -> None:
    bucket = process.bucket
    bucket.put_object("small.mp4", b"x" * MEBIBYTE)
    before = process.peak_bytes

    bucket.put_object("large.mp4", stream(range(SIZE_MIB)))
    check_ranges(bucket, "large.mp4")
    whole = hashlib.sha256()
    for chunk in bucket.get_object("large.mp4"):
        whole.update(chunk)

    expected = hashlib.sha256()
    for each in stream(range(SIZE_MIB)):
        expected.update(each)
    assert whole.digest() == expected.digest()
    assert process.peak_bytes - before < MAX_GROWTH


@pytest.mark.long
def test_a_large_multipart_upload_takes_little_memory(process: SandboxProcess) -> None:
    bucket = process.bucket
    bucket.put_object("small.mp4", b"x" * MEBIBYTE)
    before = process.peak_bytes

    upload_id = bucket.init_multipart_upload("large.mp4").upload_id
    parts = []
    for number, first in enumerate(range(0, SIZE_MIB, PART_MIB), start=1):
        numbers = range(first, first + PART_MIB)
        part = bucket.upload_part("large.mp4", upload_id, number, stream(numbers))
        parts.append(oss2.models.PartInfo(number, part.etag))
    bucket.complete_multipart_upload("large.mp4", upload_id, parts)
    bucket.copy_object(bucket.bucket_name, "large.mp4", "copy.mp4")
    position = bucket.append_object("log", 0, stream(range(PART_MIB))).next_position
    bucket.append_object("log", position, stream(range(PART_MIB)))

    assert bucket.head_object("large.mp4").content_length == SIZE_MIB * MEBIBYTE
    check_ranges(bucket, "copy.mp4")
    assert process.peak_bytes - before < MAX_GROWTH


def test_nothing_is_left_after_a_kill(process: SandboxProcess) -> None:
    process.bucket.put_object("a.mp4", b"x" * MEBIBYTE)
    open_files = [link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir()]

    assert any(each.is_relative_to(process.folder) for each in open_files)  # the file has no name
    process.kill()
    assert list(process.folder.iterdir()) == []


def test_nothing_is_left_after_a_stop(process: SandboxProcess) -> None:
    process.bucket.put_object("a.mp4", b"x" * MEBIBYTE)

    assert process.stop() == 0
    assert list(process.folder.iterdir()) == []
