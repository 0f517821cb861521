"""The tables of `docs/` that come from the code: each function returns one as Markdown.

A page calls them in a comment that cog runs.  `make check` compares, and
`cog -r -P -I . docs/*.md` writes the tables again.
"""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from tests.support import doc_words, doc_words_zh, oss_operations
from tests.support.checkout import CHECKOUT
from watcher.model import Excluded, Failure
from watcher.observe import logs, metrics
from watcher.observe.web.app import ENDPOINTS
from watcher.oss import error_codes as oss
from watcher.sandbox.oss.restore import ARCHIVES
from watcher.vod import error_codes as vod

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

EXAMPLE = CHECKOUT / "config" / "watcher.example.toml"


def excluded() -> str:
    """Return why an object is not registered."""
    return _words("reason", "meaning", Excluded, doc_words.EXCLUDED)


def excluded_zh() -> str:
    """Return the same in Chinese."""
    return _words("原因", "含义", Excluded, doc_words_zh.EXCLUDED)


def failures() -> str:
    """Return why an entry is `failed`."""
    return _words("reason", "meaning", Failure, doc_words.FAILURES)


def failures_zh() -> str:
    """Return the same in Chinese."""
    return _words("原因", "含义", Failure, doc_words_zh.FAILURES)


def settings() -> str:
    """Return every setting with the comment that the example configuration has on it."""
    return _settings("The top of the file", ("setting", "default", "meaning"), example_settings())


def settings_zh() -> str:
    """Return the same in Chinese."""
    meanings, rows = doc_words_zh.SETTINGS, list(example_settings())
    names = [f"{table}.{key}".lstrip(".") for table, key, _, _ in rows]
    _complete(names, meanings)
    translated = [(*row[:3], meanings[name]) for name, row in zip(names, rows, strict=True)]
    return _settings("文件开头", ("设置", "默认值", "含义"), translated)


def events() -> str:
    """Return the log events."""
    heads = ("event", "level", "fields", "meaning", "when to alert")
    return _table(heads, ((f"`{name}`", *rest) for name, *rest in logs.table()))


def figures() -> str:
    """Return the metrics."""
    heads = ("metric", "labels", "type", "meaning", "when to alert")
    return _table(heads, ((f"`{name}`", *rest) for name, *rest in metrics.table()))


def endpoints() -> str:
    """Return the addresses of the status page."""
    return _table(("GET or HEAD", "shows"), ((f"`{each.path}`", each.shows) for each in ENDPOINTS))


def endpoints_zh() -> str:
    """Return the same in Chinese."""
    meanings = doc_words_zh.ENDPOINTS
    _complete([each.path for each in ENDPOINTS], meanings)
    rows = ((f"`{each.path}`", meanings[each.path]) for each in ENDPOINTS)
    return _table(("GET 或 HEAD", "内容"), rows)


def vod_answers() -> str:
    """Return the class of each answer of VOD, and what the program does then."""
    return _table(("VOD answers", "class", "then"), vod.table())


def oss_answers() -> str:
    """Return the class of each answer of OSS, and what the program does then."""
    return _table(("OSS answers", "class", "then"), oss.table())


def sandbox_operations() -> str:
    """Return the operations of OSS that the sandbox offers."""
    return _offered(("operation", "request", "further parameters and headers"))


def sandbox_operations_zh() -> str:
    """Return the same in Chinese."""
    return _offered(("操作", "请求", "其他参数与请求头"))


def restores() -> str:
    """Return how long the sandbox takes for a restore."""
    return _restores(("class", "priority", "takes", "days"), {1: "min", 60: "h"})


def restores_zh() -> str:
    """Return the same in Chinese."""
    return _restores(("存储类型", "优先级", "用时", "天数"), {1: "分钟", 60: "小时"})


def not_offered() -> str:
    """Return the operations of OSS that the sandbox answers with 501."""
    families = oss_operations.not_offered()
    rows = ((", ".join(f"`{name}`" for name in family),) for family in families)
    return _table(("501 `NotImplemented`",), rows)


def example_settings() -> Iterator[tuple[str, str, str, str]]:
    """Yield (table, key, default, meaning) of the example configuration.

    A meaning is the comment behind the key, with the lines below that hold nothing but a comment.
    Other tests compare the example with the code: every key of every table, with its default.
    """
    table, row = "", ("", "", "", "")
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        code, _, comment = line.partition("  #")
        key, is_setting, default = code.partition(" = ")
        if is_setting and not line.startswith("#"):
            if row[1]:
                yield row
            row = (table, key, default.strip(), comment.strip())
        elif line.startswith("["):
            if row[1]:
                yield row
            table, row = code.strip("[] "), ("", "", "", "")
        elif comment and row[1] and not code.strip():
            row = (*row[:3], f"{row[3]} {comment.strip()}")
    if row[1]:
        yield row


def _settings(top: str, heads: Sequence[str], rows: Iterable[tuple[str, str, str, str]]) -> str:
    """Return a table for each table of the file; `top` stands over the settings above them all."""

    def cells(_: str, key: str, default: str, meaning: str) -> tuple[str, ...]:
        plain = re.sub(r"([|<>*_])", r"\\\1", meaning)
        return f"`{key}`", f"`{default}`", plain

    shown = []
    for table, group in groupby(rows, key=itemgetter(0)):
        name = f"`[[{table}]]`" if table == "watch" else f"`[{table}]`" if table else top
        shown.append(f"{name}\n{_table(heads, (cells(*row) for row in group))}")
    return "\n" + "\n".join(shown)


def _restores(heads: Sequence[str], units: Mapping[int, str]) -> str:
    """`units`: the words for so many minutes."""

    def shown(minutes: int) -> str:
        largest = max(size for size in units if not minutes % size)
        return f"{minutes // largest} {units[largest]}"

    rows = (
        (f"`{name}`", f"`{tier}`" if tier else "", shown(takes_s // 60), f"1–{archive.max_days}")
        for name, archive in ARCHIVES.items()
        for tier, takes_s in archive.takes_s.items()
    )
    return _table(heads, rows)


def _offered(heads: Sequence[str]) -> str:
    rows = ((f"`{name}`", f"`{request}`", more) for name, request, more in oss_operations.offered())
    return _table(heads, rows)


def _words(name: str, meaning: str, reasons: Iterable[str], words: Mapping[str, str]) -> str:
    found = [str(reason) for reason in reasons]
    _complete(found, words)
    return _table((name, meaning), ((f"`{reason}`", words[reason]) for reason in found))


def _complete(names: Iterable[str], words: Mapping[str, str]) -> None:
    """Refuse words for names that are gone, and names without words."""
    differ = set(names) ^ set(words)
    if differ:
        raise ValueError(f"to be written, or to be removed: {', '.join(sorted(differ))}")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    return "\n".join(("", head, "|---" * len(heads) + "|", *body, ""))
