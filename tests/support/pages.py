"""Markdown pages taken apart: sections, code blocks, commands, tables, figures, links."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


README = CHECKOUT / "README.md"
ENGLISH = sorted(
    page for page in (README, *(CHECKOUT / "docs").glob("*.md")) if ".zh-CN" not in page.name
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CELL = re.compile(r"(?<!\\)\|")
_FIGURE = re.compile(r"(?<![\w.])\d[\d,./]*(?<![,./])")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block: its language, its text."""

    language: str
    text: str


@dataclass(slots=True)
class Section:
    """Return the text between two headings; `level` is 1 for the title."""

    level: int
    title: str
    blocks: list[Block] = field(default_factory=list)
    text: str = ""  # without code blocks

    @property
    def prose(self) -> str:
        """Return the text without code and without the targets of links."""
        return _LINK.sub("]", _SPAN.sub("``", self.text))

    @property
    def code(self) -> Counter[str]:
        """Return what stands in backquotes, and how often."""
        return Counter(_SPAN.findall(self.text))

    @property
    def figures(self) -> Counter[str]:
        """Return the numbers of the prose, and how often: "10,000" and "10000" are one."""
        return Counter(found.replace(",", "") for found in _FIGURE.findall(self.prose))

    @property
    def links(self) -> list[str]:
        """Return the targets of all links and pictures."""
        return _LINK.findall(self.text)

    @property
    def shape(self) -> list[str]:
        """Return what the lines are: an item of a list, a row of so many cells, a picture."""
        found = []
        for line in self.text.splitlines():
            if line.startswith("|"):
                found.append(f"row of {len(_CELL.findall(line)) - 1}")
            elif item := re.match(r"(- |\d+\. |!\[)", line):
                found.append(item[1])
        return found


def sections(page: Path) -> list[Section]:
    """Return a page's sections, comments left out."""
    text = _COMMENT.sub("", page.read_text(encoding="utf-8"))
    blocks = [Block(language, body) for language, body in _FENCE.findall(text)]
    found: list[Section] = []
    remaining = iter(blocks)
    for line in _FENCE.sub("\0", text).split("\n"):
        if heading := re.match(r"(#+) (.+)", line):
            found.append(Section(len(heading[1]), heading[2]))
        elif line == "\0":
            found[-1].blocks.append(next(remaining))
        else:
            found[-1].text += f"{line}\n"
    return found


def commands(block: Block) -> list[str]:
    """Return the commands of a console block, each with the lines that continue it."""
    found: list[str] = []
    for line in block.text.splitlines():
        if line.startswith(("$ ", "# ")):
            found.append(line[2:])
        else:
            found[-1] += f"\n{line}"
    return found


def without_comment(command: str) -> str:
    """Return a command without the remark behind it."""
    return re.sub(r"\s+# .*$", "", command, flags=re.MULTILINE)


def console(page: Path) -> Iterator[tuple[str, str]]:
    """Yield (title of the section, command) of all console blocks of a page, in order."""
    for section in sections(page):
        for block in section.blocks:
            if block.language == "console":
                yield from ((section.title, command) for command in commands(block))


def chinese(page: Path) -> Path:
    """Return where a page's Chinese version lies, if it has one."""
    return page.with_name(page.name.replace(".md", ".zh-CN.md"))


def anchor(title: str) -> str:
    """Return the name that GitHub gives to a heading: lower case, no punctuation, dashes."""
    plain = re.sub(r"[^\w\- ]", "", title.lower())
    return plain.replace(" ", "-")
