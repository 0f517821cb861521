"""The account of a sandbox: its services accept the signatures of this account only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watcher.ports import Credentials


MAX_SKEW_S: Final = 15 * 60  # how far a signature's time may be from the services' clock


@dataclass(slots=True)
class Account:
    """The account. New credentials may replace the old ones at any time, as a rotation does."""

    credentials: Credentials
    token_expired: bool = False
