"""Use case: ledger -> registrar -> ledger.  Claims are committed before a call is made, and settled after it."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from watcher.errors import AccountRefused, BucketRefused, CloudError
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
    RegisterReport,
    Settled,
    Settlement,
    Unknown,
)
from watcher.observe import logs
from watcher.rules.backoff import delay_ms
from watcher.rules.batching import MAX_ITEMS, take
from watcher.rules.file_url import MAX_FILE_URL_BYTES
from watcher.rules.selection import ARCHIVE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ports import Clock, Registrar

_POLL_S = 0.05  # how often a run with nothing due looks for what the listing found meanwhile


class Queue(Protocol):
    """The ledger, as far as registering is concerned."""

    def claim(
        self,
        bucket: str,
        watches: Sequence[str],
        *,
        choose: Callable[[Sequence[Entry]], Sequence[Entry]],
        now_ms: int,
        horizon_ms: int,
    ) -> Claim | None:
        """Commit entries as claimed; see `ledger.queue`."""
        ...

    def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, request_id: str, max_attempts: int, now_ms: int
    ) -> Settled:
        """Write down what came of a claim; see `ledger.queue`."""
        ...

    def next_due_at(self, watches: Sequence[str]) -> int | None:
        """Return when the next pending entry is due; see `ledger.queue`."""
        ...


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


@dataclass(slots=True)
class _Halted:
    """What stops calls in this run."""

    account: CloudError | None = None
    buckets: dict[str, CloudError] = field(default_factory=dict)


class Registering:
    """Registers what is due until nothing is, or until it makes no sense to go on."""

    def __init__(
        self,
        queue: Queue,
        registrar: Registrar,
        *,
        groups: Sequence[Group],
        describe: Callable[[Entry], Media],
        head: Callable[[str, str], ObjectInfo | None],
        clock: Clock,
        jitter: Callable[[], float],
        policy: Policy,
        emit: Callable[..., None],
    ) -> None:
        self._queue = queue
        self._registrar = registrar
        self._groups = list(groups)
        self._describe = describe
        self._head = head  # (bucket, key); raises CloudError
        self._clock = clock
        self._jitter = jitter
        self._policy = policy
        self._emit = emit
        self._noting = threading.Lock()  # around what the calling threads note for the loop
        self._halted = _Halted()
        self._answered_at = clock.monotonic()
        self._streak = 0  # calls in a row without a trustworthy answer
        self._last_error: CloudError | None = None
        self.report = RegisterReport()

    @property
    def halted(self) -> bool:
        """Whether calls stopped for the account or for a bucket."""
        return bool(self._halted.account or self._halted.buckets)

    @property
    def error(self) -> CloudError | None:
        """What stopped calls, or the last reason why none was answered."""
        return self._halted.account or next(iter(self._halted.buckets.values()), None) or self._last_error

    def run(self, listing_ended: Callable[[], bool]) -> RegisterReport:
        """Work until the listing has ended and nothing is due within the patience; return the totals."""
        flying: set[Future[Settled]] = set()
        with ThreadPoolExecutor(self._policy.concurrent_calls, thread_name_prefix="register") as pool:
            while not self._clock.wait(0):
                landed = {future for future in flying if future.done()}
                flying -= landed
                for future in landed:
                    self._count(future.result())
                ended = listing_ended()
                if len(flying) >= self._policy.concurrent_calls:
                    wait(flying, return_when=FIRST_COMPLETED)
                elif claimed := self._claim(part_filled=ended):
                    flying.add(pool.submit(self._carry_out, *claimed))
                elif flying:
                    wait(flying, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                elif ended and not self._wait_for_more():
                    break
                elif not ended:
                    self._clock.wait(_POLL_S)
            for future in flying:
                self._count(future.result())
        return self.report

    def _wait_for_more(self) -> bool:
        """Wait for the next attempt if it is near; return False if it makes no sense to."""
        groups = self._open_groups()
        next_due_at = self._queue.next_due_at([watch for group in groups for watch in group.watches])
        if next_due_at is None:
            return False
        until_s = (next_due_at - self._clock.now_ms()) / 1000
        silent_s = self._clock.monotonic() - self._answered_at
        if until_s > self._policy.patience_s or (self._streak and silent_s > self._policy.patience_s):
            return False
        self._clock.wait(min(max(until_s, 0.01), 1.0))
        return True

    def _open_groups(self) -> list[Group]:
        if self._halted.account:
            return []
        return [group for group in self._groups if group.bucket not in self._halted.buckets]

    def _claim(self, *, part_filled: bool) -> tuple[Group, Claim] | None:
        """Claim for the next group that has something due; groups take turns, call by call."""
        now_ms = self._clock.now_ms()
        for group in self._open_groups():
            claim = self._queue.claim(
                group.bucket,
                group.watches,
                choose=lambda due: self._choose(due, part_filled=part_filled),
                now_ms=now_ms,
                horizon_ms=now_ms + self._policy.max_delay_ms,
            )
            if claim:
                self._groups.remove(group)
                self._groups.append(group)
                return group, claim
        return None

    def _choose(self, due: Sequence[Entry], *, part_filled: bool) -> Sequence[Entry]:
        """Return which of the due entries go now: together, as many as one call carries."""
        if due[0].attempts:
            return due[:1]
        media = [self._describe(entry) for entry in due]
        unsendable = [entry for entry, item in zip(due, media, strict=True) if _too_long(item)]
        if unsendable:
            return unsendable
        room = take(media, max_bytes=self._policy.max_bytes)
        return due[:room] if room < len(due) or room == MAX_ITEMS or part_filled else ()

    def _carry_out(self, group: Group, claim: Claim) -> Settled:
        """Make the call for a claim and settle it."""
        media = [self._describe(entry) for entry in claim.entries]
        if _too_long(media[0]):
            return self._settle(claim, media, BatchResult(outcomes={item.key: _unsendable(item) for item in media}))
        try:
            result = self._registrar.register(media, group.options)
        except CloudError as error:
            self._halt(group, error)
            result = BatchResult(outcomes={item.key: Unknown(message=str(error)) for item in media})
            retry_after_ms = int(error.retry_after_s * 1000)
            delay = 0 if isinstance(error, (AccountRefused, BucketRefused)) else self._delay(retry_after_ms)
            return self._settle(claim, media, result, delay=delay)
        self._hear(result)
        if len(media) == 1:
            result = self._with_reason(claim.entries[0], result)
        return self._settle(claim, media, result, delay=self._delay(0))

    def _hear(self, result: BatchResult) -> None:
        """Note whether an answer could be trusted: one outcome that is not unknown is enough."""
        doubts = [outcome.message for outcome in result.outcomes.values() if isinstance(outcome, Unknown)]
        with self._noting:
            if len(doubts) == len(result.outcomes):
                self._streak += 1
                self._last_error = CloudError(doubts[0], hint="The files are asked again; VOD answers each once.")
            else:
                self._answered_at, self._streak, self._last_error = self._clock.monotonic(), 0, None

    def _halt(self, group: Group, error: CloudError) -> None:
        """Note whom an error stops."""
        with self._noting:
            if isinstance(error, AccountRefused):
                self._halted.account = error
            elif isinstance(error, BucketRefused):
                self._halted.buckets[group.bucket] = error
            else:
                self._streak += 1
                self._last_error = error

    def _delay(self, retry_after_ms: int) -> int:
        """Return how long to wait before the next attempt, in milliseconds."""
        return delay_ms(
            max(1, self._streak),
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
        settled = self._queue.settle(
            claim,
            [
                Settlement(
                    entry=entry,
                    outcome=result.outcomes[entry.key],
                    # A first refusal says nothing of the object yet: alone, and at once.
                    due_at=now_ms if _first_refusal(entry, result) else now_ms + delay,
                )
                for entry in claim.entries
            ],
            request_id=result.request_id,
            max_attempts=self._policy.max_attempts,
            now_ms=now_ms,
        )
        self._tell(claim, media, result, settled)
        return settled

    def _count(self, settled: Settled) -> None:
        report = self.report
        report.registered += settled.registered
        report.already_registered += settled.already_registered
        report.failed += len(settled.failed)

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


def _first_refusal(entry: Entry, result: BatchResult) -> bool:
    return not entry.attempts and isinstance(result.outcomes[entry.key], Refused)


def _too_long(item: Media) -> bool:
    return len(item.file_url.encode()) > MAX_FILE_URL_BYTES


def _unsendable(item: Media) -> Refused:
    size = len(item.file_url.encode())
    return Refused(
        reason=Failure.FILE_URL_TOO_LONG,
        message=f"the file URL has {size} bytes, VOD takes {MAX_FILE_URL_BYTES}: give the object a shorter name",
        final=True,
    )
