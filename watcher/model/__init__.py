"""The nouns: objects, entries, outcomes, claims.  Values only; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

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
    """Which queue an entry waits in: a due fresh one is always claimed before a backfill one."""

    FRESH = "fresh"
    BACKFILL = "backfill"


class State(StrEnum):
    """What is known of an entry.  Nothing else is a state."""

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
    """What belongs to a RegisterMedia call as a whole, not to its items; "" = not sent."""

    template_group_id: str = ""
    workflow_id: str = ""
    user_data: str = ""
    in_body: bool = False  # RegisterMetadatas go in the form body, not in the query


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRefusal:
    """VOD refused RegisterMetadatas in a form body, and took them in the query."""

    at: int  # milliseconds since the epoch, our clock
    version: str  # of the program that was refused
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One item of a RegisterMedia call: an object with all that VOD is told of it."""

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
    """One claimed row of the ledger: what is needed to register it and to settle it."""

    bucket: str
    key: str
    watch: str
    etag: str
    size_bytes: int
    modified_at: int  # milliseconds since the epoch
    attempts: int  # refusals counted so far; an entry with any goes alone
    doubts: int = 0  # calls in a row whose outcome is not known
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
        """Whether the reason lies in the object for certain, and not perhaps in its bucket or the account."""
        return self.reason not in {Failure.REFUSED, Failure.BAD_REQUEST}


NOT_MENTIONED = "VOD's answer does not mention this file"
"""The message of an entry that must go alone: the one word of an answer to one item is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Sent, and no trustworthy answer: it may or may not be registered."""

    message: str
    unmentioned: bool = False  # an answer came, and did not say a word of it


Outcome = Accepted | Refused | Unknown

LONG_STREAK = 50
"""Different entries of one bucket refused with none accepted between: then the bucket is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """One RegisterMedia call: an outcome for each of its items, by key, none missing, none extra."""

    outcomes: dict[str, Outcome]
    request_id: str = ""
    error: Exception | None = None  # what kept all, or a part, of the items from being answered


class BreakerKind(StrEnum):
    """Why calls stopped."""

    REFUSED = "refused"  # the service said so: credentials, permission, arrears, bucket not added ...
    UNREACHABLE = "unreachable"  # three calls in a row without a trustworthy answer
    STREAK = "streak"  # so many entries of one bucket refused in a row that it is no fault of theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Calls have stopped, for everyone or for one bucket, until a probe is answered better."""

    bucket: str  # "" = the account
    kind: BreakerKind
    reason: str
    hint: str
    opened_at: int  # milliseconds since the epoch
    probes: int = 0  # that did not close it
    next_probe_at: int = 0  # milliseconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSpec:
    """What the ledger must know of one configured watch."""

    name: str
    bucket: str
    prefix: str
    rules: str  # a digest: another one means that the watch selects differently now
    from_now: bool = False  # `start = "now"`
    terms: str = ""  # a digest of `rules` and of how its files are registered: what an owner serves


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSpec:
    """The one form in which a bucket's file URLs are sent."""

    name: str
    region: str
    file_url: str  # template
    encoding: str  # "percent" | "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is in line of one watch."""

    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that holds the registering lock, and what it registers for."""

    pid: int
    command: str  # run, scan or backfill
    watches: Mapping[str, str]  # by name: `WatchSpec.terms`
    buckets: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Entries by state."""

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
    """What a call (or the decision to make none) says of one claimed entry."""

    entry: Entry
    outcome: Outcome
    due_at: int  # milliseconds since the epoch: not to be claimed again before, if it is pending again
    sent: bool = True  # False: nothing of the call took effect, for certain


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What settling made of the entries."""

    bucket: str = ""
    registered: int = 0
    already_registered: int = 0
    failed: tuple[tuple[str, Failure, str], ...] = ()  # (key, reason, sentence)
    streak: int = 0  # entries of the bucket refused since one was last accepted
    streak_began: bool = False  # the streak came to be a fault of the bucket by this
    streak_ended: bool = False  # ... or ceased to be one
    restored: tuple[str, ...] = ()  # keys that had become `failed` in the streak, and are pending again
