"""A bucket that only lists: keys in byte order, pages of any size, changes between requests."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right, insort
from typing import TYPE_CHECKING

from watcher.errors import StartAfterIgnored, Throttled
from watcher.model import ObjectInfo, Objects, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class ListedAnswer:
    """`ports.ListAnswer` over objects."""

    at = 1
    asked_rest_s = 0.0
    requests = 1
    pages_read = 0  # of all answers

    def __init__(
        self, objects: Sequence[ObjectInfo], *, is_last: bool, above: str = "", token: str = ""
    ) -> None:
        self._objects = objects
        self._is_last = is_last
        self._above = above  # no key may come before it
        self._token = token
        self.n_bytes = len(self._bytes(len(objects)))

    def page(self) -> Page:
        """See `ports.ListAnswer.page`."""
        ListedAnswer.pages_read += 1
        if self._objects and self._objects[0].key <= self._above:
            raise StartAfterIgnored("out of order")
        return Page(
            objects=Objects.of(self._objects),
            at=self.at,
            last_key=self._objects[-1].key if self._objects else "",
            token=self._token,
            is_last=self._is_last,
        )

    def digest(self, n: int) -> tuple[int, bytes]:
        """See `ports.ListAnswer.digest`."""
        listed = self._bytes(n)
        return len(listed), hashlib.sha256(listed).digest()

    def repeats(self, n_bytes: int, digest: bytes, *, n: int, to_the_end: bool) -> bool:
        """See `ports.ListAnswer.repeats`."""
        if to_the_end and not (self._is_last and len(self._objects) == n):
            return False
        return hashlib.sha256(self._bytes(len(self._objects))[:n_bytes]).digest() == digest

    def _bytes(self, n: int) -> bytes:
        return "".join(
            f"<{each.key}|{each.etag}|{each.size_bytes}>" for each in self._objects[:n]
        ).encode()


class ListedBucket:
    """`ports.Source` over a sorted list of keys; `meanwhile` is done after each request."""

    bucket = "media-bucket"

    def __init__(self, keys: Iterable[str], *, prefix: str = "", page_size: int = 1000) -> None:
        self.objects = {key: ObjectInfo(key, "E", 1, 0) for key in keys}
        self._order = sorted(self.objects)
        self._lock = threading.RLock()
        self._page_size = page_size
        self.prefix = prefix
        self.requests: list[str] = []  # `start-after` of each
        self.ignores_start_after = False
        self.throttles: list[int] = []  # the numbers of the requests that are too many
        self.meanwhile: Callable[[], None] = lambda: None

    @property
    def keys(self) -> list[str]:
        """The objects to be listed now."""
        return [key for key in self._order if key.startswith(self.prefix)]

    def put(self, key: str, *, etag: str = "E") -> None:
        """Add or replace an object."""
        if key not in self.objects:
            insort(self._order, key)
        self.objects[key] = ObjectInfo(key, etag, 1, 0)

    def delete(self, key: str) -> None:
        """Remove an object."""
        del self.objects[key]
        self._order.remove(key)

    def list_objects(
        self, *, start_after: str = "", token: str = "", max_keys: int = 1000
    ) -> ListedAnswer:
        """See `ports.Source.list_objects`."""
        with self._lock:
            self.requests.append(start_after or token)
            if len(self.requests) in self.throttles:
                raise Throttled("slow down")
            behind = token or ("" if self.ignores_start_after else start_after)
            limit = min(max_keys, self._page_size)
            keys = self.keys if self.prefix else self._order
            first = bisect_right(keys, behind)
            here = [self.objects[key] for key in keys[first : first + limit]]
            token = here[-1].key if here else ""
            answer = ListedAnswer(
                here, is_last=first + limit >= len(keys), above=start_after, token=token
            )
            self.meanwhile()
            return answer

    def head(self, key: str) -> ObjectInfo | None:
        """See `ports.Source.head`."""
        return self.objects.get(key)
