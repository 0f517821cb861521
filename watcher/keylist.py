"""A list of keys in the place of a listing: each is looked at by a HEAD of its own."""

from __future__ import annotations

from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.errors import CloudError, HeldBack
from watcher.model import ObjectInfo, Objects, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from watcher.ports import Clock, Source

_GROUP = 200  # keys in one page

Named = tuple[str, str]  # (bucket, key)


@dataclass(slots=True, kw_only=True)
class KeyAnswer:
    """`ports.Answer`: what became of some keys."""

    at: int
    requests: int
    found: Page
    n_bytes: int = 0
    asked_rest_s: float = 0.0

    def page(self) -> Page:
        """See `ports.Answer.page`."""
        return self.found

    def digest(self, n: int) -> tuple[int, bytes]:  # noqa: ARG002 (the port's)
        """Prove nothing: no bytes were listed."""
        return 0, b""

    def repeats(self, n_bytes: int, digest: bytes, *, n: int, to_the_end: bool) -> bool:  # noqa: ARG002
        """Recognise nothing."""
        return False


class KeyList:
    """`ports.Source` with those of the given keys that are there; for one request at a time."""

    def __init__(
        self,
        inner: Source,
        keys: Iterable[str],
        *,
        clock: Clock,
        concurrency: int,
        pace: Callable[[], bool],
        gone: Callable[[str, str], None],
    ) -> None:
        self._inner = inner
        self._keys = sorted(set(keys))
        self._clock = clock
        self._concurrency = concurrency
        self._pace = pace  # waits until the next HEAD may be made; False: no more
        self._gone = gone  # told (bucket, key) of each that is not there
        self._zero: tuple[int, float] | None = None  # OSS's clock in milliseconds, and ours in seconds
        self._seen: dict[str, ObjectInfo | None] = {}  # of the page under way: a second try asks for the rest
        self.bucket = inner.bucket
        self.prefix = inner.prefix

    def list_objects(self, *, start_after: str = "", token: str = "", max_keys: int = _GROUP) -> KeyAnswer:  # noqa: ARG002
        """See `ports.Source.list_objects`.  At most 200 keys are asked for at once.

        Raises:
            CloudError: one could not be had, or the process is stopping; of the others it is known.
        """
        first = bisect_right(self._keys, start_after) if start_after else 0
        group = self._keys[first : first + min(max_keys, _GROUP)]
        requests = len(group) - len(self._seen) + (self._zero is None)
        at = self._date()
        if not self._look_at(group):
            raise HeldBack("the watcher is stopping; not every key was asked for")
        found = [(key, self._seen[key]) for key in group]
        self._seen.clear()
        for key, listed in found:
            if listed is None:
                self._gone(self.bucket, key)
        page = Page(
            objects=Objects.of(listed for _, listed in found if listed),
            at=at,
            last_key=group[-1] if group else "",
            is_last=first + len(group) >= len(self._keys),
        )
        return KeyAnswer(at=at, requests=requests, found=page)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ports.Source.head`."""
        return self._inner.head(key)

    def _date(self) -> int:
        """Return OSS's clock, which the first answer tells."""
        if self._zero is None:
            self._zero = self._inner.list_objects(max_keys=1).at, self._clock.monotonic()
        at, then = self._zero
        return at + int((self._clock.monotonic() - then) * 1000)

    def _look_at(self, group: Sequence[str]) -> bool:
        """Learn of each key what there is; return whether all were asked for.

        Raises:
            CloudError: one could not be had; of the others it is known.
        """
        missing = [key for key in group if key not in self._seen]
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="head") as pool:
            errors = list(filter(None, pool.map(self._look_at_one, missing)))
        if errors:
            raise errors[0]
        return all(key in self._seen for key in group)

    def _look_at_one(self, key: str) -> CloudError | None:
        if not self._pace():
            return None
        try:
            self._seen[key] = self._inner.head(key)
        except CloudError as error:
            return error
        return None


def share_out(
    named: Iterable[Named], watches: Mapping[str, tuple[str, str]]
) -> tuple[dict[str, list[str]], list[Named]]:
    """Return the keys below each watch, given as {name: (bucket, prefix)}, and what is below none."""
    shares: dict[str, list[str]] = {name: [] for name in watches}
    outside = []
    for bucket, key in named:
        names = [name for name, (b, prefix) in watches.items() if b == bucket and key.startswith(prefix)]
        for name in names:
            shares[name].append(key)
        if not names:
            outside.append((bucket, key))
    return shares, outside
