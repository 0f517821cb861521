"""The two services of a sandbox and their clock, as faults use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.oss.service import SandboxOss
    from watcher.sandbox.vod.service import SandboxVod


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of one sandbox."""

    oss: SandboxOss
    vod: SandboxVod
    clock: SandboxClock
