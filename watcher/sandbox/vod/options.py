"""How the local VOD behaves where the documents leave it open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class VodOptions:
    """Options that may be set at any time."""

    transcoding_s: float = 60.0  # of the services' clock, from the registration to Normal
    # Whether GetVideoInfos is refused if it finds no video: the error is documented, not its cause.
    refuses_unknown_videos: bool = True
