"""The README's picture of the page can be made again, by the command that made it."""

from __future__ import annotations

import struct

from tests.support.checkout import CHECKOUT
from tests.system import picture
from tests.system.machine import lacking
from tests.system.test_page import CHROMIUM


def width(png: bytes) -> int:
    (pixels,) = struct.unpack(">I", png[16:20])
    return int(pixels)


def test_the_picture_of_the_page_can_be_made_again() -> None:
    """A ledger with a day of work is filled, and its page drawn as wide as in the README."""
    if not CHROMIUM.exists():
        lacking("needs a browser (apt-get install chromium)")
    shown = (CHECKOUT / "docs/status-page.png").read_bytes()
    assert width(picture.screenshot()) == width(shown)
