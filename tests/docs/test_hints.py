"""Hints name only commands and options that exist, and no file that an installation lacks."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.cli.test_backfill_inventory import READ
from tests.support.checkout import CHECKOUT
from tests.support.inventories import KEY, SHELF, Shelf
from watcher.cli import cli
from watcher.config.examples import CONFIG, FAULTS, example
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

PACKAGE = CHECKOUT / "watcher"
FILES = sorted(PACKAGE.rglob("*.py"))
OURS = re.compile(r"oss-vod-watcher((?: (?:-[a-z]|--[a-z-]+|[a-z]+))+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OF_OTHERS = {"--profile", "--env-file", "--reference"}  # of aliyun, docker, chown
IN_CHECKOUT = re.compile(
    r"(?<![\w/])(?:config|tests|docs|systemd|\.ci)/[\w.-]*\w|\w+\.example\.toml|Makefile|pyproject\.toml|CHANGELOG|README[\w.-]*\.md"
)
ENDPOINT = "The bucket you are attempting to access must be addressed using the specified endpoint."
WRITTEN_BY_PEOPLE = {"config/watcher.toml"}


@cache
def texts(path: Path) -> list[tuple[int, str]]:
    """Return (line, text) of all strings of a module but its docstrings.

    Values that are filled in are left out.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    shown = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    shown |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
            found.append((node.lineno, "".join(map(str, parts))))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in shown | inner
        ):
            found.append((node.lineno, node.value))
    return found


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command by its words, the program itself first."""
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def options(command: click.Command) -> set[str]:
    return {word for param in command.params for word in (*param.opts, *param.secondary_opts)} | {
        "--help",
        "--version",
    }


ALL_OPTIONS = set().union(*map(options, COMMANDS.values()))


def problems(text: str) -> list[str]:
    """Return what a text names that is not there."""
    found = [name for name in IN_CHECKOUT.findall(text) if name not in WRITTEN_BY_PEOPLE]
    found += [word for word in OPTION.findall(text) if word not in ALL_OPTIONS | OF_OTHERS]
    for said in OURS.findall(text):
        words = said.split()
        path: tuple[str, ...] = ()
        while words and (*path, words[0]) in COMMANDS:
            path = (*path, words.pop(0))
        if words and words[0][0] != "-" and (not path or isinstance(COMMANDS[path], click.Group)):
            found.append(f"oss-vod-watcher {' '.join((*path, words[0]))}")
        allowed = options(COMMANDS[path]) | options(cli)
        found += [
            f"{' '.join(path)} {word}"
            for word in words
            if word.startswith("-") and word not in allowed
        ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_a_text_names_is_there(path: Path) -> None:
    named = (
        {}
        if path.name == "examples.py"
        else {text: wrong for _, text in texts(path) if (wrong := problems(text))}
    )
    assert named == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Run `oss-vod-watcher ledger init` first.", []),
        ("Run oss-vod-watcher retry --all-failed.", []),
        ("Run `oss-vod-watcher -c watcher.toml scan`.", []),
        ("Run `oss-vod-watcher doctor`.", ["oss-vod-watcher doctor"]),
        ("Run `oss-vod-watcher ledger mend`.", ["oss-vod-watcher ledger mend"]),
        ("Run `oss-vod-watcher scan --all-failed`.", ["scan --all-failed"]),
        ("Add --force.", ["--force"]),
        (
            "Copy config/watcher.example.toml to config/watcher.toml.",
            ["config/watcher.example.toml"],
        ),
        ("See README.zh-CN.md.", ["README.zh-CN.md"]),
    ],
)
def test_a_wrong_name_is_found(text: str, wrong: list[str]) -> None:
    assert problems(text) == wrong


def test_the_texts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        '"""Doc --no."""\nx = "a --yes"\ny = f"run {x} --now"\n'
        'def f():\n    """Doc."""\n    return ("b" "c")\n'
    )
    assert sorted(text for _, text in texts(path)) == ["a --yes", "bc", "run \0 --now"]


@pytest.mark.parametrize("command", [path for path in COMMANDS if path], ids=" ".join)
def test_help_names_only_what_is_there(command: tuple[str, ...]) -> None:
    shown = COMMANDS[command].get_help(
        click.Context(COMMANDS[command], info_name=" ".join(command))
    )
    assert problems(shown) == []


def test_an_inventory_in_a_bucket_that_is_not_there_is_not_the_watchs_source(
    workspace: Workspace,
) -> None:
    ran = workspace.backfill("--list-manifest-from", f"oss://no-such-bucket/{KEY}")
    assert ran.status == 5
    assert "OSS refused the inventory's bucket no-such-bucket: NoSuchBucket" in ran.err
    assert "Correct the address in --list-manifest-from" in ran.err
    assert "`source`" not in ran.err


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        ({"kind": "access_denied"}, f"Grant oss:GetObject on acs:oss:*:*:{SHELF}/*"),
        (
            {"kind": "error", "status": 403, "code": "AccessDenied", "message": ENDPOINT},
            "Name an inventory in the region of the watch",
        ),
    ],
)
def test_an_inventory_that_is_refused_gets_a_cure_of_its_own(
    workspace: Workspace, sandbox: Sandbox, fault: dict[str, Any], cure: str
) -> None:
    Shelf(sandbox).picture()
    sandbox.hook = Faults(Fault(operation="GetObject", **fault))
    ran = workspace.backfill(*READ)
    assert ran.status == 5
    assert f"the inventory's bucket {SHELF}" in ran.err
    assert cure in ran.err
    assert "`source`" not in ran.err


def test_the_examples_that_are_named_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From wherever the program is started, in a checkout and in an installation."""
    for name in (CONFIG, FAULTS):
        assert example(name) == f"config/{name}"
    monkeypatch.chdir(tmp_path)
    for name in (CONFIG, FAULTS):
        assert Path(example(name)).is_absolute()
        assert Path(example(name)).is_file()


def test_a_wheel_holds_the_examples() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    put = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert put == {f"config/{name}": f"watcher/example_files/{name}" for name in (CONFIG, FAULTS)}
    assert all((PACKAGE.parent / source).is_file() for source in put)


def test_an_installed_program_names_its_own_copy(tmp_path: Path) -> None:
    """As a wheel lays it out, without a checkout around it."""
    installed = tmp_path / "site-packages" / "watcher"
    shutil.copytree(PACKAGE, installed, ignore=shutil.ignore_patterns("__pycache__"))
    (installed / "example_files").mkdir()
    for name in (CONFIG, FAULTS):
        shutil.copy(PACKAGE.parent / "config" / name, installed / "example_files" / name)
    (tmp_path / "elsewhere").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "watcher", "scan"],
        cwd=tmp_path / "elsewhere",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(installed.parent)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 2
    assert (
        f"Copy {installed / 'example_files' / CONFIG} to config/watcher.toml" in ran.stderr.decode()
    )
