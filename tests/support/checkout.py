"""Where the files of this repository lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
OLDER_LEDGERS: Final = CHECKOUT / "tests" / "ledger" / "older"
