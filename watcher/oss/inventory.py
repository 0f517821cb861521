"""A bucket inventory as a source of pages, in place of a listing.

An inventory is a picture of the bucket as it was when OSS began to scan it (`Manifest.made_at`).  Objects written since
are not in it or may not be, and some that are in it may be gone: a scan must follow.
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
from watcher.oss.inventory_rows import Rows, Skipped
from watcher.texts import WrongEncodingError, without_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.oss.manifest import InventoryFile, Manifest
    from watcher.oss.reading import ObjectBody, ObjectReader
    from watcher.ports import Clock

PAGE_SIZE: Final = 1000
_LONGEST_LINE: Final = 64 * 1024  # characters; a key has at most 1023 bytes, each three characters when encoded
_CURE: Final = "Name the manifest.json of another inventory, or list the bucket instead."


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the rows read so far were."""

    rows: int = 0
    listed: int = 0  # objects in pages
    not_utf8: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _Batch:
    """Rows of one file, read together."""

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
    """`ports.Snapshot`: the objects of one inventory below a prefix; `tally` adds up while its pages are read."""

    def __init__(
        self,
        reader: ObjectReader,
        manifest: Manifest,
        *,
        prefix: str,
        clock: Clock,
        files_at_once: int = 4,
        read: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self._reader = reader  # of nobody else: it counts what the files take
        self._read = read  # told when every file was read and is what the manifest says
        self._manifest = manifest
        self._rows = Rows(manifest, prefix=prefix)
        self._clock = clock
        self._files_at_once = files_at_once
        self.bucket = manifest.source_bucket
        self.prefix = prefix
        self.tally = Tally()

    @property
    def as_of(self) -> int:
        """When OSS began to make it: milliseconds since the epoch."""
        return self._manifest.made_at

    @property
    def calls(self) -> int:
        """GetObject requests for its files so far."""
        return self._reader.requests

    @property
    def n_bytes(self) -> int:
        """Of its files so far, compressed."""
        return self._reader.n_bytes

    def pages(self) -> Iterator[Page]:
        """Yield the objects, up to 1000 a page; keys ascend within a page, and the pages come in no order.

        A page's `at` is the `Date` of the answer that brought its file; `last_key` is "": there is no place to go on
        from.  The last page holds nothing and has `is_last`.  Pages that end without one were cut short: the process
        is stopping.  Holds a few pages for each file that is being read.

        Raises:
            CloudError: a file could not be had, or is not what the manifest says.  A checksum is known to agree only
                at the end of its file: objects yielded before that were read as they stand there, and nothing is
                complete.
        """
        belt, at, left = _Belt(2 * self._files_at_once), self._manifest.read_at, len(self._manifest.files)
        pool = ThreadPoolExecutor(self._files_at_once, thread_name_prefix="inventory")
        try:
            readings = [pool.submit(self._bring, number, belt) for number in range(left)]
            while left:
                if self._clock.wait(0):
                    return
                match belt.take():
                    case None:
                        continue
                    case _Batch() as batch:
                        at = max(at, batch.at)
                        self._count(batch)
                        yield _page(batch)
                    case number:
                        readings[number].result()
                        left -= 1
            self._read(self.tally)
            yield _page(_Batch(at=at), is_last=True)
        finally:
            belt.close()
            pool.shutdown(cancel_futures=True)

    def _count(self, batch: _Batch) -> None:
        self.tally.rows += batch.rows
        self.tally.listed += len(batch.objects)
        self.tally.not_utf8 += len(batch.not_utf8)
        self.tally.skipped += batch.skipped

    def _bring(self, number: int, belt: _Belt) -> None:
        """Put one file on the belt, batch by batch, and its number behind it, whatever happens."""
        file = self._manifest.files[number]
        try:
            with self._reader.open(file.key) as body:
                checked = _Checked(body, file)
                for batch in self._batches(checked):
                    belt.put(batch)
                checked.verify()
        finally:
            belt.put(number)

    def _batches(self, checked: _Checked) -> Iterator[_Batch]:
        batch = _Batch(at=checked.at)
        table = csv.reader(checked.lines(), strict=True)
        try:
            for row in table:
                if not row or (table.line_num == 1 and self._rows.is_header(row)):
                    continue
                batch.add(self._rows.read(row))
                if len(batch.objects) == PAGE_SIZE or batch.rows == 10 * PAGE_SIZE:
                    yield batch
                    batch = _Batch(at=checked.at)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise CloudError(f"{checked.name} is no whole gzip file", hint=_CURE) from None
        except WrongEncodingError as error:
            raise CloudError(f"{checked.name} {error}", hint=_CURE) from None
        except (csv.Error, ValueError) as error:
            raise CloudError(f"{checked.name}, line {table.line_num}: {error}", hint=_CURE) from None
        if batch.rows:
            yield batch


class _Checked:
    """The lines of one file, while its compressed bytes are counted and digested."""

    def __init__(self, body: ObjectBody, file: InventoryFile) -> None:
        if body.size_bytes != file.size_bytes:
            raise CloudError(f"{body.name} has {body.size_bytes} bytes, not {file.size_bytes}", hint=_CURE)
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
        """Yield lines with their ends.

        Raises:
            ValueError: one is longer than any line of an inventory, or the text is not UTF-8.
        """
        source: Any = self  # `read` is all that gzip asks for
        with (
            gzip.GzipFile(fileobj=source, mode="rb") as plain,
            io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
        ):
            line = text.readline(_LONGEST_LINE)
            without_mark(line.encode("utf-8", "surrogateescape"))
            while line:
                if len(line) == _LONGEST_LINE:
                    raise ValueError("the line does not end")
                yield line
                line = text.readline(_LONGEST_LINE)

    def verify(self) -> None:
        """Refuse a file whose bytes, all read, are not those that the manifest speaks of."""
        if self._digest.hexdigest() != self._file.md5:
            raise CloudError(f"{self.name} does not agree with its MD5checksum in the manifest", hint=_CURE)


class _Belt:
    """A bounded queue that its readers can close under its writers."""

    def __init__(self, most: int) -> None:
        self._queue: queue.Queue[_Batch | int] = queue.Queue(most)
        self._closed = threading.Event()

    def put(self, item: _Batch | int) -> None:
        """Wait for room.

        Raises:
            InterruptedError: nobody reads any more.
        """
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                return
        raise InterruptedError

    def take(self) -> _Batch | int | None:
        """Return the next item, or None if none came in a second."""
        with suppress(queue.Empty):
            return self._queue.get(timeout=1)
        return None

    def close(self) -> None:
        """Send the writers home."""
        self._closed.set()


def _page(batch: _Batch, *, is_last: bool = False) -> Page:
    """Return a batch as a page; of a key that is in it twice, the version modified last."""
    by_key = {found.key: found for found in sorted(batch.objects, key=lambda found: found.modified_at)}
    return Page(
        objects=Objects.of(by_key[key] for key in sorted(by_key)),
        at=batch.at,
        last_key="",
        is_last=is_last,
        not_utf8=tuple(batch.not_utf8),
    )
