"""Whether the process is alive, and whether it does all that it should."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What /livez and /readyz tell."""

    live: bool  # it makes progress, or has nothing to do
    ready: bool  # and nothing is degraded
    reasons: tuple[str, ...] = ()  # why not, one sentence each
