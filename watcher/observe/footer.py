"""The footer of a terminal: text that stands below the log lines, such as a progress bar."""

from __future__ import annotations

from typing import Final

_UP: Final = b"\x1b[A"  # move the cursor up by a row
_CUT: Final = b"\x1b[?7l"  # cut off rows that are too wide, e.g. in a window just made narrower
_WRAP: Final = b"\x1b[?7h"  # wrap them
_CLEAR: Final = b"\r\x1b[J"  # from the beginning of the cursor's row to the end of the screen


class Footer:
    """The wanted footer, and the one on the screen. Not safe for threads."""

    def __init__(self) -> None:
        self.wanted = b""
        self.drawn = b""
        self.mid_line = False  # True: the last line written has no line end yet

    @property
    def is_to_draw(self) -> bool:
        """Whether the screen shows another footer than it should."""
        return self.drawn != (b"" if self.mid_line else self.wanted)

    def forget(self) -> None:
        """Want no footer, and take the screen as one without."""
        self.wanted = self.drawn = b""

    def behind(self, text: bytes) -> tuple[bytes, bytes]:
        """Return the bytes to write for the lines in `text`, and the footer after them."""
        is_mid_line = not text.endswith(b"\n") if text else self.mid_line
        footer = b"" if is_mid_line else self.wanted
        if self.drawn == footer and not text:
            return b"", footer
        clear = _CLEAR if self.drawn else b""
        # The cursor waits at the footer's first row: in a narrower window the footer may need
        # more rows.
        back = b"\r" + _UP * footer.count(b"\n")
        return clear + text + (_CUT + footer + _WRAP + back if footer else b""), footer
