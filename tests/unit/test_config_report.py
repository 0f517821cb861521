"""The report of a wrong configuration: all problems at once, no secret, and unreadable files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.config_problems import one_watch, problems
from watcher import config
from watcher.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "watcher.toml"


def test_all_problems_are_in_one_report(path: Path) -> None:
    text = (
        'zone = "UTC"\n[vod]\nregion = "oss-cn-shanghai"\ncalls_per_second = "many"\n[log]\nlevel '
        '= "loud"\n'
        + one_watch(start="", schedule='"often"')
        + one_watch(source='"oss://B/"', min_size='"2M"', max_size='"1M"')
        + '[watch.media]\ntitle = "{nope}"\ntags = ["a,b", "ok", ""]\n'
    )
    places = [
        line.split(" = ")[0].rpartition(": ")[2] if " = " in line else line
        for line in problems(path, text)
    ]
    assert len(places) == 12
    for word in (
        "vod.region",
        "vod.calls_per_second",
        "log.level",
        "schedule",
        "source",
        "max_size",
        "media.tags[2]",
    ):
        assert word in places
    for start in (
        "zone: ",
        'watch[0] "videos": start: ',
        'watch[1] "videos": media.title: ',
        'watch[1] "videos": name: ',
    ):
        assert any(place.startswith(start) for place in places)


def test_the_report_starts_with_the_file_and_the_number_of_problems(path: Path) -> None:
    path.write_text(one_watch(start="", source=""))
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value).splitlines()[0] == f"{path}: 2 problems"
    assert caught.value.exit_status == 2


def test_a_secret_is_never_repeated(path: Path) -> None:
    text = (
        'access_key_secret = "hush1"\n[network]\nproxy = "http://u:hush2@h h"\n[notify]\nurl = '
        '"h?token=hush3"\n'
        '[credentials]\nsecurity_token = "hush4"\n' + one_watch(start="")
    )
    assert "hush" not in "\n".join(problems(path, text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = 1\nb = [1, 2\n", "end of document: not TOML: Unclosed array."),
        (
            b"name = videos\n",
            'line 1, column 8: not TOML: Invalid value. Text needs quotes: name = "videos".',
        ),
        (b"[vod]\n[vod]\n", "A table may stand there once"),
        (b"a = 1\na = 2\n", "A key may stand there once."),
        (b"a = " + b"9" * 5000, "not TOML"),
        (b"a = " + b"[" * 5000, "Nested too deeply"),
        (b"a = 1\nb = '\xff'\n", "line 2: not UTF-8. Save the file as UTF-8."),
        ("a = 1".encode("utf-16"), "line 1: not UTF-8."),
        (b"\x00", "not TOML"),
        (b"#" * 1_048_577, "Longer than a megabyte"),
    ],
)
def test_a_file_that_is_no_toml_says_where(path: Path, content: bytes, words: str) -> None:
    found = problems(path, content)
    assert len(found) == 1
    assert words in found[0]


def test_keys_nested_without_end_are_one_unknown_key(path: Path) -> None:
    found = problems(path, f"{'.'.join('a' * 3000)} = 1\n{one_watch()}")
    assert len(found) == 1


def _missing(path: Path) -> Path:
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _unreadable(path: Path) -> Path:
    path.write_text(one_watch())
    path.chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    return path


def _below_a_file(path: Path) -> Path:
    path.write_text(one_watch())
    return path / "watcher.toml"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "There is no such file. Copy config/watcher.example.toml there"),
        (_folder, "A folder, not a file. Copy config/watcher.example.toml there"),
        (_unreadable, "Not allowed to read it."),
        (_below_a_file, "Cannot be read: Not a directory."),
        (lambda _: Path("a\0b"), "Cannot be read: no valid name."),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(
    path: Path, make: Callable[[Path], Path], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(make(path))
    assert words in caught.value.problems[0]
