"""A bucket inventory as a source of pages, instead of a listing.

An inventory shows the bucket at the moment when OSS began to scan it (`Manifest.made_at`). It
may lack newer objects and may list deleted ones, so a scan must follow.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import queue
import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from watcher.errors import CloudError
from watcher.model import ObjectInfo, Objects, Page
from watcher.model.decoding import WrongEncodingError, without_mark
from watcher.oss.inventory_rows import RowReader, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.oss.manifest import InventoryFile, Manifest
    from watcher.oss.object_reader import ObjectBody, ObjectReader
    from watcher.ports import Clock

PAGE_SIZE: Final = 1000
_LONGEST_LINE: Final = 64 * 1024  # characters; a key has up to 1,023 bytes, 3 characters each
_CURE: Final = "Name the manifest.json of another inventory, or list the bucket instead."


@dataclass(slots=True, kw_only=True)
class InventoryCounts:
    """Counts of the rows read so far."""

    rows: int = 0
    listed: int = 0  # objects in pages
    not_utf8: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _RowBatch:
    """Consecutive rows of one file."""

    at: int
    objects: list[ObjectInfo] = field(default_factory=list)
    not_utf8: list[bytes] = field(default_factory=list)
    skipped: Counter[Skipped] = field(default_factory=Counter)
    rows: int = 0

    def add(self, found: ObjectInfo | Skipped | bytes) -> None:
        self.rows += 1
        match found:
            case ObjectInfo():
                self.objects.append(found)
            case bytes():
                self.not_utf8.append(found)
            case Skipped():
                self.skipped[found] += 1


class Inventory:
    """`ports.Snapshot`: the objects of one inventory below a prefix.

    `counts` grows while the pages are read.
    """

    def __init__(
        self,
        reader: ObjectReader,
        manifest: Manifest,
        *,
        prefix: str,
        clock: Clock,
        files_at_once: int = 4,
        on_complete: Callable[[InventoryCounts], None] = lambda _: None,
    ) -> None:
        self._reader = reader  # not shared: it counts the requests for these files
        self._on_complete = on_complete  # called once every file was read and verified
        self._manifest = manifest
        self._rows = RowReader(manifest, prefix=prefix)
        self._clock = clock
        self._files_at_once = files_at_once
        self.bucket = manifest.source_bucket
        self.prefix = prefix
        self.counts = InventoryCounts()

    @property
    def as_of(self) -> int:
        """When OSS began to make the inventory: milliseconds since the epoch."""
        return self._manifest.made_at

    @property
    def calls(self) -> int:
        """GetObject requests for its files so far."""
        return self._reader.requests

    @property
    def n_bytes(self) -> int:
        """Bytes of its files so far, compressed."""
        return self._reader.n_bytes

    def pages(self) -> Iterator[Page]:
        """Yield the objects, up to 1000 a page. Keys ascend within a page; pages have no order.

        A page's `at` is the `Date` of the answer with its file. `last_key` is "": an inventory
        cannot be resumed. The last page is empty and has `is_last`. Without a last page the
        process is stopping. Memory: a few pages for each file being read.

        Raises:
            CloudError: a file could not be read, or differs from the manifest. The checksum
                proves a file only at its end, so pages of that file may come before the error.
        """
        at = self._manifest.read_at
        for batch in self._row_batches():
            if batch is None:
                self._on_complete(self.counts)
                yield _page(_RowBatch(at=at), is_last=True)
                return
            at = max(at, batch.at)
            self._count(batch)
            yield _page(batch)

    def _row_batches(self) -> Iterator[_RowBatch | None]:
        """Yield the rows of all files, read in parallel, and then None.

        A stop request ends them before that.
        """
        left = len(self._manifest.files)
        batches = _BoundedQueue(2 * self._files_at_once)
        pool = ThreadPoolExecutor(self._files_at_once, thread_name_prefix="inventory")
        try:
            readings = [pool.submit(self._read_file, number, batches) for number in range(left)]
            while left:
                if self._clock.wait(0):
                    return
                match batches.get():
                    case None:
                        continue
                    case _RowBatch() as batch:
                        yield batch
                    case number:
                        readings[number].result()
                        left -= 1
            yield None
        finally:
            batches.close()
            pool.shutdown(cancel_futures=True)

    def _count(self, batch: _RowBatch) -> None:
        self.counts.rows += batch.rows
        self.counts.listed += len(batch.objects)
        self.counts.not_utf8 += len(batch.not_utf8)
        self.counts.skipped += batch.skipped

    def _read_file(self, number: int, batches: _BoundedQueue) -> None:
        """Queue one file, batch by batch, and in the end its number, even after an error."""
        file = self._manifest.files[number]
        try:
            with self._reader.open(file.key) as body:
                checked = _CheckedFile(body, file)
                for batch in self._batches(checked):
                    batches.put(batch)
                checked.verify()
        finally:
            batches.put(number)

    def _batches(self, checked: _CheckedFile) -> Iterator[_RowBatch]:
        batch = _RowBatch(at=checked.at)
        table = csv.reader(checked.lines(), strict=True)
        try:
            for row in table:
                if not row or (table.line_num == 1 and self._rows.is_header(row)):
                    continue
                batch.add(self._rows.read(row))
                if len(batch.objects) == PAGE_SIZE or batch.rows == 10 * PAGE_SIZE:
                    yield batch
                    batch = _RowBatch(at=checked.at)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise CloudError(f"{checked.name} is not a whole gzip file", hint=_CURE) from None
        except WrongEncodingError as error:
            raise CloudError(f"{checked.name} {error}", hint=_CURE) from None
        except (csv.Error, ValueError) as error:
            raise CloudError(
                f"{checked.name}, line {table.line_num}: {error}", hint=_CURE
            ) from None
        if batch.rows:
            yield batch


class _CheckedFile:
    """The lines of one file, checked against the size and MD5 of the manifest."""

    def __init__(self, body: ObjectBody, file: InventoryFile) -> None:
        if body.size_bytes != file.size_bytes:
            raise CloudError(
                f"{body.name} has {body.size_bytes} bytes, not {file.size_bytes}", hint=_CURE
            )
        self._body = body
        self._file = file
        self._digest = hashlib.md5(usedforsecurity=False)
        self.name = body.name
        self.at = body.at

    def read(self, most: int = 64 * 1024) -> bytes:
        """Return the next compressed bytes."""
        got = self._body.read(most)
        self._digest.update(got)
        return got

    def lines(self) -> Iterator[str]:
        """Yield lines with their line ends.

        Raises:
            ValueError: a line is too long for an inventory, or the text is not UTF-8.
        """
        source: Any = self  # `read` is all that gzip asks for
        with (
            gzip.GzipFile(fileobj=source, mode="rb") as plain,
            io.TextIOWrapper(
                plain, encoding="utf-8-sig", errors="surrogateescape", newline=""
            ) as text,
        ):
            line = text.readline(_LONGEST_LINE)
            without_mark(line.encode("utf-8", "surrogateescape"))
            while line:
                if len(line) == _LONGEST_LINE:
                    raise ValueError("the line does not end")
                yield line
                line = text.readline(_LONGEST_LINE)

    def verify(self) -> None:
        """Compare the MD5 of all bytes with the manifest, once the file is read.

        Raises:
            CloudError: they differ.
        """
        if self._digest.hexdigest() != self._file.md5:
            raise CloudError(
                f"{self.name} does not match its MD5checksum in the manifest", hint=_CURE
            )


class _BoundedQueue:
    """A bounded queue that its reader can close while writers wait."""

    def __init__(self, most: int) -> None:
        self._queue: queue.Queue[_RowBatch | int] = queue.Queue(most)
        self._closed = threading.Event()

    def put(self, item: _RowBatch | int) -> None:
        """Wait for room, then add an item.

        Raises:
            InterruptedError: the queue was closed.
        """
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                return
        raise InterruptedError

    def get(self) -> _RowBatch | int | None:
        """Return the next item, or None after a second without one."""
        with suppress(queue.Empty):
            return self._queue.get(timeout=1)
        return None

    def close(self) -> None:
        """Make each `put` raise."""
        self._closed.set()


def _page(batch: _RowBatch, *, is_last: bool = False) -> Page:
    """Return a batch as a page. Of a key in it twice, keep the version modified last."""
    by_key = {
        found.key: found for found in sorted(batch.objects, key=lambda found: found.modified_at)
    }
    return Page(
        objects=Objects.of(by_key[key] for key in sorted(by_key)),
        at=batch.at,
        last_key="",
        is_last=is_last,
        not_utf8=tuple(batch.not_utf8),
    )
