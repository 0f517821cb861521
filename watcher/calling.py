"""Use case, one call of it: make the call for a claim, find out what it means, and settle it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watcher.errors import AccountRefused, BucketRefused, CloudError, Throttled
from watcher.model import (
    Accepted,
    BatchResult,
    CallOptions,
    Claim,
    Entry,
    Failure,
    Media,
    ObjectInfo,
    Outcome,
    Refused,
    Settled,
    Settlement,
    Unknown,
)
from watcher.observe import logs
from watcher.rules.backoff import delay_ms
from watcher.rules.file_url import MAX_FILE_URL_BYTES
from watcher.rules.selection import ARCHIVE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ports import Clock, Registrar

_LONGEST_REST_S = 60.0
_UNREACHABLE = 3  # calls in a row without a trustworthy answer: from then on one at a time, and rests between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Entries that may share a call: one bucket, one set of call-level options."""

    bucket: str
    watches: tuple[str, ...]
    options: CallOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often, how long, how much."""

    max_attempts: int
    first_delay_ms: int
    max_delay_ms: int
    max_bytes: int | None  # of RegisterMetadatas on the wire; None = no limit
    concurrent_calls: int
    patience_s: float  # waits this long for the next attempt, and for one trustworthy answer


class Settles(Protocol):
    """The ledger, as far as one call is concerned."""

    def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, request_id: str, max_attempts: int, now_ms: int
    ) -> Settled:
        """Write down what came of a claim; see `ledger.queue`."""
        ...


class Calling:
    """Carries out claims, from any number of threads, and notes what the answers say of the service."""

    def __init__(
        self,
        ledger: Settles,
        registrar: Registrar,
        *,
        describe: Callable[[Entry], Media],
        head: Callable[[str, str], ObjectInfo | None],
        clock: Clock,
        jitter: Callable[[], float],
        policy: Policy,
        emit: Callable[..., None],
    ) -> None:
        self._ledger = ledger
        self._registrar = registrar
        self._describe = describe
        self._head = head  # (bucket, key); raises CloudError
        self._clock = clock
        self._jitter = jitter
        self._policy = policy
        self._emit = emit
        self._noting = threading.Lock()
        self._streak = 0  # calls in a row without a trustworthy answer
        self._silent_since: float | None = None  # the first call that was not answered, or throttled
        self._silent_at = float("-inf")  # the last of `_streak`
        self._resting_until = 0.0
        self._doubt: CloudError | None = None  # what the last of them said
        self._account: CloudError | None = None
        self._buckets: dict[str, CloudError] = {}

    @property
    def halted(self) -> bool:
        """Whether calls stopped for the account or for a bucket."""
        return bool(self._account or self._buckets)

    @property
    def error(self) -> CloudError | None:
        """What stopped calls, or the last reason why none was answered."""
        return self._account or next(iter(self._buckets.values()), None) or self._doubt

    @property
    def unreachable(self) -> bool:
        """Whether calls are made one at a time, since none is answered."""
        return self._streak >= _UNREACHABLE

    @property
    def resting(self) -> bool:
        """Whether no call should be made right now."""
        return self.unreachable and self._clock.monotonic() < self._resting_until

    def open_to(self, bucket: str) -> bool:
        """Tell whether calls for `bucket` make sense in this run."""
        since = self._silent_since
        silent_s = 0.0 if since is None else self._clock.monotonic() - since
        return not self._account and bucket not in self._buckets and silent_s <= self._policy.patience_s

    def carry_out(self, group: Group, claim: Claim) -> Settled:
        """Make the call for a claim, unless none can be made, and settle it."""
        media = [self._describe(entry) for entry in claim.entries]
        if too_long(media[0]):
            return self._settle(claim, media, BatchResult(outcomes={item.key: _unsendable(item) for item in media}))
        began = self._clock.monotonic()
        try:
            result = self._registrar.register(media, group.options)
        except CloudError as error:
            self._note_error(group, error, began)
            result = BatchResult(outcomes={item.key: Unknown(message=str(error)) for item in media})
            retry_after_ms = int(error.retry_after_s * 1000)
            delay = 0 if isinstance(error, (AccountRefused, BucketRefused)) else self._delay(retry_after_ms)
            return self._settle(claim, media, result, delay=delay)
        self._note_answer(group, result, began)
        if len(media) == 1:
            result = self._with_reason(claim.entries[0], result)
        return self._settle(claim, media, result, delay=self._delay(0))

    def _note_answer(self, group: Group, result: BatchResult, began: float) -> None:
        """Note whether an answer could be trusted: one outcome that is not unknown is enough."""
        if isinstance(result.error, CloudError):
            self._note_error(group, result.error, began)
            return
        doubts = [outcome.message for outcome in result.outcomes.values() if isinstance(outcome, Unknown)]
        with self._noting:
            if len(doubts) == len(result.outcomes):
                hint = "The files are asked again; VOD registers each once."
                self._note_silence(CloudError(doubts[0], hint=hint), began)
            else:
                self._streak, self._silent_since, self._doubt = 0, None, None

    def _note_error(self, group: Group, error: CloudError, began: float) -> None:
        """Note whom an error stops."""
        with self._noting:
            if isinstance(error, AccountRefused):
                self._account = error
            elif isinstance(error, BucketRefused):
                self._buckets[group.bucket] = error
            elif isinstance(error, Throttled):  # an answer, and the rate is lowered already
                self._streak, self._doubt = 0, error
                self._silent_since = began if self._silent_since is None else self._silent_since
            else:
                self._note_silence(error, began)

    def _note_silence(self, doubt: CloudError, began: float) -> None:
        """Count calls that were under way together as one."""
        now = self._clock.monotonic()
        if began >= self._silent_at:
            self._streak += 1
            self._silent_at = now
            rest_s = min(_LONGEST_REST_S, self._delay(int(doubt.retry_after_s * 1000)) / 1000)
            self._resting_until = now + rest_s
        self._silent_since = began if self._silent_since is None else self._silent_since
        self._doubt = doubt

    def _delay(self, retry_after_ms: int, *, attempts: int = 0) -> int:
        """Return how long to wait before the next attempt, in milliseconds."""
        return delay_ms(
            max(1, self._streak, attempts),
            first_ms=self._policy.first_delay_ms,
            max_ms=self._policy.max_delay_ms,
            jitter=self._jitter(),
            retry_after_ms=retry_after_ms,
        )

    def _with_reason(self, entry: Entry, result: BatchResult) -> BatchResult:
        """Look at the object itself when VOD refused it alone: it gives no reason, the object may."""
        outcome = result.outcomes[entry.key]
        if not isinstance(outcome, Refused) or outcome.final:
            return result
        try:
            found = self._head(entry.bucket, entry.key)
        except CloudError:
            return result
        better: Outcome = outcome
        if found is None:
            better = Refused(reason=Failure.GONE, message="the object is no longer in the bucket", final=True)
        elif found.storage_class in ARCHIVE_CLASSES and not found.restored:
            better = Refused(
                reason=Failure.ARCHIVED, message=f"the object is in class {found.storage_class}: restore it", final=True
            )
        return BatchResult(outcomes={entry.key: better}, request_id=result.request_id)

    def _settle(self, claim: Claim, media: Sequence[Media], result: BatchResult, *, delay: int = 0) -> Settled:
        now_ms = self._clock.now_ms()
        settled = self._ledger.settle(
            claim,
            [
                Settlement(
                    entry=entry,
                    outcome=result.outcomes[entry.key],
                    due_at=now_ms + (self._after_refusal(entry) if _is_refused(entry, result) else delay),
                )
                for entry in claim.entries
            ],
            request_id=result.request_id,
            max_attempts=self._policy.max_attempts,
            now_ms=now_ms,
        )
        self._tell(claim, media, result, settled)
        return settled

    def _after_refusal(self, entry: Entry) -> int:
        """Return the delay after a refusal; the first says nothing of the object yet: alone, and at once."""
        return self._delay(0, attempts=entry.attempts) if entry.attempts else 0

    def _tell(self, claim: Claim, media: Sequence[Media], result: BatchResult, settled: Settled) -> None:
        urls = {item.key: item.file_url for item in media}
        accepted = [(key, o) for key, o in result.outcomes.items() if isinstance(o, Accepted)]
        refused = [urls[key] for key, o in result.outcomes.items() if isinstance(o, Refused)]
        unknown = [o.message for o in result.outcomes.values() if isinstance(o, Unknown)]
        self._emit(
            logs.BATCH_SETTLED,
            bucket=claim.entries[0].bucket,
            batch_id=claim.batch_id,
            RequestId=result.request_id,
            RegisteredMediaList=[
                {"FileURL": urls[key], "MediaId": o.media_id, "NewRegister": o.new_register} for key, o in accepted
            ],
            FailedFileURLs=refused,
            **({"unknown": len(unknown), "reason": unknown[0]} if unknown else {}),
        )
        for key, outcome in accepted:
            self._emit(logs.MEDIA_REGISTERED, key=key, media_id=outcome.media_id, new_register=outcome.new_register)
        for key, reason, message in settled.failed:
            self._emit(
                logs.MEDIA_FAILED,
                bucket=claim.entries[0].bucket,
                key=key,
                reason=str(reason),
                message=message,
                RequestId=result.request_id,
            )


def _is_refused(entry: Entry, result: BatchResult) -> bool:
    return isinstance(result.outcomes[entry.key], Refused)


def too_long(item: Media) -> bool:
    """Tell whether VOD would refuse the item for the length of its URL alone."""
    return len(item.file_url.encode()) > MAX_FILE_URL_BYTES


def _unsendable(item: Media) -> Refused:
    size = len(item.file_url.encode())
    return Refused(
        reason=Failure.FILE_URL_TOO_LONG,
        message=f"the file URL has {size} bytes, VOD takes {MAX_FILE_URL_BYTES}: give the object a shorter name",
        final=True,
    )
