"""The code that decides does not change unnoticed under the ranges that ledgers remember."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import pytest

from tests.support import decision_sources
from tests.support.decision_sources import COMMAND, RECORD, ROOT, digest, record, sources

if TYPE_CHECKING:
    from pathlib import Path


def test_a_change_of_the_deciding_sources_is_recorded_with_the_decision_version() -> None:
    recorded, now = json.loads(RECORD.read_text()), record()
    assert now == recorded, (
        "The code that decides what a scan records has changed. If the same listing would now be "
        "recorded differently, raise DECISION_VERSION in watcher/rules/decision_version.py. "
        f"Then record the sources: {COMMAND}"
    )


def test_rules_that_a_deciding_source_imports_are_deciding_sources_too() -> None:
    known = {path.relative_to(ROOT) for path in sources()}
    for path in sources():
        for imported in _rules_imported(path):
            assert imported.relative_to(ROOT) in known, (
                f"{path.name} decides by {imported.name}: add it to PATTERNS of decision_sources"
            )


_DECIDE_NOTHING = {"backoff", "decision_version", "instants", "units"}  # waits, texts, the version


def _rules_imported(path: Path) -> list[Path]:
    """Return the modules of rules/ that a file imports when it runs."""
    names = {
        node.module.rpartition(".")[2]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("watcher.rules.")
    }
    return [ROOT / f"watcher/rules/{name}.py" for name in sorted(names - _DECIDE_NOTHING)]


def test_a_source_that_was_moved_is_not_left_out_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decision_sources, "PATTERNS", ("watcher/rules/no_such_module.py",))
    with pytest.raises(FileNotFoundError, match="moved"):
        sources()


def test_comments_docstrings_and_layout_do_not_count_and_a_figure_does() -> None:
    source = 'LIMIT = 3\n"""How many."""\n\ndef fits(n: int) -> bool:\n    return n < LIMIT\n'
    reworded = (
        '"""A module."""\nLIMIT = (\n    3  # objects\n)\n"""The most."""\n'
        'def fits(n: int) -> bool:\n    """Whether it is."""\n    return n < LIMIT\n'
    )
    assert digest(source) == digest(reworded)
    assert digest(source) != digest(source.replace("3", "4"))
