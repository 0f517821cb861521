"""Reads one glob: braces, wildcards, classes and escapes."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

MAX_ALTERNATIVES: Final = 1000
"""The braces of one glob may stand for this many globs without braces."""


class Wild(Enum):
    """Match any number of characters."""

    STAR = "*"
    DOUBLE = "**"
    DIRECTORIES = "**/"


Token = str | Wild  # a str is a regular expression for exactly one character
Flat = tuple[Token, ...]  # a glob without braces


def parse(glob: str) -> list[Flat]:
    """Return the globs without braces that `glob` stands for.

    Raises:
        ValueError: the glob is malformed; the message continues a sentence on it.
    """
    return _Parser(glob).sequence(end="")


def character(escaped: str) -> str:
    """Return the character that a token of one escaped character stands for."""
    return escaped[-1]


class _Parser:
    """Reads one glob; returns every glob without braces that it stands for."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._at = 0

    def sequence(self, *, end: str) -> list[Flat]:
        """Read up to one of the characters of `end`, without that character."""
        flats: list[Flat] = [()]
        while self._at < len(self._glob) and self._glob[self._at] not in end:
            following = self._braces() if self._glob[self._at] == "{" else [(self._token(),)]
            if len(flats) * len(following) > MAX_ALTERNATIVES:
                raise ValueError(f"stands for more than {MAX_ALTERNATIVES} globs: use fewer braces")
            flats = [flat + more for flat in flats for more in following]
        return flats

    def _braces(self) -> list[Flat]:
        flats: list[Flat] = []
        while True:
            self._at += 1  # past "{" or ","
            flats += self.sequence(end=",}")
            if self._at == len(self._glob):
                raise ValueError(
                    r'has a "{" without "}": close it, or write \{ for the character itself'
                )
            if self._glob[self._at] == "}":
                self._at += 1
                return flats

    def _token(self) -> Token:
        match self._glob[self._at]:
            case "*":
                start = self._at
                while self._glob[self._at : self._at + 1] == "*":
                    self._at += 1
                return Wild.STAR if self._at - start == 1 else Wild.DOUBLE
            case "?":
                self._at += 1
                return "[^/]"
            case "[":
                return self._class()
            case _:
                return self._literal()

    def _literal(self) -> str:
        """Read one character, behind a backslash or not."""
        if self._glob[self._at] == "\\":
            self._at += 1
            if self._at == len(self._glob):
                raise ValueError(r"ends in a backslash: write \\ for the character itself")
        self._at += 1
        return re.escape(self._glob[self._at - 1])

    def _class(self) -> str:
        """Read `[...]`."""
        self._at += 1
        negated = self._glob[self._at : self._at + 1] == "!"
        self._at += negated
        if self._glob[self._at : self._at + 1] == "^":
            raise ValueError(
                r"has a class that starts with ^: write [!...] for none of these, [\^...] for the "
                r"character"
            )
        members: list[str] = []
        while not members or self._glob[self._at : self._at + 1] != "]":  # a first "]" is a member
            members.append(self._member())
        self._at += 1
        return f"(?!/)[{'^' if negated else ''}{''.join(members)}]"

    def _member(self) -> str:
        """Read one character of a class, or a range."""
        low = self._class_character()
        ahead = self._glob[self._at : self._at + 2]
        if not ahead.startswith("-") or ahead in ("-", "-]"):
            return low
        self._at += 1
        high = self._class_character()
        if character(high) < character(low):
            raise ValueError(
                f"has the range {character(low)}-{character(high)}: write the lower character first"
            )
        return f"{low}-{high}"

    def _class_character(self) -> str:
        if self._at == len(self._glob):
            raise ValueError(
                r'has a "[" without "]": close it, or write \[ for the character itself'
            )
        literal = self._literal()
        if literal == "/":
            raise ValueError('has a "/" in a class: a class never matches it, write it outside')
        return literal
