"""The kinds of faults: where each may occur, when the operation takes effect, and its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from watcher.sandbox.faults.answers import ERRORS, FOREIGN

Effect = Literal["before", "after", "none"]
"""When the operation takes effect: before the fault shows, after it, or not at all."""
SERVICES: Final = frozenset({"oss", "vod"})
_VOD: Final = frozenset({"vod"})
_LISTING: Final = frozenset({"ListObjectsV2"})
_REGISTERING: Final = frozenset({"RegisterMedia"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Where and when a kind of fault may show, and the fields that it takes."""

    applies_to: frozenset[str] = SERVICES  # services or operations
    effects: tuple[Effect, ...] = ("none", "before", "after")  # the first is the default
    own_fields: frozenset[str] = frozenset()  # besides those for when and where


_ANSWER: Final = frozenset({"status", "code", "message", "retry_after_s"})
_BEFORE: Final[tuple[Effect, ...]] = ("before",)
_CUT: Final[tuple[Effect, ...]] = ("before", "none", "after")
KINDS: Final[dict[str, Kind]] = {
    **{
        name: Kind(own_fields=_ANSWER, applies_to=frozenset(answers))
        for name, answers in ERRORS.items()
    },
    **{
        name: Kind(own_fields=frozenset({"status"}), applies_to=frozenset(bodies))
        for name, bodies in FOREIGN.items()
    },
    "timeout": Kind(own_fields=frozenset({"seconds"})),
    "reset": Kind(),
    "slow": Kind(effects=("after", "before"), own_fields=frozenset({"seconds"})),
    "slow_restore": Kind(
        applies_to=frozenset({"RestoreObject"}), effects=_BEFORE, own_fields=frozenset({"seconds"})
    ),
    "call": Kind(effects=("after", "before", "none"), own_fields=frozenset({"callback"})),
    "truncated": Kind(effects=_CUT),
    "cut_off": Kind(effects=_CUT),
    "missing_date": Kind(effects=_BEFORE),
    "partial_refusal": Kind(
        applies_to=_REGISTERING, effects=_BEFORE, own_fields=frozenset({"items"})
    ),
    "missing_items": Kind(
        applies_to=_REGISTERING, effects=("before", "none"), own_fields=frozenset({"items"})
    ),
    "echo": Kind(applies_to=_REGISTERING, effects=_BEFORE, own_fields=frozenset({"spelling"})),
    "shuffled": Kind(applies_to=_VOD, effects=_BEFORE),
    "empty_listing": Kind(applies_to=_LISTING, effects=_BEFORE),
    "out_of_order": Kind(applies_to=_LISTING, effects=_BEFORE),
    "no_advance": Kind(applies_to=_LISTING, effects=_BEFORE),
}
