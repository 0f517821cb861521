"""From when on the objects of a watch count: the meaning of `start = "now"`, key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.model import NEVER, Start
from watcher.rules.instants import local_ms, utc_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from watcher.model import Anchor


def start_below(prefix: str, anchors: Sequence[Anchor], *, otherwise: int) -> Start:
    """Return from when on the objects of a source with `start = "now"` count.

    A key counts from the earliest moment of all prefixes above it. So a source that is narrowed,
    widened or split changes nothing for its earlier keys.

    Args:
        prefix: of the source.
        anchors: the moments of its bucket.
        otherwise: the moment of keys below no anchor.
    """
    at = min((each.at for each in anchors if prefix.startswith(each.prefix)), default=otherwise)
    below = (each for each in anchors if each.prefix.startswith(prefix) and each.prefix != prefix)
    earlier = sorted((each for each in below if each.at < at), key=lambda each: each.prefix)
    return Start(at=at, below=tuple(earlier))


def is_anchored(prefix: str, anchors: Sequence[Anchor]) -> bool:
    """Return whether every key below `prefix` has a moment."""
    return any(prefix.startswith(each.prefix) for each in anchors)


def shown(start: Start) -> dict[str, object]:
    """Return a start under its public names.

    `start` is "all", an instant, or "now" before the first scan. `start_below` are the prefixes
    that have an earlier moment.
    """
    at = "all" if start.at is None else "now" if start.at == NEVER else utc_ms(start.at)
    return {"start": at, "start_below": {each.prefix: utc_ms(each.at) for each in start.below}}


def sentence(watch: str, start: Start, zone: tzinfo) -> str:
    """Return a start as people read it, by the clocks of their time zone."""
    if start.at is None:
        return f'watch "{watch}" takes all objects'
    if start.at == NEVER:
        words = "takes what is uploaded from its first scan on"
    else:
        words = f"takes what was uploaded from {local_ms(start.at, zone)} on"
    below = (f"below {each.prefix} from {local_ms(each.at, zone)} on" for each in start.below)
    return f'watch "{watch}" {", ".join((words, *below))}'
