"""The rules of the house: what lies where, how large it may grow, and what the files for the tools promise."""

import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import watcher

CHECKOUT = Path(__file__).parents[1]
FOLDERS = {".ci", "config", "state", "systemd", "tests", "watcher"}
FILES = {
    *(".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "README.zh-CN.md"),
    *("constraints.txt", "pyproject.toml"),
}
MOST_LINES = 330


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
        for name in tracked_files()
        if name.endswith(".py")
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


def test_every_test_function_is_in_a_file_that_pytest_collects() -> None:
    strays = [
        name
        for name in tracked_files()
        if name.startswith("tests/") and name.endswith(".py") and not Path(name).name.startswith("test_")
        if re.search(r"^def test_", (CHECKOUT / name).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert strays == []


def test_constraints_are_names_and_versions_without_addresses() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []


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
