"""The one account of a sandbox: whose signatures its services accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watcher.ports import Credentials


@dataclass(slots=True)
class Account:
    """Credentials may be replaced at any time, as a rotation does; the old ones are unknown from then on."""

    credentials: Credentials
    token_expired: bool = False
