"""The nouns: objects, entries, outcomes, claims.  Values only; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from watcher.model.listed import MAX_KEY_BYTES as MAX_KEY_BYTES
from watcher.model.listed import ObjectInfo as ObjectInfo
from watcher.model.listed import Objects as Objects
from watcher.model.listed import ObjectType as ObjectType
from watcher.model.listed import Page as Page
from watcher.model.ranges import Found as Found
from watcher.model.ranges import ListingCost as ListingCost
from watcher.model.ranges import Range as Range
from watcher.model.ranges import Recorded as Recorded
from watcher.model.ranges import ScanBegun as ScanBegun
from watcher.model.ranges import ScanEnd as ScanEnd
from watcher.model.ranges import ScanKind as ScanKind
from watcher.model.ranges import ScanTotals as ScanTotals
from watcher.model.starts import NEVER as NEVER
from watcher.model.starts import Anchor as Anchor
from watcher.model.starts import Start as Start

if TYPE_CHECKING:
    from collections.abc import Mapping


class Lane(StrEnum):
    """The queue of an entry: a due fresh one is always claimed before a backfill one."""

    FRESH = "fresh"
    BACKFILL = "backfill"


class State(StrEnum):
    """The state of an entry.  There is no other."""

    PENDING = "pending"
    CLAIMED = "claimed"
    REGISTERED = "registered"
    FAILED = "failed"


class Excluded(StrEnum):
    """Why a listed object gets no row (design 4.1)."""

    EXTENSION = "extension"
    AMBIGUOUS_EXTENSION = "ambiguous_extension"
    INCLUDE = "include"
    EXCLUDE = "exclude"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    TOO_YOUNG = "too_young"
    BEFORE_START = "before_start"
    DIRECTORY = "directory"
    EMPTY = "empty"
    SYMLINK = "symlink"
    ARCHIVED = "archived"
    KEY_NOT_UTF8 = "key_not_utf8"
    OTHER_WATCH = "other_watch"
    JUNK = "junk"


class Failure(StrEnum):
    """Why an entry is `failed` (design 4.1)."""

    REFUSED = "refused"
    FILE_URL_TOO_LONG = "file_url_too_long"
    GONE = "gone"
    ARCHIVED = "archived"
    ILLEGAL_CHARACTERS = "illegal_characters"
    BAD_REQUEST = "bad_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Parameters of a RegisterMedia call as a whole, not of its items; "" = not sent."""

    template_group_id: str = ""
    workflow_id: str = ""
    user_data: str = ""
    in_body: bool = False  # RegisterMetadatas go in the form body, not in the query


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRefusal:
    """VOD refused RegisterMetadatas in a form body, and accepted them in the query."""

    at: int  # milliseconds since the epoch, our clock
    version: str  # of the program that was refused
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One item of a RegisterMedia call: an object with all its fields."""

    bucket: str
    key: str
    file_url: str
    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    cate_id: int = 0  # 0 = none
    cover_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One claimed row of the ledger, with all that registering and settling need."""

    bucket: str
    key: str
    watch: str
    etag: str
    size_bytes: int
    modified_at: int  # milliseconds since the epoch
    attempts: int  # refusals counted so far; an entry with any goes alone
    unknown_outcomes: int = 0  # calls in a row whose outcome is not known
    unmentioned: bool = False  # the last answer did not mention it, so it goes alone
    due_at: int = 0  # milliseconds since the epoch: its place in the queue
    lane: Lane = Lane.FRESH


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """VOD knows the object under this media ID."""

    media_id: str
    new_register: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """VOD will not take this object as it is."""

    reason: Failure
    message: str
    final: bool = False  # asking again cannot help

    @property
    def is_its_own(self) -> bool:
        """Whether the reason is certainly the object's, not its bucket's or the account's."""
        return self.reason not in {Failure.REFUSED, Failure.BAD_REQUEST}


NOT_MENTIONED = "VOD's answer does not mention this file"
"""The message of an entry that must go alone: an answer to one item can only mean that item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Sent, and no trustworthy answer: it may or may not be registered."""

    message: str
    unmentioned: bool = False  # an answer came, and did not mention the item


Outcome = Accepted | Refused | Unknown

LONG_STREAK = 50
"""Entries of a bucket, refused in a row, until the bucket is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """One RegisterMedia call: one outcome for each item, by key."""

    outcomes: dict[str, Outcome]
    request_id: str = ""
    error: Exception | None = None  # why some or all items have no answer


class BreakerKind(StrEnum):
    """Why calls stopped."""

    REFUSED = "refused"  # by the service: credentials, permission, arrears, bucket not added ...
    UNREACHABLE = "unreachable"  # three calls in a row without a trustworthy answer
    STREAK = "streak"  # `LONG_STREAK` entries of one bucket refused in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Calls have stopped, for the account or for one bucket, until a trial call succeeds."""

    bucket: str  # "" = the account
    kind: BreakerKind
    reason: str
    hint: str
    opened_at: int  # milliseconds since the epoch
    probes: int = 0  # that did not close it
    next_probe_at: int = 0  # milliseconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSpec:
    """One configured watch, as far as the ledger needs it."""

    name: str
    bucket: str
    prefix: str
    rules: str  # a digest: another one means that the watch selects differently now
    from_now: bool = False  # `start = "now"`
    serving_digest: str = ""  # of `rules`, and of how its files are registered


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSpec:
    """The one form in which a bucket's file URLs are sent."""

    name: str
    region: str
    file_url: str  # template
    encoding: str  # "percent" | "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The queued files of one watch."""

    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that holds the registering lock, and what it registers for."""

    pid: int
    command: str  # run, scan or backfill
    watches: Mapping[str, str]  # by name: `WatchSpec.serving_digest`
    buckets: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many entries are in each state."""

    pending: int
    claimed: int
    registered: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Entries of one batch, committed as claimed before the call is made."""

    batch_id: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The outcome of one claimed entry, from a call or from the decision to make none."""

    entry: Entry
    outcome: Outcome
    due_at: int  # milliseconds since the epoch: if it is pending again, not claimed before
    sent: bool = True  # False: nothing of the call took effect, for certain


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The results of settling one call."""

    bucket: str = ""
    registered: int = 0
    already_registered: int = 0
    failed: tuple[tuple[str, Failure, str], ...] = ()  # (key, reason, sentence)
    streak: int = 0  # entries of the bucket refused since one was last accepted
    streak_began: bool = False  # by this the bucket is at fault
    streak_ended: bool = False  # ... or no longer
    restored: tuple[str, ...] = ()  # keys that had failed in the streak, and are pending again
