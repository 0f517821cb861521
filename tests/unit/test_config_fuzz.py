"""Whatever the file holds, it is read or refused, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.checkout import CHECKOUT
from watcher import config
from watcher.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = (CHECKOUT / "config" / "watcher.example.toml").read_text(encoding="utf-8")
LINES = EXAMPLE.splitlines()
KEYS = [n for n, line in enumerate(LINES) if " = " in line and not line.startswith("#")]
ODD = [
    *(
        "true",
        "0",
        "-1",
        "1e400",
        "nan",
        "[]",
        "{}",
        "[[]]",
        "[1]",
        '[""]',
        "{ a = 1 }",
        '["{"]',
        "0x" + "f" * 9000,
    ),
    *(
        "1979-05-27",
        "07:32:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31",
    ),
    *(
        '""',
        '" "',
        '"\\u0000"',
        '"\\n"',
        '"{"',
        '"}"',
        '"{0}"',
        '"{a.b}"',
        '"{modified:%}"',
        '"["',
        '"(?P<a>"',
        '"a{99999999999}"',
    ),
    *(
        '"//"',
        '"http://"',
        '"http://["',
        '"http://[::1"',
        '"oss://"',
        '"0s"',
        '"1.1.1.1:1"',
        '"\\U0010FFFF"',
        '"[[a]--b]"',
    ),
]
texts = st.text().map(lambda text: '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"')
odd = st.sampled_from(ODD) | texts | st.integers().map(str) | st.floats().map(repr)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "watcher.toml"


def read(path: Path, content: bytes) -> None:
    """Read or refuse."""
    path.write_bytes(content)
    try:
        config.load(path)
    except ConfigError as error:
        problems = error.problems
    else:
        problems = ("none",)
    assert problems
    assert all(line.isprintable() for line in problems)


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(KEYS), odd, min_size=1, max_size=4))
def test_any_value_is_read_or_refused(path: Path, changes: dict[int, str]) -> None:
    lines = [
        f"{line.split(' = ')[0]} = {changes[n]}" if n in changes else line
        for n, line in enumerate(LINES)
    ]
    read(path, "\n".join(lines).encode())


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(EXAMPLE)), length=st.integers(0, 40), between=st.binary(max_size=8))
def test_any_damage_is_read_or_refused(path: Path, at: int, length: int, between: bytes) -> None:
    content = EXAMPLE.encode()
    read(path, content[:at] + between + content[at + length :])


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(path: Path, content: bytes) -> None:
    read(path, content)


@given(order=st.permutations(LINES))
@settings(max_examples=50, deadline=None)
def test_any_order_of_lines_is_read_or_refused(path: Path, order: list[str]) -> None:
    read(path, "\n".join(order).encode())
