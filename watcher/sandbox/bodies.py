"""The bytes of requests and objects: small ones in memory, the others in a file without a name.

A process that is killed leaves nothing behind, because the file has no name.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
import threading
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from anycrc import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK_BYTES: Final = 256 * 1024  # what one read or write moves, and the memory that it takes
IN_MEMORY_BYTES: Final = 64 * 1024  # a body of at most this size has no part in the file
_CRC64: Final = Model("CRC64-XZ")  # OSS calls it ECMA-182


class BodyFileFailed(Exception):
    """The file cannot be written: nothing of the request has taken effect."""

    def __init__(self, error: OSError) -> None:
        folder = tempfile.gettempdir()
        super().__init__(
            f"cannot keep a body in {folder}: {error.strerror}; free space or set TMPDIR"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The checksums of a body."""

    md5: bytes = hashlib.md5(usedforsecurity=False).digest()
    crc64: int = 0
    size_bytes: int = 0

    @property
    def etag(self) -> str:
        """The MD5 as an ETag, in upper case and without quotes."""
        return self.md5.hex().upper()


def etag_of(data: bytes) -> str:
    """Return the MD5 as an ETag, in upper case and without quotes."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest().upper()


def crc64_joined(before: int, following: Digest) -> int:
    """Return the CRC-64 of bytes with this CRC-64 and of the body behind them."""
    return int(_CRC64.combine(before, following.crc64, following.size_bytes))


class Body:
    """Bytes that never change. A slice shares them, and so does a join."""

    __slots__ = ("_digest", "_pieces", "_size")

    def __init__(self, pieces: tuple[_Piece, ...] = (), digest: Digest | None = None) -> None:
        self._pieces = pieces
        self._size = sum(len(piece) for piece in pieces)
        self._digest = digest

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self._size

    def __getitem__(self, wanted: slice) -> Body:
        """Return a part of the body; the step must be 1."""
        first, last, _ = wanted.indices(self._size)
        pieces: list[_Piece] = []
        at = 0
        for piece in self._pieces:
            if first < at + len(piece) and at < last:
                pieces.append(piece.part(max(first - at, 0), min(last - at, len(piece))))
            at += len(piece)
        return Body(tuple(pieces))

    @classmethod
    def joined(cls, bodies: Iterable[Body]) -> Body:
        """Return all bodies as one."""
        return cls(tuple(piece for body in bodies for piece in body.pieces))

    @property
    def digest(self) -> Digest:
        """The checksums. For a slice or a join all bytes are read, once."""
        if self._digest is None:
            summing = _Summing()
            for chunk in self.chunks():
                summing.add(chunk)
            self._digest = summing.digest()
        return self._digest

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, at most `BLOCK_BYTES` at once."""
        return (piece.read() for piece in self._pieces)

    def read(self) -> bytes:
        """Return all bytes at once."""
        return b"".join(self.chunks())

    @property
    def pieces(self) -> tuple[_Piece, ...]:
        """What it consists of."""
        return self._pieces


class BodyFile:
    """The file of one sandbox, in blocks. It is opened when a body needs it."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._closed = False
        self._opening = threading.Lock()
        self._new = itertools.count()
        self._free: deque[int] = deque()  # without a lock: blocks are freed by the collector, too

    def keep(self, data: bytes) -> Body:
        """Return a body of these bytes."""
        writer = BodyWriter(self)
        for start in range(0, len(data), BLOCK_BYTES):
            writer.write(data[start : start + BLOCK_BYTES])
        return writer.body()

    def appended(self, before: Body, after: Body) -> Body:
        """Return both bodies as one. Short neighbours become one piece, so that few remain."""
        if not before.pieces or not after.pieces:
            return Body.joined((before, after))
        *head, last = before.pieces
        first, *tail = after.pieces
        if len(last) + len(first) > BLOCK_BYTES:
            return Body.joined((before, after))
        in_memory = len(before) + len(after) <= IN_MEMORY_BYTES
        middle = self.piece(last.read() + first.read(), in_memory=in_memory)
        return Body((*head, middle, *tail))

    @property
    def size_bytes(self) -> int:
        """The size of the file."""
        return 0 if self._file is None else os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Give the space back. Bodies that are left cannot be read any more."""
        with self._opening:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file."""
        return os.pread(self._opened().fileno(), size, offset)

    def give_back(self, number: int) -> None:
        """Let a block be written again."""
        self._free.append(number)

    def piece(self, data: bytes, *, in_memory: bool) -> _Piece:
        """Keep bytes, one block of them at most."""
        if in_memory:
            return _Piece(data, 0, len(data))
        try:
            number = self._free.popleft()
        except IndexError:
            number = next(self._new)
        block = _Block(self, number)  # gives itself back if the write fails
        self._write(number * BLOCK_BYTES, data)
        return _Piece(block, 0, len(data))

    def _write(self, offset: int, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                written = os.pwrite(self._opened().fileno(), left, offset)
                left, offset = left[written:], offset + written
        except OSError as error:
            raise BodyFileFailed(error) from error

    def _opened(self) -> IO[bytes]:
        with self._opening:
            if self._file is None and not self._closed:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - `close` does it
            if self._file is None:
                raise ValueError("the sandbox is closed")
            return self._file


class BodyWriter:
    """Takes the bytes of one body. It holds one block of them in memory at most."""

    def __init__(self, file: BodyFile) -> None:
        self._file = file
        self._pieces: list[_Piece] = []
        self._waiting = bytearray()
        self._summing = _Summing()

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._summing.add(data)
        self._waiting += data
        while len(self._waiting) >= BLOCK_BYTES:
            self._flush(BLOCK_BYTES, in_memory=False)

    def body(self) -> Body:
        """Return the body. Nothing may be added afterwards."""
        if self._waiting:
            small = not self._pieces and len(self._waiting) <= IN_MEMORY_BYTES
            self._flush(len(self._waiting), in_memory=small)
        return Body(tuple(self._pieces), self._summing.digest())

    def _flush(self, size: int, *, in_memory: bool) -> None:
        data = bytes(memoryview(self._waiting)[:size])
        self._pieces.append(self._file.piece(data, in_memory=in_memory))
        del self._waiting[:size]


class _Summing:
    """Checksums in the making."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc64 = 0
        self._size = 0

    def add(self, data: bytes) -> None:
        self._md5.update(data)
        self._crc64 = _CRC64.calc(data, self._crc64)
        self._size += len(data)

    def digest(self) -> Digest:
        return Digest(md5=self._md5.digest(), crc64=self._crc64, size_bytes=self._size)


class _Block:
    """One block of the file, written once. It is free again when nothing refers to it."""

    __slots__ = ("_file", "_number")

    def __init__(self, file: BodyFile, number: int) -> None:
        self._file = file
        self._number = number

    def __del__(self) -> None:
        self._file.give_back(self._number)

    def read(self, first: int, last: int) -> bytes:
        return self._file.read(self._number * BLOCK_BYTES + first, last - first)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some bytes of a block or of the memory: from `first` to before `last`."""

    source: bytes | _Block
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    def part(self, first: int, last: int) -> _Piece:
        return _Piece(self.source, self.first + first, self.first + last)

    def read(self) -> bytes:
        if isinstance(self.source, _Block):
            return self.source.read(self.first, self.last)
        if len(self) == len(self.source):
            return self.source
        return self.source[self.first : self.last]
