"""Choose and claim the entries of the next call."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from watcher.rules.batching import MAX_ITEMS, batch_size
from watcher.rules.file_url import is_too_long

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.port import ClaimQueue
    from watcher.model import Claim, Entry, Media
    from watcher.ports import Clock
    from watcher.registration.admission import Admissions
    from watcher.registration.call import Group
    from watcher.registration.ticket import CallTicket


class BatchChoice:
    """The entries that one call carries."""

    def __init__(
        self, describe: Callable[[Entry], Media], *, max_bytes: Callable[[], int | None]
    ) -> None:
        self._describe = describe
        self._max_bytes = max_bytes  # of RegisterMetadatas in the next call; None = no limit

    def choose(self, due: Sequence[Entry], *, part_filled: bool) -> Sequence[Entry]:
        """Return which of the due entries go now: together, as many as one call carries.

        Without `part_filled`, return none if more entries would fit.
        """
        if due[0].attempts or (len(due) == 1 and due[0].unmentioned):
            return due[:1]
        mentioned = [entry for entry in due if not entry.unmentioned]
        part_filled = part_filled or len(mentioned) < len(due)  # one that goes alone comes next
        media = [self._describe(entry) for entry in mentioned]
        unsendable = [
            entry
            for entry, item in zip(mentioned, media, strict=True)
            if is_too_long(item.file_url)
        ]
        if unsendable:
            return unsendable
        room = batch_size(media, max_bytes=self._max_bytes())
        is_full = room < len(mentioned) or room == MAX_ITEMS
        return mentioned[:room] if is_full or part_filled else ()


class Claimer:
    """Claim what is due, for groups that take turns."""

    def __init__(
        self,
        queue: ClaimQueue,
        admissions: Admissions,
        *,
        groups: Sequence[Group],
        choice: BatchChoice,
        clock: Clock,
        max_delay_ms: int,
    ) -> None:
        self._queue = queue
        self._admissions = admissions
        self._groups = list(groups)
        self._choice = choice
        self._clock = clock
        self._max_delay_ms = max_delay_ms

    def claim(self, *, part_filled: bool) -> tuple[Group, Claim, CallTicket] | None:
        """Claim for the next group that has something due; groups take turns, call by call.

        A probe goes out with what is there, as any call does with `part_filled`.
        """
        now_ms = self._clock.now_ms()
        for group in self._groups:
            ticket = self._admissions.admit(group.bucket)
            if ticket is None:
                continue
            claim = self._queue.claim(
                group.bucket,
                group.watches,
                choose=partial(self._choice.choose, part_filled=part_filled or ticket.is_probe),
                now_ms=now_ms,
                horizon_ms=now_ms + self._max_delay_ms,
                probe=ticket.is_alone,
            )
            if claim:
                self._admissions.claimed(ticket)
                self._groups.remove(group)
                self._groups.append(group)
                return group, claim, ticket
        return None

    def until_s(self) -> float:
        """Return how long until the next call; infinity if this run makes none."""
        return min((self._until_s(group) for group in self._groups), default=math.inf)

    def _until_s(self, group: Group) -> float:
        next_due_at = self._queue.next_due_at(group.bucket, group.watches)
        if next_due_at is None or not self._admissions.may_call(group.bucket):
            return math.inf
        return max(
            (next_due_at - self._clock.now_ms()) / 1000, self._admissions.rest_s(group.bucket)
        )

    def no_probe_left(self) -> None:
        """Stop probing: what is due cannot be claimed as the probe of a breaker."""
        for group in self._groups:
            self._admissions.no_probe_left(group.bucket)

    def waiting(self) -> list[str]:
        """Return the bucket of each group that has pending entries."""
        return [
            group.bucket
            for group in self._groups
            if self._queue.next_due_at(group.bucket, group.watches) is not None
        ]
