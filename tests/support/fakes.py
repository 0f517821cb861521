"""A clock and a bucket of dictionaries, which fail on request.

`test_contracts` proves that they keep the promises.

Time and death are one for all of them: a process that is dead neither waits nor calls nor commits.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

from watcher.errors import BucketRefused
from watcher.errors import Unavailable as Down
from watcher.model import ObjectInfo, Objects, ObjectType, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START_MS = 1_800_000_000_000
PAGE = 3  # keys a page
FOR_GOOD = -1
SLEEPING = "ColdArchive"


class Killed(BaseException):
    """A power cut, as seen from inside."""


class Fuse:
    """Where the process dies: at the n-th passing of a place, and from then on everywhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place, self._left = "", 0
        self._dead = False

    def light(self, place: str, n: int) -> None:
        """Set the process to die at the n-th passing of `place`."""
        self._place, self._left, self._dead = place, n, False

    def put_out(self) -> None:
        """Start another process, which lives."""
        self.light("", 0)

    def passes(self, place: str) -> None:
        """Note that the process comes by `place`."""
        with self._lock:
            if place == self._place and not self._dead:
                self._left -= 1
                self._dead = self._left == 0
            if self._dead:
                raise Killed(place)


class FakeClock:
    """`ports.Clock` that moves when waited on.

    Ours may be set wrong; that of the service runs true.
    """

    def __init__(self, fuse: Fuse | None = None) -> None:
        self._fuse = fuse or Fuse()
        self._lock = threading.Lock()
        self._at_s = 0.0
        self.stopping = False
        self.wrong_ms = 0

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self.service_ms() + self.wrong_ms

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return self._at_s

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`."""
        self._fuse.passes("wait")
        with self._lock:
            if not self.stopping:
                self._at_s += max(0.0, seconds)
            return self.stopping

    def service_ms(self) -> int:
        """Return the `Date` of an answer."""
        return START_MS + int(self._at_s * 1000)


class FakeBucket:
    """All objects of one bucket, by their raw keys."""

    def __init__(self, name: str, clock: FakeClock, fuse: Fuse | None = None) -> None:
        self.name = name
        self.clock = clock
        self.fuse = fuse or Fuse()
        self.objects: dict[bytes, ObjectInfo] = {}
        self.fault, self.fault_after = "", 0  # of the listing, behind so many pages
        self.head_fails = False
        self.ended = False  # whether an answer came to the end since this was last reset
        self.answers = self.pages_read = 0
        self.meanwhile: Callable[[], None] | None = None  # happens once, behind the next answer
        self.before_list: Callable[[str], None] | None = (
            None  # called with the prefix of each listing call
        )
        self._writes = 0

    def put(
        self,
        key: str,
        *,
        size: int = 5,
        age_s: float = 0,
        raw: bytes = b"",
        kind: ObjectType = ObjectType.NORMAL,
    ) -> None:
        """Put an object; `age_s` dates it back."""
        self._writes += 1
        at = self.clock.service_ms() // 1000 * 1000 - int(age_s * 1000)
        self.objects[raw or key.encode()] = ObjectInfo(key, f"E{self._writes}", size, at, kind)

    def get(self, key: str) -> ObjectInfo | None:
        """Return an object, or None."""
        return self.objects.get(key.encode())

    def below(self, prefix: str) -> FakeSource:
        """Return what lists it."""
        return FakeSource(self, prefix)


class FakeAnswer:
    """`ports.ListAnswer` around a page."""

    def __init__(self, page: Page, store: FakeBucket | None = None) -> None:
        self._page = page
        self._store = store
        self._rows = [repr(each).encode() for each in (*page.objects, *page.not_utf8)]
        self.at, self.n_bytes, self.asked_rest_s = page.at, sum(map(len, self._rows)), 0.0
        self.requests = 1

    def page(self) -> Page:
        """See `ports.ListAnswer.page`."""
        if self._store:
            self._store.pages_read += 1
        return self._page

    def digest(self, n: int) -> tuple[int, bytes]:
        """See `ports.ListAnswer.digest`."""
        if n > len(self._rows):
            raise ValueError(n)
        listed = b"".join(self._rows[:n])
        return len(listed), hashlib.sha256(listed).digest()

    def repeats(self, n_bytes: int, digest: bytes, *, n: int, to_the_end: bool) -> bool:
        """See `ports.ListAnswer.repeats`."""
        listed = b"".join(self._rows)
        same = n_bytes <= len(listed) and hashlib.sha256(listed[:n_bytes]).digest() == digest
        return same and (not to_the_end or (self._page.is_last and n == len(self._rows)))


class FakeSource:
    """`ports.Source` over a fake bucket."""

    def __init__(self, store: FakeBucket, prefix: str) -> None:
        self._store = store
        self.bucket = store.name
        self.prefix = prefix

    def list_objects(
        self, *, start_after: str = "", token: str = "", max_keys: int = PAGE
    ) -> FakeAnswer:
        """See `ports.Source.list_objects`."""
        store, after = self._store, bytes.fromhex(token) if token else start_after.encode()
        store.fuse.passes("page")
        if store.before_list:
            store.before_list(self.prefix)
        self._fail()
        keys = [
            raw
            for raw in sorted(store.objects)
            if raw.startswith(self.prefix.encode()) and raw > after
        ]
        page = self._page([] if store.fault == "empty" else keys, min(PAGE, max_keys))
        store.fault_after -= 1
        if store.fault == "stop" and store.fault_after < 0:
            store.clock.stopping = True
        if store.fault == "cut" and store.fault_after < 0:
            return FakeAnswer(Page(objects=Objects.of(), at=page.at, last_key="", is_last=False))
        store.ended = store.ended or page.is_last
        store.answers += 1
        meanwhile, store.meanwhile = store.meanwhile, None
        if meanwhile:
            meanwhile()
        return FakeAnswer(page, store)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ports.Source.head`."""
        if self._store.head_fails:
            raise Down("no answer to HEAD")
        return self._store.get(key)

    def _fail(self) -> None:
        store = self._store
        if store.fault_after <= 0 and store.fault == "once":
            store.fault = ""
            raise Down("the page could not be had")
        if store.fault_after <= 0 and store.fault == "error":
            raise BucketRefused("no access", answered_at=store.clock.service_ms() // 1000 * 1000)

    def _page(self, keys: Sequence[bytes], most: int) -> Page:
        here = keys[:most]
        objects = Objects.of(found for raw in here if (found := self._store.objects[raw]).key)
        is_last = len(keys) <= most
        return Page(
            objects=objects,
            at=self._store.clock.service_ms() // 1000 * 1000,
            last_key=objects[-1].key if objects else "",
            next_token=here[-1].hex()
            if here and not is_last and not self._store.objects[here[-1]].key
            else "",
            is_last=is_last,
            not_utf8=tuple(raw for raw in here if not self._store.objects[raw].key),
        )
