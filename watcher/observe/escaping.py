"""Escapes text from outside, so that it cannot break a line or steer a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with unprintable characters escaped as in Python: \n, \x1b, \u202e."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def one_line(text: str) -> str:
    r"""Return JSON or a log line with unprintable characters escaped as \uXXXX, as in JSON.

    The ideographic space stays, so that Chinese text remains readable.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\u3000" else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
