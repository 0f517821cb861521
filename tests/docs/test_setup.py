"""`make install` and `make uninstall`, as far as that needs neither root nor packages."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

UNITS = [*(CHECKOUT / "systemd").glob("*.service"), *(CHECKOUT / "systemd").glob("*.timer")]


def setup(verb: str, **variables: object) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in variables.items()}
    command = ["sh", "systemd/setup.sh", verb]
    return subprocess.run(
        command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )


def test_uninstalling_takes_away_what_was_installed_and_nothing_that_people_wrote(
    tmp_path: Path,
) -> None:
    kept = [
        "etc/oss-vod-watcher/watcher.toml",
        "var/lib/oss-vod-watcher/ledger.db",
        "etc/credstore/access-key-id",
        "etc/systemd/system/oss-vod-watcher.service.d/mine.conf",
    ]
    gone = [
        "usr/local/bin/oss-vod-watcher",
        "usr/local/lib/oss-vod-watcher/bin/python",
        "usr/local/lib/sysusers.d/oss-vod-watcher.conf",
        "usr/local/lib/tmpfiles.d/oss-vod-watcher.conf",
        "etc/oss-vod-watcher/watcher.example.toml",
        *(f"usr/local/lib/systemd/system/{unit.name}" for unit in UNITS),
    ]
    for name in (*kept, *gone):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    done = setup("uninstall", DESTDIR=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    left = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(map(str, left)) == sorted(kept)
    for place in ("/etc/oss-vod-watcher", "/var/lib/oss-vod-watcher", "/etc/credstore"):
        assert place in done.stdout


def test_a_prefix_that_is_no_absolute_path_is_refused(tmp_path: Path) -> None:
    done = setup("install", DESTDIR=tmp_path, PREFIX="usr")
    assert done.returncode == 1
    assert "slash" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    done = setup("install", DESTDIR=tmp_path, PYTHON=tmp_path / "python")
    assert done.returncode == 1
    assert "no Python 3.11 or later" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_in_a_home_folder_is_refused_since_services_do_not_see_it(
    tmp_path: Path,
) -> None:
    """The stand-in says yes to every question, as one below /home would say yes to that one."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n", encoding="utf-8")
    python.chmod(0o755)
    done = setup("install", DESTDIR=tmp_path / "package", PYTHON=python)
    assert done.returncode == 1
    assert "home folder" in done.stderr
