"""One call as an operation of VOD gets it, and how a fault changes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.sandbox.text import key_bytes
from watcher.sandbox.vod.file_url import named_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from watcher.sandbox.account import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """How a fault changes a call for some of its items.

    These are the items of `keys`, or else the first `first` ones.
    """

    keys: frozenset[str] = frozenset()
    first: int = 0
    refused: bool = False  # they do not take effect
    omitted: bool = False  # they are in neither list
    dry_run: bool = False  # no item of the whole call takes effect
    spelling: str = ""  # how the answer spells their URLs; one of `echo.SPELLINGS`

    def applies_to(self, place: int, file_url: str) -> bool:
        """Return whether the item at this place and with this URL is one of them."""
        if self.keys:
            return not self.keys.isdisjoint(named_object(file_url)[1])
        return place < self.first


NO_DEVIATION: Final = Deviation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, by either signature scheme."""

    action: str
    parameters: Mapping[str, str]  # the operation's own and the common ones
    principal: Principal  # who signed it
    nonce: str  # no other call has the same
    at: datetime  # UTC, by the services' clock
    deviation: Deviation

    def new_id(self, place: int = 0) -> str:
        """Return the ID of something that the call makes; the same one if it takes effect late."""
        return hashlib.md5(
            key_bytes(f"{self.action}/{self.nonce}/{place}"), usedforsecurity=False
        ).hexdigest()
