"""One backfill: the filters, keys or inventory that a person gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.registration.give_up import BACKFILL_S
from watcher.rules.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRequest:
    """The files that one backfill covers, and how long it waits."""

    filters: Filters = field(default_factory=Filters)
    keys: Mapping[str, Sequence[str]] | None = None  # by watch: in place of a listing
    manifest: tuple[str, str] | None = None  # (bucket, key) of an inventory, in place of a listing
    give_up_after_s: float = BACKFILL_S  # without one entry decided; infinity = never

    def covered(self, watch: str) -> str:
        """Return the options that narrow a watch; "" = all that the watch selects."""
        parts = [self.filters.options()]
        if self.keys is not None:
            parts.append(f"--files-from ({len(self.keys[watch])} keys)")
        if self.manifest is not None:
            parts.append(f"--list-manifest-from oss://{'/'.join(self.manifest)}")
        return " ".join(filter(None, parts))
