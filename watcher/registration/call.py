"""Make one call for a claim, find out what its answer means, and settle the claim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CallSuppressed,
    CloudError,
    Throttled,
    Unreachable,
)
from watcher.model import (
    LONG_STREAK,
    Accepted,
    BatchResult,
    CallOptions,
    Claim,
    Entry,
    Failure,
    Media,
    ObjectInfo,
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

    from watcher.ledger.port import SettlementWriter
    from watcher.ports import Clock, Registrar
    from watcher.registration.breaker import Breakers

_OWN_PACE = (
    AccountRefused,
    BucketRefused,
    CallSuppressed,
)  # a breaker decides when its entries are asked again
_NO_EFFECT = (AccountRefused, BucketRefused, Unreachable, Throttled)


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
    concurrent_calls: int
    patience_s: float  # waits this long for the next attempt; infinity = for all of them


class BatchCaller:
    """Make the calls of claims from any thread, and report the answers to the breakers."""

    def __init__(
        self,
        ledger: SettlementWriter,
        registrar: Registrar,
        *,
        breakers: Breakers,
        describe: Callable[[Entry], Media],
        head: Callable[[str, str], ObjectInfo | None],
        clock: Clock,
        jitter: Callable[[], float],
        policy: Policy,
        emit: Callable[..., None],
    ) -> None:
        self._ledger = ledger
        self._registrar = registrar
        self.breakers = breakers
        self._describe = describe
        self._head = head  # (bucket, key); raises CloudError
        self._clock = clock
        self._jitter = jitter
        self._policy = policy
        self._emit = emit

    def run(self, group: Group, claim: Claim, begun: float) -> Settled:
        """Make the call for a claim admitted at `begun`, if one can be made, and settle it."""
        self.breakers.carry_out(begun)
        media = [self._describe(entry) for entry in claim.entries]
        if too_long(media[0]):
            self.breakers.no_call(group.bucket)
            return self._settle(
                claim, media, BatchResult(outcomes={item.key: _unsendable(item) for item in media})
            )
        result = self._ask(group, media)
        if isinstance(result.error, CloudError):
            self.breakers.failed(group.bucket, result.error)
        else:
            self.breakers.answered(group.bucket)
        result = self._with_reasons(group.bucket, result)
        settled = self._settle(claim, media, result)
        self._follow_streak(group.bucket, result, settled)
        return settled

    def _ask(self, group: Group, media: Sequence[Media]) -> BatchResult:
        try:
            return self._registrar.register(media, group.options)
        except CloudError as error:
            return BatchResult(
                outcomes={item.key: Unknown(message=str(error)) for item in media},
                request_id=error.request_id,
                error=error,
            )

    def _follow_streak(self, bucket: str, result: BatchResult, settled: Settled) -> None:
        """Report to the breakers what the outcomes say of the bucket as a whole."""
        if result.error is not None:
            return
        if settled.streak_ended:
            self.breakers.streak_ended(bucket)
        if any(
            isinstance(outcome, Refused) and not outcome.is_its_own
            for outcome in result.outcomes.values()
        ):
            if settled.streak >= LONG_STREAK:
                self.breakers.streak(bucket, settled.streak)
        elif all(isinstance(outcome, Unknown) for outcome in result.outcomes.values()):
            self.breakers.inconclusive(bucket)
        else:
            self.breakers.no_call(bucket)

    def _due_in_ms(self, entry: Entry, result: BatchResult, jitter: float, *, now_ms: int) -> int:
        """Return how long to wait before an entry is asked again, if it is."""
        outcome, error = result.outcomes[entry.key], result.error
        if isinstance(
            outcome, Refused
        ):  # the first says nothing of the object yet: alone, and at once
            return self._delay_ms(entry.attempts, jitter) if entry.attempts else 0
        if isinstance(outcome, Unknown) and outcome.unmentioned:
            if (
                len(result.outcomes) > 1
            ):  # perhaps spelled in another way: alone next, in its place in the queue
                return min(0, entry.due_at - now_ms)
            return self._delay_ms(entry.doubts + 1, jitter)
        if not isinstance(error, CloudError) or isinstance(error, _OWN_PACE):
            return 0
        return self._delay_ms(1, jitter, retry_after_ms=int(error.retry_after_s * 1000))

    def _delay_ms(self, attempts: int, jitter: float, *, retry_after_ms: int = 0) -> int:
        return delay_ms(
            attempts,
            first_ms=self._policy.first_delay_ms,
            max_ms=self._policy.max_delay_ms,
            jitter=jitter,
            retry_after_ms=retry_after_ms,
        )

    def _with_reasons(self, bucket: str, result: BatchResult) -> BatchResult:
        """Look at the objects that VOD refused: it gives no reason, they may."""
        outcomes = dict(result.outcomes)
        for key, outcome in result.outcomes.items():
            if isinstance(outcome, Refused) and not outcome.final:
                try:
                    outcomes[key] = _reason(self._head(bucket, key)) or outcome
                except CloudError:  # nothing to be learnt now; the others would wait as long
                    break
        return replace(result, outcomes=outcomes)

    def _settle(self, claim: Claim, media: Sequence[Media], result: BatchResult) -> Settled:
        now_ms = self._clock.now_ms()
        jitter = self._jitter()  # one for all: what was asked together is asked together again
        settled = self._ledger.settle(
            claim,
            [
                Settlement(
                    entry=entry,
                    outcome=result.outcomes[entry.key],
                    due_at=now_ms + self._due_in_ms(entry, result, jitter, now_ms=now_ms),
                    sent=not isinstance(result.error, _NO_EFFECT),
                )
                for entry in claim.entries
            ],
            request_id=result.request_id,
            max_attempts=self._policy.max_attempts,
            now_ms=now_ms,
        )
        if not isinstance(result.error, CallSuppressed):  # else there was no call
            self._log(claim, media, result, settled)
        return settled

    def _log(
        self, claim: Claim, media: Sequence[Media], result: BatchResult, settled: Settled
    ) -> None:
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
                {"FileURL": urls[key], "MediaId": o.media_id, "NewRegister": o.new_register}
                for key, o in accepted
            ],
            FailedFileURLs=refused,
            **({"pending": len(unknown), "reason": unknown[0]} if unknown else {}),
        )
        entries, now_ms = {entry.key: entry for entry in claim.entries}, self._clock.now_ms()
        for key, outcome in accepted:
            self._emit(
                logs.MEDIA_REGISTERED,
                watch=entries[key].watch,
                key=key,
                media_id=outcome.media_id,
                new_register=outcome.new_register,
                after_s=max(0, now_ms - entries[key].modified_at) / 1000,
            )
        for key, reason, message in settled.failed:
            self._emit(
                logs.MEDIA_FAILED,
                watch=entries[key].watch if key in entries else claim.entries[0].watch,
                bucket=claim.entries[0].bucket,
                key=key,
                reason=str(reason),
                message=message,
                RequestId=result.request_id,
            )


def _reason(found: ObjectInfo | None) -> Refused | None:
    """Return why VOD cannot take an object, as far as the object itself shows."""
    if found is None:
        return Refused(
            reason=Failure.GONE, message="the object is no longer in the bucket", final=True
        )
    if found.storage_class in ARCHIVE_CLASSES and not found.restored:
        message = f"the object is in class {found.storage_class}: restore it"
        return Refused(reason=Failure.ARCHIVED, message=message, final=True)
    return None


def too_long(item: Media) -> bool:
    """Return whether VOD would refuse the item for the length of its URL alone."""
    return len(item.file_url.encode()) > MAX_FILE_URL_BYTES


def _unsendable(item: Media) -> Refused:
    size = len(item.file_url.encode())
    return Refused(
        reason=Failure.FILE_URL_TOO_LONG,
        message=(
            f"the file URL has {size} bytes, VOD takes {MAX_FILE_URL_BYTES}: give the object a "
            "shorter name"
        ),
        final=True,
    )
