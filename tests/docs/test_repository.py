"""The rules of the tree: the places of files, sizes, words, and the files for the tools."""

import ast
import graphlib
import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

import watcher
from tests.support.checkout import CHECKOUT

FOLDERS = {".ci", "config", "docs", "state", "systemd", "tests", "watcher"}
FILES = {
    *(".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "README.zh-CN.md"),
    *("constraints.txt", "pyproject.toml"),
}
MOST_LINES = 330
MOST_ROOT_MODULES = 8
MOST_FUNCTION_LINES = 50
MOST_METHODS = 20
MOST_PARAMETERS = 10
# One history in order: no part of it is of use alone.
LONG_FUNCTIONS = {
    "tests/cli/test_audit.py: test_every_object_of_a_busy_bucket_is_counted_where_it_belongs",
}
# A sequence with a property for each column of a page.
LARGE_CLASSES = {"watcher/model/listed.py: Objects"}
# Words of the private vocabulary that plain ones have replaced.
DROPPED_WORDS = re.compile(r"\b(?:told|tells|whoever|anew|gone on with)\b", re.IGNORECASE)
DROPPED_WORDS_ALLOWED = {
    "tests/docs/test_pages.py": "names the words",
    "tests/docs/test_repository.py": "names the words",
    "tests/ledger/older/ledger_0003.sql": "a ledger as an older version left it",
    "tests/ledger/older/ledger_0004.sql": "a ledger as an older version left it",
    "watcher/ledger/sqlite/schema.py": "SQLite keeps the text of released migrations",
}


def tracked_files() -> list[str]:
    """Return what a commit of the work tree as it is would hold."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs Git, and a checkout rather than an unpacked archive")
    return [name for name in done.stdout.split("\0") if name and (CHECKOUT / name).exists()]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_top_level_holds_what_the_design_says_and_nothing_else() -> None:
    names = tracked_files()
    assert {name.split("/")[0] for name in names if "/" in name} == FOLDERS
    assert {name for name in names if "/" not in name} == FILES


def test_no_python_file_is_too_long_to_read() -> None:
    lengths = {
        name: len((CHECKOUT / name).read_text(encoding="utf-8").splitlines())
        for name in python_files()
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


def python_files() -> list[str]:
    return [name for name in tracked_files() if name.endswith(".py")]


def test_the_root_of_the_package_holds_few_modules() -> None:
    modules = [name for name in python_files() if re.fullmatch(r"watcher/\w+\.py", name)]
    assert len(modules) <= MOST_ROOT_MODULES, modules


def test_no_function_is_too_long_to_read() -> None:
    lengths = {
        f"{name}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name in python_files()
        for node in ast.walk(ast.parse((CHECKOUT / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    too_long = {place: n for place, n in lengths.items() if n > MOST_FUNCTION_LINES}
    assert too_long.keys() - LONG_FUNCTIONS == set()


def test_no_class_does_the_work_of_two() -> None:
    methods = {
        f"{name}: {node.name}": sum(isinstance(each, ast.FunctionDef) for each in node.body)
        for name in python_files()
        if name.startswith("watcher/")
        for node in ast.walk(ast.parse((CHECKOUT / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    too_large = {place: n for place, n in methods.items() if n > MOST_METHODS}
    assert too_large.keys() - LARGE_CLASSES == set()


def test_no_function_of_the_program_has_too_many_parameters() -> None:
    parameters = {
        f"{name}: {node.name}": len(
            [each for each in (*node.args.args, *node.args.kwonlyargs) if each.arg != "self"]
        )
        for name in python_files()
        if name.startswith("watcher/")
        for node in ast.walk(ast.parse((CHECKOUT / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert {place: n for place, n in parameters.items() if n > MOST_PARAMETERS} == {}


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, the first one again at the end."""
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_imports_form_a_circle_those_inside_functions_counted() -> None:
    """Imports for type annotations alone are left out: none of them runs."""
    graph = grimp.build_graph("watcher", exclude_type_checking_imports=True, cache_dir=None)
    assert "watcher.daemon.daemon" in graph.modules
    imports = {each: graph.find_modules_directly_imported_by(each) for each in graph.modules}
    assert circle_in(imports) == []


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) in (["b", "c", "b"], ["c", "b", "c"])


def test_dropped_words_stay_away() -> None:
    found = []
    for name in tracked_files():
        if name in DROPPED_WORDS_ALLOWED:
            continue
        try:
            lines = (CHECKOUT / name).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # a picture
            continue
        found += [
            f"{name}:{n}: {line}" for n, line in enumerate(lines, 1) if DROPPED_WORDS.search(line)
        ]
    assert found == []


def test_each_allowed_place_of_a_dropped_word_still_has_one() -> None:
    for name in DROPPED_WORDS_ALLOWED:
        assert DROPPED_WORDS.search((CHECKOUT / name).read_text(encoding="utf-8")), name


def test_a_readme_shows_no_generator_code() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (CHECKOUT / name).read_text(encoding="utf-8")
        assert "[[[" not in text, name
        assert "import " not in re.sub(r"```.*?```", "", text, flags=re.DOTALL), name


def test_every_test_function_is_in_a_file_that_pytest_collects() -> None:
    strays = [
        name
        for name in tracked_files()
        if name.startswith("tests/")
        and name.endswith(".py")
        and not Path(name).name.startswith("test_")
        if re.search(r"^def test_", (CHECKOUT / name).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert strays == []


def test_constraints_are_names_and_versions_without_addresses() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [
        line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)
    ] == []


def test_every_dependency_is_pinned() -> None:
    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    project = pyproject()["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    names = {plain(re.split(r"[^\w.-]", requirement)[0]) for requirement in wanted}
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert names - {plain(line.split("==")[0]) for line in lines} == set()


def test_ci_can_be_started() -> None:
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_the_changelog_knows_this_version() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[?([\w.]+)", text, re.MULTILINE)
    assert headings, "no '## VERSION' heading"
    released = [heading for heading in headings if heading.lower() != "unreleased"]
    assert released[:1] in ([], [watcher.__version__])


def test_import_contracts_speak_of_modules_that_exist() -> None:
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    words = [
        word
        for contract in contracts
        for line in contract.get("layers", []) + contract.get("source_modules", [])
        for word in re.split(r"[\s:|()]+", line)
        if word
    ]
    assert words
    assert [word for word in words if importlib.util.find_spec(word) is None] == []
