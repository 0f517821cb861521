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
from watcher.registration.retry_times import RetryTimes
from watcher.registration.settlement_log import SettlementLog
from watcher.rules.file_url import MAX_FILE_URL_BYTES, is_too_long
from watcher.rules.selection import ARCHIVE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.port import SettlementWriter
    from watcher.ports import Clock, Registrar
    from watcher.registration.ticket import CallTicket
    from watcher.registration.verdict import Verdicts

_NO_EFFECT = (AccountRefused, BucketRefused, Unreachable, Throttled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Entries that may share a call: one bucket, one set of call-level options."""

    bucket: str
    watches: tuple[str, ...]
    options: CallOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often a file is tried, how long a run waits, and how many calls run at once."""

    max_attempts: int
    first_delay_ms: int
    max_delay_ms: int
    concurrent_calls: int
    patience_s: float  # waits this long for the next attempt; infinity = for all of them
    give_up_after_s: float  # without one entry decided; infinity = never


class BatchCaller:
    """Make the calls of claims from any thread, and report the answers to the breakers."""

    def __init__(
        self,
        ledger: SettlementWriter,
        registrar_for: Callable[[CallTicket], Registrar],
        *,
        verdicts: Verdicts,
        describe: Callable[[Entry], Media],
        head: Callable[[str, str], ObjectInfo | None],
        clock: Clock,
        jitter: Callable[[], float],
        policy: Policy,
        emit: Callable[..., None],
    ) -> None:
        self._ledger = ledger
        self._registrar_for = registrar_for
        self._verdicts = verdicts
        self._describe = describe
        self._head = head  # (bucket, key); raises CloudError
        self._clock = clock
        self._jitter = jitter
        self._policy = policy
        self._log = SettlementLog(emit)

    def run(self, group: Group, claim: Claim, ticket: CallTicket) -> Settled:
        """Make the call for a claim, if one can be made, and settle it."""
        media = [self._describe(entry) for entry in claim.entries]
        if is_too_long(media[0].file_url):
            self._verdicts.no_call(ticket)
            return self._settle(
                claim, media, BatchResult(outcomes={item.key: _unsendable(item) for item in media})
            )
        result = self._ask(self._registrar_for(ticket), media, group.options)
        if isinstance(result.error, CloudError):
            self._verdicts.failed(ticket, result.error)
        else:
            self._verdicts.answered(ticket)
        result = self._with_reasons(group.bucket, result)
        settled = self._settle(claim, media, result)
        if result.error is None:
            self._follow_streak(ticket, result, settled)
        return settled

    def _ask(
        self, registrar: Registrar, media: Sequence[Media], options: CallOptions
    ) -> BatchResult:
        try:
            return registrar.register(media, options)
        except CloudError as error:
            return BatchResult(
                outcomes={item.key: Unknown(message=str(error)) for item in media},
                request_id=error.request_id,
                error=error,
            )

    def _follow_streak(self, ticket: CallTicket, result: BatchResult, settled: Settled) -> None:
        """Report to the breakers what the outcomes say of the bucket as a whole."""
        outcomes = result.outcomes.values()
        if settled.streak_ended:
            self._verdicts.streak_ended(ticket.bucket)
        if any(isinstance(each, Refused) and not each.is_its_own for each in outcomes):
            if settled.streak >= LONG_STREAK:
                self._verdicts.streak(ticket.bucket, settled.streak)
        elif all(isinstance(each, Unknown) for each in outcomes):
            self._verdicts.inconclusive(ticket)
        else:
            self._verdicts.no_call(ticket)

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
        times = RetryTimes(self._policy, result, now_ms=now_ms, jitter=self._jitter())
        settled = self._ledger.settle(
            claim,
            [
                Settlement(
                    entry=entry,
                    outcome=result.outcomes[entry.key],
                    due_at=times.due_at(entry),
                    sent=not isinstance(result.error, _NO_EFFECT),
                )
                for entry in claim.entries
            ],
            request_id=result.request_id,
            max_attempts=self._policy.max_attempts,
            now_ms=now_ms,
        )
        if not isinstance(result.error, CallSuppressed):  # else there was no call
            urls = {item.key: item.file_url for item in media}
            self._log.write(claim, urls, result, settled, now_ms=self._clock.now_ms())
        return settled


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
