"""The sources that `DECISION_VERSION` stands for, as one digest.

Record it, after a look at `watcher/rules/decision_version.py`:

    python -m tests.support.decision_sources
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watcher.rules.decision_version import DECISION_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
RECORD: Final = ROOT / "tests/unit/decision_sources.json"
COMMAND: Final = "python -m tests.support.decision_sources"

PATTERNS: Final = (
    "watcher/discovery/listing/cutting.py",
    "watcher/discovery/recorder.py",
    "watcher/discovery/selector.py",
    "watcher/ledger/entry_record.py",
    "watcher/ledger/sqlite/discovery.py",
    "watcher/ledger/sqlite/known_rows.py",
    "watcher/ledger/sqlite/recording.py",
    "watcher/ledger/transitions.py",
    "watcher/model/__init__.py",
    "watcher/model/listed.py",
    "watcher/model/starts.py",
    "watcher/oss/listing/*.py",
    "watcher/rules/columns.py",
    "watcher/rules/filters.py",
    "watcher/rules/glob_parser.py",
    "watcher/rules/globs.py",
    "watcher/rules/junk.py",
    "watcher/rules/keyspace.py",
    "watcher/rules/page_globs.py",
    "watcher/rules/selection.py",
    "watcher/rules/starts.py",
)
"""Everything between the body of an answer and the rows of the ledger."""


def sources() -> list[Path]:
    """Return the files, in order.

    Raises:
        FileNotFoundError: a pattern names no file; was one moved?
    """
    found: list[Path] = []
    for pattern in PATTERNS:
        files = sorted(ROOT.glob(pattern))
        if not files:
            raise FileNotFoundError(f"{pattern}: moved? Correct PATTERNS in {__file__}")
        found += files
    return found


def record() -> dict[str, object]:
    """Return the version, and the digest of each file, which ignores comments and docstrings."""
    digests = {str(path.relative_to(ROOT)): digest(path.read_text()) for path in sources()}
    return {"version": DECISION_VERSION, "sources": digests}


def digest(source: str) -> str:
    """Return a digest of what a module does: not of its comments, docstrings and layout."""
    shape = "\n".join(_shape(ast.parse(source)))
    return hashlib.sha256(shape.encode()).hexdigest()[:16]


def _shape(node: object) -> Iterator[str]:
    """Yield the tree of a module; what is empty is left out, as the interpreters differ in it."""
    if isinstance(node, list):
        for each in node:
            yield from _shape(each)
    elif isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name in {"ctx", "kind", "type_comment"} or value is None or value == []:
                continue
            yield name
            yield from _shape(_without_texts(value) if name == "body" else value)
        yield ")"
    else:
        yield repr(node)


def _without_texts(body: object) -> object:
    """Return a body without docstrings, and without the strings that describe a constant."""
    if not isinstance(body, list):
        return body
    return [
        each
        for each in body
        if not (
            isinstance(each, ast.Expr)
            and isinstance(each.value, ast.Constant)
            and isinstance(each.value.value, str)
        )
    ]


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(), indent=2) + "\n")
