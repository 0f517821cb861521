"""A VOD of dictionaries, which fails on request; `test_contracts` proves its promises."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from tests.support.fakes import SLEEPING
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CallRefused,
    CloudError,
    Throttled,
    Unanswered,
    Unreachable,
)
from watcher.model import (
    NOT_MENTIONED,
    Accepted,
    BatchResult,
    Failure,
    Outcome,
    Refused,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.fakes import FakeBucket
    from watcher.model import CallOptions, Media


class FakeVod:
    """`ports.Registrar` that keeps one media a file URL, and fails as scheduled."""

    def __init__(self, store: FakeBucket) -> None:
        self._store = store
        self._lock = threading.RLock()
        self.media: dict[str, tuple[str, str]] = {}  # file URL -> media ID, key
        self.down: CloudError | None = None  # until somebody acts
        self.script: list[str] = []  # what befalls the next calls
        self.refusing: dict[str, int] = {}  # key -> so many times more
        self.poison: set[str] = set()  # keys for which a whole call is refused
        self.unmentioned: set[str] = set()  # keys that no answer ever mentions
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.calls = 0
        self.meanwhile: Callable[[], None] | None = None  # done once, while a call is under way

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:  # noqa: ARG002 (the port's)
        """See `ports.Registrar.register`."""
        with self._lock:
            self._store.fuse.passes("before the effect")
            self.calls += 1
            self.asked.update(media.key for media in batch)
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile:
                meanwhile()
            result = self._answer(batch, self.script.pop(0) if self.script else "")
            self._store.fuse.passes("after the effect")
            return result

    def _answer(self, batch: Sequence[Media], fault: str) -> BatchResult:
        if self.down:
            raise self.down
        if fault in _NO_EFFECT:
            raise _NO_EFFECT[fault]
        if fault == "silent":
            return _unanswered(batch)
        if bad := [media.key for media in batch if media.key in self.poison]:
            self.refused[bad[0]] += len(batch) == 1
            raise CallRefused("an item is malformed", code="InvalidParameter")
        unmentioned = [media.key for media in batch if media.key in self.unmentioned]
        if fault.startswith("missing"):
            unmentioned.append(batch[0].key)
        outcomes = {
            media.key: self._one(media)
            for media in batch
            if media.key not in self.unmentioned and (fault, media) != ("missing", batch[0])
        }
        if fault == "lost":
            return _unanswered(batch)
        outcomes |= {key: Unknown(message=NOT_MENTIONED, unmentioned=True) for key in unmentioned}
        return BatchResult(outcomes=outcomes, request_id=f"R{self.calls}")

    def _one(self, media: Media) -> Outcome:
        if media.file_url in self.media:
            return Accepted(media_id=self.media[media.file_url][0], new_register=False)
        found, left = self._store.get(media.key), self.refusing.get(media.key, 0)
        if left > 0:
            self.refusing[media.key] = left - 1
        if left or found is None or found.storage_class == SLEEPING:
            self.refused[media.key] += 1
            return Refused(reason=Failure.REFUSED, message="refused, and no reason given")
        self.media[media.file_url] = (f"M{len(self.media)}", media.key)
        return Accepted(media_id=self.media[media.file_url][0], new_register=True)


_NO_EFFECT: dict[str, CloudError] = {
    "account": AccountRefused("arrears", hint="pay"),
    "bucket": BucketRefused("not added", hint="add it"),
    "not sent": Unreachable("no connection"),
    "throttled": Throttled("slow down", retry_after_s=2.0),
}
FAULTS = (*_NO_EFFECT, "silent", "lost", "missing", "missing though registered")


def _unanswered(batch: Sequence[Media]) -> BatchResult:
    error = Unanswered("sent, and no answer")
    return BatchResult(
        outcomes={media.key: Unknown(message=str(error)) for media in batch}, error=error
    )
