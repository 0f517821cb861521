"""RegisterMedia without signatures or quota: a counter, to judge the caller's pace."""

from __future__ import annotations

import json
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Registry:
    """The registered files, and when each call arrived."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []  # seconds, of a clock that only runs forward
        self.items = 0
        self._known: set[bytes] = set()

    def register(self, given: Mapping[str, str]) -> bytes:
        """Return the answer to one call: every file is accepted.

        Its media ID follows from its URL alone.
        """
        media = [self._accepted(item["FileURL"]) for item in json.loads(given["RegisterMetadatas"])]
        self.items += len(media)
        number = f"{len(self.arrivals):012X}"
        return json.dumps(
            {
                "RequestId": f"00000000-0000-4000-8000-{number}",
                "RegisteredMediaList": media,
                "FailedFileURLs": [],
            }
        ).encode()

    def reset(self) -> None:
        """Forget the calls, not what is registered."""
        self.arrivals.clear()
        self.items = 0

    def _accepted(self, url: str) -> dict[str, object]:
        digest = md5(url.encode(), usedforsecurity=False)
        new = digest.digest() not in self._known
        self._known.add(digest.digest())
        return {"FileURL": url, "MediaId": digest.hexdigest(), "NewRegister": new}


def most_in_a_second(arrivals: Sequence[float]) -> int:
    """Return how many of the ascending instants, in seconds, the fullest half-open second holds."""
    most = first = 0
    for place, at in enumerate(arrivals):
        while arrivals[first] <= at - 1:
            first += 1
        most = max(most, place - first + 1)
    return most
