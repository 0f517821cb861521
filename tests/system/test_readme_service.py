"""The README, first scan and service, pasted by a person with sudo on a booted Debian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import readme
from tests.system.conftest import CHECKOUT
from tests.system.sandbox import start_sandbox
from tests.system.service import DAEMON, ETC, STATE, Unit, entries, registered, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.machine import Booted, Machine
    from tests.system.sandbox import Sandbox

FOLDER = "/home/person/checkout"
FILES = {f"{readme.PREFIX}{n}.mp4" for n in range(12)}
SCAN_SECTION, SERVICE_SECTION = "The first scan of your bucket", "Run it as a service"
KEPT = f"{ETC} {STATE} /etc/credstore"
# There is no package index; the sandbox of the other tests comes with the program.
INSTALL = "export WHEELHOUSE=dist/wheelhouse EXTRAS=sandbox"


@pytest.fixture(scope="module")
def person(prepared: Machine, booted: Booted) -> Iterator[Booted]:
    """Make a user with sudo and a checkout; afterwards put the service back as it was."""
    prepared.write(
        "/etc/sudoers.d/person",
        'person ALL=(ALL) NOPASSWD: ALL\nDefaults env_keep += "WHEELHOUSE EXTRAS"\n',
    )
    booted.run(
        f"useradd --create-home person && cp -a {CHECKOUT} {FOLDER} && chown -R person: {FOLDER}"
    )
    booted.run(
        f"mkdir -p /root/kept {KEPT} && cp -a --parents {KEPT} /root/kept/ && "
        f"rm -rf {STATE}/* /etc/credstore"
    )
    yield booted
    booted.run(
        f"systemctl stop {DAEMON} cloud-of-the-readme && systemctl disable {DAEMON} && "
        f"rm -rf {KEPT} && cp -a /root/kept/* /"
    )


@pytest.fixture(scope="module")
def cloud(person: Booted) -> Sandbox:
    """Return the bucket of the README, with files."""
    cloud = start_sandbox(person, unit="cloud-of-the-readme", bucket=readme.BUCKET)
    cloud.put(person, *FILES, bucket=readme.BUCKET)
    return cloud


@pytest.fixture(scope="module")
def served(person: Booted, cloud: Sandbox) -> Booted:
    """Paste both sections into one shell; the first command that fails ends it."""
    keys = (cloud.access_key_id, cloud.access_key_secret)
    commands = [*readme.commands(SCAN_SECTION), *readme.commands(SERVICE_SECTION)]
    typed = [readme.on_sandbox(command, url=cloud.endpoint, keys=keys) for command in commands]
    script = "\n".join(["set -e", f"cd {FOLDER}", INSTALL, *typed])
    person.run(f"runuser -u person -- bash <<'OF_THE_PERSON'\n{script}\nOF_THE_PERSON")
    return person


def test_the_service_keeps_the_ledger_of_the_first_scan(served: Booted, cloud: Sandbox) -> None:
    before = {key: entry["media_id"] for key, entry in entries(served).items()}
    assert set(before) == FILES
    cloud.put(served, f"{readme.PREFIX}later.mp4", bucket=readme.BUCKET)
    Unit(served, DAEMON).control("restart")  # it scans at once; the schedule waits for a minute
    until("it is found", lambda: len(registered(served)) == len(FILES) + 1)
    after = {key: entry["media_id"] for key, entry in entries(served).items()}
    assert before.items() <= after.items()


def test_it_has_the_keys_and_nobody_else_does(served: Booted) -> None:
    assert Unit(served, DAEMON).is_active
    listing = served.run("stat -c '%U %a' /etc/credstore /etc/credstore/*").stdout.splitlines()
    assert listing == ["root 700", "root 600", "root 600"]
    assert served.run(f"find {STATE} -printf '%u %m %y\\n' | sort -u").stdout.splitlines() == [
        "oss-vod-watcher 600 f",
        "oss-vod-watcher 700 d",
    ]


def test_commands_by_hand_use_the_service_s_configuration(served: Booted) -> None:
    """As docs/operating.md has it: in a folder that holds no configuration."""
    printed = served.run(
        f"cd {FOLDER} && test ! -e config/watcher.toml && oss-vod-watcher status"
    ).stdout
    assert "videos" in printed
