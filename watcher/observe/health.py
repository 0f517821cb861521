"""Health of the process: alive, and fully working."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The content of /livez and /readyz."""

    live: bool  # the process makes progress, or is idle
    ready: bool  # live, and nothing is degraded
    reasons: tuple[str, ...] = ()  # for not live or not ready, one sentence each
