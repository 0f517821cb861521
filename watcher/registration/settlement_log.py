"""Log the outcomes of a call: the batch, and each file that is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.model import Accepted, Refused, Unknown
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.model import BatchResult, Claim, Settled


class SettlementLog:
    """The events of settled calls."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit

    def write(
        self,
        claim: Claim,
        urls: Mapping[str, str],
        result: BatchResult,
        settled: Settled,
        *,
        now_ms: int,
    ) -> None:
        """Log one call; `urls` has the file URL of each key."""
        self._write_batch(claim, urls, result)
        self._write_registered(claim, result, now_ms=now_ms)
        self._write_failed(claim, result, settled)

    def _write_batch(self, claim: Claim, urls: Mapping[str, str], result: BatchResult) -> None:
        outcomes = result.outcomes
        unknown = [each.message for each in outcomes.values() if isinstance(each, Unknown)]
        self._emit(
            logs.BATCH_SETTLED,
            bucket=claim.entries[0].bucket,
            batch_id=claim.batch_id,
            RequestId=result.request_id,
            RegisteredMediaList=[
                {"FileURL": urls[key], "MediaId": each.media_id, "NewRegister": each.new_register}
                for key, each in outcomes.items()
                if isinstance(each, Accepted)
            ],
            FailedFileURLs=[
                urls[key] for key, each in outcomes.items() if isinstance(each, Refused)
            ],
            **({"pending": len(unknown), "reason": unknown[0]} if unknown else {}),
        )

    def _write_registered(self, claim: Claim, result: BatchResult, *, now_ms: int) -> None:
        entries = {entry.key: entry for entry in claim.entries}
        for key, outcome in result.outcomes.items():
            if isinstance(outcome, Accepted):
                self._emit(
                    logs.MEDIA_REGISTERED,
                    watch=entries[key].watch,
                    key=key,
                    media_id=outcome.media_id,
                    new_register=outcome.new_register,
                    after_s=max(0, now_ms - entries[key].modified_at) / 1000,
                )

    def _write_failed(self, claim: Claim, result: BatchResult, settled: Settled) -> None:
        first = claim.entries[0]
        watches = {entry.key: entry.watch for entry in claim.entries}
        for key, reason, message in settled.failed:
            self._emit(
                logs.MEDIA_FAILED,
                watch=watches.get(key, first.watch),  # a streak's end decides other keys, too
                bucket=first.bucket,
                key=key,
                reason=str(reason),
                message=message,
                RequestId=result.request_id,
            )
