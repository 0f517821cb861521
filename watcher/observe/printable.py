"""Text that neither breaks a line nor steers a terminal, whatever a key or an answer holds."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Return the text with all that could do so escaped as \uXXXX; Chinese stays readable."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\u3000" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
