"""Ways in which the real OSS may differ, where no document says which one is true."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class OssOptions:
    """The choices of one sandbox; each may be set at any time."""

    begun_prefixes: bool = True
    """A listing whose `start-after` or `marker` lies inside a common prefix shows that prefix."""
