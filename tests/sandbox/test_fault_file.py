"""Faults from a file: the example, and every problem that a file can have."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import CHECKOUT
from watcher.errors import UsageError
from watcher.sandbox.faults import Fault
from watcher.sandbox.faults.file import load
from watcher.sandbox.faults.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspace import Workspace

EXAMPLE = CHECKOUT / "config" / "faults.example.toml"


def problems(path: Path, text: str) -> list[str]:
    """Return the lines of the error for a file with this text."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        load(path)
    assert refused.value.hint
    return str(refused.value).splitlines()


def test_the_example_shows_every_kind_that_a_file_can_have() -> None:
    assert {fault.kind for fault in load(EXAMPLE)} == KINDS.keys() - {"call"}


def test_a_table_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(
        '[[fault]]\nkind = "timeout"\noperation = "RegisterMedia"\n'
        "skip = 1\nnext = 2\nevery = 3\nprobability = 1\nseed = 4\n"
        'keys = ["视频.mp4"]\nbucket = "b"\neffect = "after"\nseconds = 0.5\n\n'
        '[[fault]]\nkind = "reset"\n',
        encoding="utf-8",
    )
    assert load(path) == (
        Fault(
            kind="timeout", operation="RegisterMedia", skip=1, next=2, every=3, probability=1,
            seed=4, keys=("视频.mp4",), bucket="b", effect="after", seconds=0.5,
        ),
        Fault(kind="reset"),
    )  # fmt: skip
    path.write_text("", encoding="utf-8")
    assert load(path) == ()


def test_every_problem_is_listed_with_the_number_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    text = (
        '[[fault]]\nkind = "rest"\nprobability = 2\n[[fault]]\nkind = "reset"\n'
        '[[fault]]\nkeys = ["a", 1]\nskip = true\nnxt = 1\n[[fault]]\nkind = "call"\n'
    )
    assert problems(path, text) == [
        f"{path}: 7 problems",
        "[[fault]] 1: kind: there is no rest; reset is meant?",
        "[[fault]] 1: probability: must be above 0 and at most 1, not 2",
        "[[fault]] 3: kind: missing",
        "[[fault]] 3: keys: must be a list of texts, not ['a', 1]",
        "[[fault]] 3: skip: must be a whole number, not True",
        "[[fault]] 3: nxt: unknown key; next is meant?",
        "[[fault]] 4: kind: call is for tests in Python, which give it a function",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[fault]\n", "is not TOML"),
        ('[fault]\nkind = "reset"\n', "fault: write [[fault]], with two brackets"),
        ('[[faults]]\nkind = "reset"\n', "faults: unknown; only [[fault]] tables belong here"),
        ("fault = [1]\n", "[[fault]] 1: not a table"),
    ],
)
def test_a_file_without_a_list_of_faults_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    assert message in "\n".join(problems(tmp_path / "faults.toml", text))


def test_the_program_refuses_a_wrong_file_before_it_listens(workspace: Workspace) -> None:
    wrong = workspace.folder / "wrong.toml"
    wrong.write_bytes(b"\xff")
    for path, message in (
        (wrong, "is not UTF-8"),
        (workspace.folder / "missing.toml", "cannot be read"),
    ):
        done = workspace.run("sandbox", "--faults", str(path))
        assert (done.status, done.out) == (2, "")
        assert f"{path.name} {message}" in done.err


@pytest.mark.parametrize("name", ["BAD_NAME", "", "a", "bucket/prefix"])
def test_the_program_refuses_a_wrong_bucket_before_it_listens(
    workspace: Workspace, name: str
) -> None:
    done = workspace.run("sandbox", "--bucket", name)
    assert (done.status, done.out) == (2, "")
    assert f'"{name}" is not a bucket\'s name' in done.err


def test_the_sandbox_prints_a_configuration_and_nothing_else(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "watcher", "sandbox", "--faults", str(EXAMPLE)]
    with subprocess.Popen(
        command, env=workspace.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout
        assert program.stdout.readline().startswith(b"# export ALIBABA_CLOUD_ACCESS_KEY_ID=")
        program.terminate()
        rest, errors = program.communicate(timeout=30)
    assert (program.returncode, errors) == (0, b"")
    assert all(not line or line[:1] in b"#[" or b" = " in line for line in rest.splitlines())
