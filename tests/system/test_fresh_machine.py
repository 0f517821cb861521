"""A developer's first minute: nothing but Python, make and a package index, and no root."""

from collections.abc import Iterator

import pytest

from tests.support import readme
from tests.system.machine import Machine, fresh

FOLDER = "/home/guest/oss-vod-watcher"


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = fresh(tmp_path_factory.mktemp("fresh"))
    machine.run("useradd --create-home guest")
    machine.take_checkout(FOLDER, owner="guest")
    yield machine
    machine.remove()


def test_without_python3_venv_make_demo_names_the_cure_and_leaves_nothing_behind(
    debian: Machine,
) -> None:
    before = debian.run(f"ls -A {FOLDER}").stdout
    done = debian.run(f"make -C {FOLDER} demo", user="guest", check=False)
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stdout
    assert debian.run(f"ls -A {FOLDER}").stdout == before


def test_make_demo_sets_itself_up_and_registers_media_without_root(debian: Machine) -> None:
    debian.install("python3-venv")
    first = debian.run(f"make -C {FOLDER} demo", user="guest")
    assert "Installing into .venv" in first.stdout
    assert "registered" in first.stdout
    again = debian.run(f"make -C {FOLDER} demo", user="guest")
    assert "Installing" not in again.stdout
    assert "registered" in again.stdout


def test_the_readme_s_installation_puts_the_program_on_path(debian: Machine) -> None:
    """Every command of its section, in one shell of a user with sudo."""
    debian.install("sudo")
    debian.write("/etc/sudoers.d/guest", "guest ALL=(ALL) NOPASSWD: ALL\n")
    commands = readme.commands("Install")
    assert "oss-vod-watcher --version" in commands
    done = debian.run("\n".join(["set -e", f"cd {FOLDER}", *commands]), user="guest")
    assert "oss-vod-watcher, version" in done.stdout


def test_pipx_takes_the_wheel(debian: Machine) -> None:
    """After the test above, which makes the wheel."""
    debian.install("pipx")
    debian.run(f"cd {FOLDER} && pipx install dist/oss_vod_watcher-*.whl", user="guest")
    assert debian.run(
        "/home/guest/.local/bin/oss-vod-watcher --version", user="guest"
    ).stdout.startswith("oss-vod")
