"""Choices where no document says what the real OSS does, or where it would take too long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class OssOptions:
    """The choices of one sandbox; each may be set at any time."""

    begun_prefixes: bool = True
    """A listing whose `start-after` or `marker` lies inside a common prefix shows that prefix."""

    restore_takes_s: float | None = None
    """How long every restore takes, on the sandbox's clock; None: what the class and tier take."""
