"""The chain of credentials: its order, its files and variables, and its errors."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.credential_home import LINKS, SECRET, Home, ak, alibaba, cli, ini, systemd
from watcher.errors import CredentialsMissing
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path)


@pytest.mark.parametrize("first", range(len(LINKS)), ids=[name for name, _ in LINKS])
def test_the_first_link_in_the_documented_order_answers(home: Home, first: int) -> None:
    for _, fill in LINKS[first:]:
        fill(home)
    assert home.get() == Credentials(LINKS[first][0], SECRET)


def test_without_credentials_the_error_names_all_links_in_order(home: Home) -> None:
    text = home.error_text()
    names = [
        "systemd credentials",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "OSS_ACCESS_KEY_ID",
        "OIDC",
        "~/.aliyun/config.json",
        "~/.alibabacloud/credentials",
        "ECS RAM role",
    ]
    places = [text.index(name) for name in names]
    assert places == sorted(places)
    assert "switched off by ALIBABA_CLOUD_ECS_METADATA_DISABLED" in text


def test_tokens_come_with_their_keys(home: Home) -> None:
    home.env |= {"OSS_ACCESS_KEY_ID": "i", "OSS_ACCESS_KEY_SECRET": "s", "OSS_SESSION_TOKEN": "t"}
    assert home.get() == Credentials("i", "s", "t")
    home.env |= {
        f"ALIBABA_CLOUD_{name}": f"{name}1"
        for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    }
    assert home.get() == Credentials("ACCESS_KEY_ID1", "ACCESS_KEY_SECRET1", "SECURITY_TOKEN1")
    home.hand_over(access_key_id="a", access_key_secret="b", security_token="c\n")
    assert home.get() == Credentials("a", "b", "c")


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"),
        (
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
            "ALIBABA_CLOUD_ROLE_ARN and ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        ),
    ],
)
def test_half_a_pair_is_an_error_and_not_skipped(home: Home, there: str, missing: str) -> None:
    cli(home)
    home.env[there] = SECRET
    assert missing in home.error_text()


def test_half_of_the_systemd_credentials_is_an_error(home: Home) -> None:
    alibaba(home)
    home.hand_over(access_key_id="x")
    assert "access-key-secret is not" in home.error_text()
    home.hand_over(access_key_secret="\n")
    assert "access-key-secret is empty" in home.error_text()


def test_other_systemd_credentials_are_ignored(home: Home) -> None:
    home.hand_over(notify_secret="x")
    alibaba(home)
    assert home.get().access_key_id == "alibaba"


@pytest.mark.parametrize("bad", [f"{SECRET} x", f"{SECRET}\nx", f"{SECRET}é", f"{SECRET}\x00"])
def test_a_badly_pasted_key_is_refused_before_it_reaches_a_header(home: Home, bad: str) -> None:
    alibaba(home)
    home.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = bad
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET holds" in home.error_text()


def test_an_unreadable_systemd_credential_is_an_error(home: Home) -> None:
    home.hand_over(access_key_id="x")
    (home.systemd / "access-key-secret").mkdir()
    assert "access-key-secret cannot be read" in home.error_text()


def test_a_systemd_credential_that_is_not_text_is_an_error(home: Home) -> None:
    systemd(home)
    (home.systemd / "access-key-secret").write_bytes(b"\xff\xfe")
    assert "not text" in home.error_text()


def test_rotated_files_are_seen_by_the_next_call(home: Home) -> None:
    systemd(home)
    kept = home.chain()
    assert kept.get().access_key_id == "systemd"
    home.hand_over(access_key_id="second", access_key_secret="s2", security_token="t2")
    assert kept.get() == Credentials("second", "s2", "t2")


def test_rotated_profiles_are_seen_by_the_next_call(home: Home) -> None:
    home.write_cli(ak(mode="StsToken", sts_token="t1"))
    kept = home.chain()
    assert kept.get() == Credentials("cli", SECRET, "t1")
    home.write_cli(ak(mode="StsToken", sts_token="t2"))
    assert kept.get().security_token == "t2"


def test_a_briefly_missing_file_does_not_switch_links(home: Home) -> None:
    cli(home)
    ini(home)
    kept = home.chain()
    assert kept.get().access_key_id == "cli"
    home.cli.unlink()
    with pytest.raises(CredentialsMissing, match=r"config\.json had them before"):
        kept.get()
    cli(home)
    assert kept.get().access_key_id == "cli"


def test_each_new_snapshot_is_reported_once(home: Home) -> None:
    seen: list[Credentials] = []
    alibaba(home)
    kept = home.chain(on_change=seen.append)
    kept.get()
    kept.get()
    home.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "new"
    kept.get()
    assert seen == [Credentials("alibaba", SECRET), Credentials("alibaba", "new")]


def test_a_configured_profile_is_the_only_link(home: Home) -> None:
    systemd(home)
    alibaba(home)
    home.write_cli(ak(), ak("prod", "prod"))
    assert home.get("prod").access_key_id == "prod"


def test_a_configured_profile_that_is_missing_is_named(home: Home) -> None:
    alibaba(home)
    assert "prod" in home.error_text("prod")
    cli(home)
    assert 'no profile "prod"' in home.error_text("prod")
    home.write_cli(ak("prod", "", access_key_secret=""))
    assert "not set" in home.error_text("prod")


def test_no_repr_shows_the_keys(home: Home) -> None:
    alibaba(home)
    kept = home.chain()
    assert SECRET not in f"{kept.get()!r} {kept.get()} {kept!r}"


@pytest.mark.parametrize("fill", [fill for _, fill in LINKS], ids=[name for name, _ in LINKS])
def test_static_credentials_open_no_socket_and_load_no_library(
    home: Home, fill: Callable[[Home], None]
) -> None:
    del home.env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]
    fill(home)
    script = (
        "import os, socket, sys\nfrom pathlib import Path\n"
        "sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith('socket.') else "
        "None)\n"
        "from watcher.credentials import chain\n"
        "chain(profile='', env=os.environ, home=lambda: Path(sys.argv[1])).get()\n"
        "loaded = {'alibabacloud_credentials', 'Tea', 'aiohttp', 'requests', 'apscheduler'} & "
        "set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home.folder)],
        env=home.env | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
