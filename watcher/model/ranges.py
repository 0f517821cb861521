"""The records of a listing, range by range."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from watcher.model.listed import Objects

ScanKind = Literal["scan", "backfill"]
"""A backfill looks at all objects, so it does not show whether a watch is up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The objects above the key `lo`, up to `hi` and with it (None = to the end)."""

    lo: str
    hi: str | None
    listed: int = 0
    matched: int = 0
    excluded: dict[str, int] = field(default_factory=dict)  # by reason
    n_bytes: int = 0  # of the listed objects in the answer ...
    digest: bytes = b""  # ... and their SHA-256; empty = look at the objects


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanBegun:
    """A scan that begins, or resumes an interrupted one."""

    id: int  # of its memory
    kind: ScanKind
    number: int
    uses_digests: bool  # whether a range with the same bytes counts as unchanged
    digests: bool  # whether the ranges get digests
    source: str = ""  # oss://BUCKET/PREFIX; "" = nothing depends on it
    started_at: int = 0  # milliseconds since the epoch, OSS's clock: the first answer; 0 = none yet
    listed: int = 0  # so far
    matched: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    is_usual: bool = False  # costs what the next ones cost: not the first, resumed or a full one


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One range as a scan records it."""

    range: Range
    objects: Objects  # the selected ones; none where the range repeats what is remembered
    repeats: bool = False
    at: int  # milliseconds since the epoch: the answer's `Date`
    as_of: int | None = None  # of a snapshot, which covers no range, in ms; None = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """How one recording changed the ledger."""

    new: int = 0
    changed: tuple[str, ...] = ()  # keys of registered objects that were overwritten since


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingCost:
    """The requests, bytes and time of one listing."""

    calls: int
    n_bytes: int  # of the answers' bodies
    took_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTotals:
    """A complete scan, as the sum of its ranges."""

    listed: int
    matched: int
    excluded: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEnd:
    """How a listing of a watch ended."""

    kind: ScanKind
    at: int  # milliseconds since the epoch, our clock
    complete: bool
    listed: int = 0
    matched: int = 0
    covered: str = ""  # of a backfill: the filters that narrowed it; "" = none
    error: str = ""  # why it is incomplete, ...
    hint: str = ""  # ... and the cure

    @property
    def extent(self) -> str:
        """The numbers of listed and selected objects, and the filters, as a sentence."""
        filters = f"Filters: {self.covered}." if self.covered else "No filters."
        return f"{self.listed} objects listed, {self.matched} selected. {filters}"
