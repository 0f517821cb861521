"""The program as a real process in poor surroundings: odd locales, homes, terminals and proxies."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.bare_process import KEYS, run
from tests.support.daemons import known
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox

NOBODY = 54321  # a user that no passwd file has
AS_NOBODY = (  # who may read all the same: the interpreter may lie in root's home
    *("/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=+dac_override"),
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(AS_NOBODY[0]),  # noqa: PTH110 (a constant)
    reason="only root can become a user without a passwd entry, by setpriv",
)


def bare(workspace: Workspace, **more: str) -> dict[str, str]:
    """Return an environment with keys and nothing else."""
    kept = {
        name: value for name, value in workspace.env.items() if name.startswith("ALIBABA_CLOUD")
    }
    return kept | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")} | more


@pytest.fixture
def given_away(sandbox: Sandbox) -> Iterator[Workspace]:
    """A workspace of an unknown user.

    The folder is not below pytest's own, which belongs to root.
    """
    sandbox.oss.fill(BUCKET, KEYS)
    with tempfile.TemporaryDirectory() as folder:
        made = Workspace(Path(folder), sandbox)
        made.init()
        for path in (made.folder, *made.folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        yield made


# Looked up though nobody needs it


@needs_root
def test_a_user_without_a_home_and_a_passwd_entry_needs_neither(
    given_away: Workspace, sandbox: Sandbox
) -> None:
    for arguments in (
        ["scan"],
        ["scan", "--dry-run"],
        ["backfill"],
        ["audit"],
        ["status"],
        ["export"],
    ):
        ran = run(given_away, *arguments, env=bare(given_away), before=AS_NOBODY)
        assert ran.status == 0, (arguments, ran.err)
    assert known(sandbox) == set(KEYS)


@needs_root
def test_a_profile_without_a_home_is_a_sentence(given_away: Workspace) -> None:
    none = {"PYTHONPATH": "", "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    ran = run(given_away, "scan", env=none, before=AS_NOBODY)
    assert ran.status == 2
    assert "there is no home directory" in ran.err
    given_away.configure(more='[credentials]\nprofile = "mine"')
    ran = run(given_away, "scan", env=none, before=AS_NOBODY)
    assert ran.status == 2
    assert "Set HOME" in ran.err


ODD: dict[str, dict[str, str]] = {
    "nothing": {},
    "the C locale": {"LC_ALL": "C", "LANG": "C"},
    "POSIX, and no UTF-8 mode": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a locale that is not there": {"LC_ALL": "xx_YY.GB18030", "LANG": "nonsense"},
    "a time zone that is none": {"TZ": "Nowhere/At_All"},
    "no terminal type": {"TERM": "", "COLUMNS": "none", "LINES": "-1"},
    "a terminal that nobody knows": {
        "TERM": "odd\x1b", "COLORTERM": "x", "FORCE_COLOR": "1", "NO_COLOR": "",
    },
    "no temporary folder": {"TMPDIR": "/nowhere", "TMP": "/nowhere", "TEMP": "/nowhere"},
    "homes that are none": {"HOME": ""},
    "a home that is a file": {"HOME": "/dev/null"},
    "a home that is far away": {"HOME": "~nobody/../x"},
    "a journal and a systemd that are none": {"JOURNAL_STREAM": "odd", "NOTIFY_SOCKET": "/nowhere"},
    "proxies that nobody asked for": {
        "HTTPS_PROXY": "http://[::1", "http_proxy": "::::", "ALL_PROXY": "socks9://x",
    },
    "no path": {"PATH": ""},
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_an_environment_that_is_poor_or_odd_stops_nothing(
    filled: Workspace, sandbox: Sandbox, odd: str
) -> None:
    env = bare(filled, **ODD[odd])
    for arguments in (["scan"], ["audit"], ["status"], ["export"]):
        ran = run(filled, *arguments, env=env)
        assert ran.status == 0, (arguments, ran.err)
    assert known(sandbox) == set(KEYS)


def test_a_current_folder_that_was_removed_stops_nothing(
    filled: Workspace, sandbox: Sandbox
) -> None:
    gone = filled.folder / "gone"
    script = f"mkdir {gone}; cd {gone}; rmdir {gone}; exec {sys.executable} -m watcher -c {{}} scan"
    for config, status, words in ((filled.config, 0, ""), ("watcher.toml", 2, "no such file")):
        done = subprocess.run(
            ["/bin/sh", "-c", script.format(config)],
            env=filled.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert words in done.stderr
        assert "unforeseen" not in done.stderr
    assert known(sandbox) == set(KEYS)


# Accepted though it cannot work


@pytest.fixture
def over_ipv6(sandbox: Sandbox) -> Iterator[str]:
    """The sandbox behind an IPv6 address of this machine."""
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    host, port = sandbox.url.removeprefix("http://").split(":")

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                ours, _ = listening.accept()
                theirs = socket.create_connection((host, int(port)))
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://[::1]:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_ipv6_endpoint_works_for_both_services(
    filled: Workspace, sandbox: Sandbox, over_ipv6: str
) -> None:
    sandbox.vod.refuse(BUCKET, KEYS[0])  # so that the object is looked at, too
    text = filled.config.read_text(encoding="utf-8")
    assert text.count(sandbox.url) == 2
    filled.config.write_text(text.replace(sandbox.url, over_ipv6) + "\n", encoding="utf-8")
    ran = run(filled, "scan", "--output-format", "json")
    assert ran.status == 6, ran.err
    assert ran.json["registered"] == 1
    assert run(filled, "audit").status == 0
    assert known(sandbox) == {KEYS[1]}


PROXIES = ["http://[::1", "http://a b:80", "socks5://127.0.0.1:1", "http://127.0.0.1:99999",
           "http://", "::::", "http://eve:hush]@127.0.0.1:[80", "ftp://x",
           "http://127.0.0.1:0", "env"]  # fmt: skip


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY"])
def test_a_malformed_proxy_of_the_environment_is_exit_2(filled: Workspace, name: str) -> None:
    filled.configure(more='[network]\nproxy = "env"')
    for value in PROXIES:
        ran = run(filled, "scan", env=filled.env | {name: value})
        assert ran.status == 2, (value, ran.err)
        assert name.upper() in ran.err
        assert "not a proxy" in ran.err or "port" in ran.err, ran.err
        assert "hush" not in ran.err


@pytest.mark.parametrize("value", [each for each in PROXIES if each != "env"])
def test_a_malformed_proxy_of_the_file_is_exit_2(filled: Workspace, value: str) -> None:
    filled.configure(more=f"[network]\nproxy = {json.dumps(value)}")
    ran = run(filled, "scan")
    assert ran.status == 2, ran.err
    assert "proxy" in ran.err
    assert "hush" not in ran.err


DEAD_PROXIES = [
    "127.0.0.1:9",
    " http://127.0.0.1:9/ ",
    "http://eve:p%40ss@127.0.0.1:9",
    "http://[::1]:9",
]


def test_a_proxy_as_curl_takes_it_is_taken(filled: Workspace) -> None:
    """It is asked, and does not answer; four are asked at once, since a scan tries for seconds."""
    filled.configure(more='[network]\nproxy = "env"')

    def asked(value: str) -> Ran:
        env = filled.env | {"HTTPS_PROXY": value, "HTTP_PROXY": value, "NO_PROXY": "localhost"}
        return run(filled, "scan", "--dry-run", env=env)

    with ThreadPoolExecutor() as pool:
        for value, ran in zip(DEAD_PROXIES, pool.map(asked, DEAD_PROXIES), strict=True):
            assert ran.status == 5, (value, ran.err)
            assert "could not be reached" in ran.err
            assert "p%40ss" not in ran.err


ENDPOINTS = {
    "https://oss-cn-shanghai.aliyuncs.com:0": "port 0",
    "https://oss-cn-shanghai.aliyuncs.com:65536": "port",
    "https://eve:hush@oss-cn-shanghai.aliyuncs.com": "user name or password",
    "https://[::1": "not a host name",
    "https://[1.2.3.4]": "IPv6",
    "https://[fe80::1%eth0]": "not a host name",
    "http://[2001:db8::1]": "in the clear",
    "https://a..b": "host name",
    "https://": "not a host name",
    "https://oss cn": "not a host name",
    "https://oss-cn-shanghai.aliyuncs.com/bucket": "path",
    "https://上海.example.com": "not a host name",
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_endpoint_that_cannot_work_is_exit_2(
    filled: Workspace, sandbox: Sandbox, endpoint: str
) -> None:
    text = filled.config.read_text(encoding="utf-8").replace(sandbox.url, endpoint)
    filled.config.write_text(text, encoding="utf-8")
    ran = run(filled, "scan")
    assert ran.status == 2
    assert ran.err.count(ENDPOINTS[endpoint]) == 2, ran.err
    assert "hush" not in ran.err


def folder(path: Path) -> None:
    path.mkdir()


def other(path: Path) -> None:
    trustme.CA().private_key_pem.write_to_path(path)


BUNDLES: dict[str, Callable[[Path], object]] = {
    "not there": lambda _: None,
    "a folder": folder,
    "empty": lambda path: path.write_bytes(b""),
    "no PEM": lambda path: path.write_bytes(b"hello"),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 99),
    "a key": other,
    "half a certificate": lambda path: path.write_text(
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    ),
}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_authorities_that_are_none_are_exit_2(filled: Workspace, bundle: str) -> None:
    BUNDLES[bundle](filled.folder / "ca.pem")
    filled.configure(more='[network]\nca_bundle = "ca.pem"')
    ran = run(filled, "scan")
    assert ran.status == 2, ran.err
    assert "ca_bundle" in ran.err


@pytest.mark.parametrize("timeout", ["0s", "0ms", "-1s", "2h"])
def test_a_timeout_that_is_none_is_exit_2(filled: Workspace, timeout: str) -> None:
    filled.configure(vod=f'timeout = "{timeout}"')
    ran = run(filled, "scan")
    assert ran.status == 2
    assert "timeout" in ran.err
