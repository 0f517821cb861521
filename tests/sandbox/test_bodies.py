"""Bodies in memory and in the file without a name."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oss_calls import crc64_of
from watcher.sandbox.bodies import (
    BLOCK_BYTES,
    IN_MEMORY_BYTES,
    Body,
    BodyFile,
    BodyFileFailed,
    BodyWriter,
    crc64_joined,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (0, 1, IN_MEMORY_BYTES, IN_MEMORY_BYTES + 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES)


@pytest.fixture
def file() -> Iterator[BodyFile]:
    made = BodyFile()
    yield made
    made.close()


def data(size: int, seed: int = 0) -> bytes:
    """Return bytes that repeat at no block."""
    pattern = b"".join((seed + number * 7919).to_bytes(4) for number in range(1009))
    return (pattern * (size // len(pattern) + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_is_read_as_it_was_kept(file: BodyFile, size: int) -> None:
    body = file.keep(data(size))

    assert (len(body), body.read()) == (size, data(size))
    assert body.digest.md5 == hashlib.md5(data(size), usedforsecurity=False).digest()
    assert body.digest.crc64 == int(crc64_of(data(size)))
    assert all(len(chunk) <= BLOCK_BYTES for chunk in body.chunks())


@settings(max_examples=40)
@given(
    chunks=st.lists(st.integers(0, 2 * BLOCK_BYTES), max_size=4),
    first=st.integers(0, 6 * BLOCK_BYTES),
    size=st.integers(0, 6 * BLOCK_BYTES),
)
def test_a_slice_is_that_of_the_bytes(chunks: list[int], first: int, size: int) -> None:
    file = BodyFile()
    writer = BodyWriter(file)
    whole = b""
    for number, chunk in enumerate(chunks):
        writer.write(data(chunk, number))
        whole += data(chunk, number)
    body = writer.body()

    wanted = body[first : first + size]
    assert (len(wanted), wanted.read()) == (
        len(whole[first : first + size]),
        whole[first : first + size],
    )
    assert wanted.digest.crc64 == int(crc64_of(whole[first : first + size]))
    file.close()


@settings(max_examples=40)
@given(sizes=st.lists(st.sampled_from((1, 100, IN_MEMORY_BYTES, BLOCK_BYTES, 300_000)), max_size=9))
def test_bodies_that_are_appended_become_one(sizes: list[int]) -> None:
    file = BodyFile()
    whole, body, joined = b"", Body(), 0
    for number, size in enumerate(sizes):
        more = file.keep(data(size, number))
        whole += data(size, number)
        body, joined = file.appended(body, more), crc64_joined(joined, more.digest)

    assert body.read() == whole
    assert joined == int(crc64_of(whole))
    file.close()


def test_many_small_appends_make_few_pieces(file: BodyFile) -> None:
    body = Body()
    for _ in range(3000):
        body = file.appended(body, file.keep(b"x" * 300))

    assert len(body) == 900_000
    assert len(body.pieces) <= 900_000 // (BLOCK_BYTES // 2) + 1


def test_the_space_of_forgotten_bodies_is_used_again(file: BodyFile) -> None:
    for number in range(20):
        file.keep(data(4 * BLOCK_BYTES, number))
    assert file.size_bytes <= 8 * BLOCK_BYTES


def test_a_body_outlives_the_one_that_it_was_cut_from(file: BodyFile) -> None:
    part = file.keep(data(3 * BLOCK_BYTES))[10 : BLOCK_BYTES + 10]
    file.keep(data(3 * BLOCK_BYTES, 1))
    assert part.read() == data(3 * BLOCK_BYTES)[10 : BLOCK_BYTES + 10]


def test_a_small_body_needs_no_file(file: BodyFile) -> None:
    body = file.keep(data(IN_MEMORY_BYTES))
    assert file.size_bytes == 0
    file.close()
    assert body.read() == data(IN_MEMORY_BYTES)


def test_a_closed_file_is_not_read(file: BodyFile) -> None:
    body = file.keep(data(BLOCK_BYTES))
    file.close()
    with pytest.raises(ValueError, match="closed"):
        body.read()


def test_a_full_disk_is_named(file: BodyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(BodyFileFailed, match=r"No space left on device; free space or set TMPDIR"):
        file.keep(data(BLOCK_BYTES))
    monkeypatch.undo()
    assert file.keep(data(BLOCK_BYTES)).read() == data(BLOCK_BYTES)


def test_threads_do_not_share_a_block(file: BodyFile) -> None:
    kept: list[tuple[bytes, Body]] = []

    def keep(seed: int) -> None:
        for number in range(20):
            content = data(BLOCK_BYTES + 9, seed * 1000 + number)
            kept.append((content, file.keep(content)))

    threads = [threading.Thread(target=keep, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 80
    assert all(body.read() == content for content, body in kept)
