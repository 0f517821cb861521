"""Whether comparing remembered ranges by their bytes saves work."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.discovery.listing.tuning import DEFAULT_TUNING, ListingTuning


@dataclass(slots=True)
class DigestTrust:
    """Counts how many remembered ranges came back with the same bytes."""

    holds: bool
    asked: int = 0
    repeated: int = 0
    tuning: ListingTuning = DEFAULT_TUNING

    def learn(self, *, repeated: bool) -> None:
        """Count one range. Stop the comparing once most ranges have changed."""
        self.asked += 1
        self.repeated += repeated
        self.holds = self.holds and not self.mostly_changed

    @property
    def mostly_changed(self) -> bool:
        """Whether most ranges were not the same."""
        tuning = self.tuning
        is_enough = self.asked >= tuning.ranges_before_judging
        return is_enough and self.repeated < tuning.mostly_same * self.asked
