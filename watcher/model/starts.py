"""The moments that `start = "now"` stands for, by prefix."""

from __future__ import annotations

from dataclasses import dataclass

NEVER = 2**62  # later than the LastModified of any object


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The moment from which objects below one prefix of a bucket count."""

    prefix: str
    at: int  # milliseconds since the epoch, inclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """From when on the objects of one watch count."""

    at: int | None = None  # milliseconds since the epoch, inclusive; None = all objects count
    below: tuple[Anchor, ...] = ()  # prefixes below the watch's own with an earlier moment

    def of(self, key: str) -> int | None:
        """Return the moment for one key."""
        if self.at is None:
            return None
        earlier = (each.at for each in self.below if key.startswith(each.prefix))
        return min(self.at, min(earlier, default=self.at))
