"""The credentials chain: its order, its files and variables, and what it says when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from watcher.credentials import Chain, chain
from watcher.errors import CredentialsMissing
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKOUT = Path(__file__).parents[1]
SECRET = "never-to-be-shown-0123456789"
OFF = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


class Home:
    """A home directory, an environment and systemd's folder, to be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = dict(OFF)
        self.systemd = folder / "run"
        self.cli = folder / ".aliyun" / "config.json"
        self.ini = folder / ".alibabacloud" / "credentials.ini"

    def chain(self, profile: str = "", **more: Any) -> Chain:
        return chain(profile=profile, env=self.env, home=self.folder, **more)

    def get(self, profile: str = "") -> Credentials:
        return self.chain(profile).get()

    def told(self, profile: str = "") -> str:
        """Return what a person reads; it never holds a secret."""
        with pytest.raises(CredentialsMissing) as caught:
            self.get(profile)
        assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.hint}"
        assert caught.value.hint
        return str(caught.value)

    def hand_over(self, **files: str) -> None:
        """Put files where systemd puts them."""
        self.systemd.mkdir(exist_ok=True)
        self.env["CREDENTIALS_DIRECTORY"] = str(self.systemd)
        for name, text in files.items():
            (self.systemd / name.replace("_", "-")).write_text(text, encoding="utf-8")

    def write_cli(self, *profiles: dict[str, Any], current: str = "default") -> None:
        self.cli.parent.mkdir(exist_ok=True)
        self.cli.write_text(json.dumps({"current": current, "profiles": profiles}), encoding="utf-8")

    def write_ini(self, text: str) -> None:
        self.ini.parent.mkdir(exist_ok=True)
        self.ini.write_text(text, encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path)


def ak(name: str = "default", key_id: str = "cli", **more: Any) -> dict[str, Any]:
    return {"name": name, "mode": "AK", "access_key_id": key_id, "access_key_secret": SECRET} | more


def _systemd(home: Home) -> None:
    home.hand_over(access_key_id="systemd\n", access_key_secret=f"{SECRET}\n")


def _alibaba(home: Home) -> None:
    home.env |= {"ALIBABA_CLOUD_ACCESS_KEY_ID": "alibaba", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}


def _oss(home: Home) -> None:
    home.env |= {"OSS_ACCESS_KEY_ID": "oss", "OSS_ACCESS_KEY_SECRET": SECRET}


def _cli(home: Home) -> None:
    home.write_cli(ak())


def _ini(home: Home) -> None:
    home.write_ini(f"[default]\ntype = access_key\naccess_key_id = ini\naccess_key_secret = {SECRET}\n")


LINKS: list[tuple[str, Callable[[Home], None]]] = [
    ("systemd", _systemd),
    ("alibaba", _alibaba),
    ("oss", _oss),
    ("cli", _cli),
    ("ini", _ini),
]


@pytest.mark.parametrize("first", range(len(LINKS)), ids=[name for name, _ in LINKS])
def test_the_first_link_in_the_documented_order_answers(home: Home, first: int) -> None:
    for _, fill in LINKS[first:]:
        fill(home)
    assert home.get() == Credentials(LINKS[first][0], SECRET)


def test_when_nothing_answers_the_sentence_names_all_links_in_order(home: Home) -> None:
    told = home.told()
    names = [
        "systemd credentials",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "OSS_ACCESS_KEY_ID",
        "OIDC",
        "~/.aliyun/config.json",
        "~/.alibabacloud/credentials",
        "ECS RAM role",
    ]
    places = [told.index(name) for name in names]
    assert places == sorted(places)
    assert "switched off by ALIBABA_CLOUD_ECS_METADATA_DISABLED" in told


def test_tokens_come_with_their_keys(home: Home) -> None:
    home.env |= {"OSS_ACCESS_KEY_ID": "i", "OSS_ACCESS_KEY_SECRET": "s", "OSS_SESSION_TOKEN": "t"}
    assert home.get() == Credentials("i", "s", "t")
    home.env |= {
        f"ALIBABA_CLOUD_{name}": f"{name}1" for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
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
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ALIBABA_CLOUD_ROLE_ARN and ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
    ],
)
def test_half_a_pair_is_told_and_not_passed_over(home: Home, there: str, missing: str) -> None:
    _cli(home)
    home.env[there] = SECRET
    assert missing in home.told()


def test_half_of_the_systemd_credentials_are_told(home: Home) -> None:
    _alibaba(home)
    home.hand_over(access_key_id="x")
    assert "access-key-secret is not" in home.told()
    home.hand_over(access_key_secret="\n")
    assert "access-key-secret is empty" in home.told()


def test_other_systemd_credentials_are_no_keys(home: Home) -> None:
    home.hand_over(notify_secret="x")
    _alibaba(home)
    assert home.get().access_key_id == "alibaba"


@pytest.mark.parametrize("bad", [f"{SECRET} x", f"{SECRET}\nx", f"{SECRET}é", f"{SECRET}\x00"])
def test_a_key_pasted_wrongly_is_told_before_it_reaches_a_header(home: Home, bad: str) -> None:
    _alibaba(home)
    home.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = bad
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET holds" in home.told()


def test_a_systemd_credential_that_cannot_be_read_is_told(home: Home) -> None:
    home.hand_over(access_key_id="x")
    (home.systemd / "access-key-secret").mkdir()
    assert "access-key-secret cannot be read" in home.told()


def test_a_systemd_credential_that_is_no_text_is_told(home: Home) -> None:
    _systemd(home)
    (home.systemd / "access-key-secret").write_bytes(b"\xff\xfe")
    assert "not text" in home.told()


def test_rotated_files_are_seen_by_the_next_call(home: Home) -> None:
    _systemd(home)
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


def test_a_file_gone_for_a_moment_does_not_change_who_we_are(home: Home) -> None:
    _cli(home)
    _ini(home)
    kept = home.chain()
    assert kept.get().access_key_id == "cli"
    home.cli.unlink()
    with pytest.raises(CredentialsMissing, match=r"config\.json answered before"):
        kept.get()
    _cli(home)
    assert kept.get().access_key_id == "cli"


def test_each_new_snapshot_is_told_once(home: Home) -> None:
    seen: list[Credentials] = []
    _alibaba(home)
    kept = home.chain(learnt=seen.append)
    kept.get()
    kept.get()
    home.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "new"
    kept.get()
    assert seen == [Credentials("alibaba", SECRET), Credentials("alibaba", "new")]


def test_a_configured_profile_is_the_only_link(home: Home) -> None:
    _systemd(home)
    _alibaba(home)
    home.write_cli(ak(), ak("prod", "prod"))
    assert home.get("prod").access_key_id == "prod"


def test_a_configured_profile_that_is_missing_is_named(home: Home) -> None:
    _alibaba(home)
    assert "prod" in home.told("prod")
    _cli(home)
    assert 'no profile "prod"' in home.told("prod")
    home.write_cli(ak("prod", "", access_key_secret=""))
    assert "not set" in home.told("prod")


def test_the_profile_of_the_environment_goes_before_the_current_one(home: Home) -> None:
    home.write_cli(ak(), ak("prod", "prod"), current="default")
    home.env["ALIBABA_CLOUD_PROFILE"] = "prod"
    assert home.get().access_key_id == "prod"


def test_the_profile_of_the_environment_is_never_replaced_by_the_role_of_the_machine(home: Home) -> None:
    del home.env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]
    home.env["ALIBABA_CLOUD_PROFILE"] = "prod"
    _cli(home)
    told = home.told()
    assert 'no profile "prod"' in told
    assert "ECS" not in told


def test_the_empty_profile_that_the_aliyun_command_creates_is_passed_over(home: Home) -> None:
    home.write_cli(ak(key_id="", access_key_secret="", sts_token="", region_id="cn-shanghai"))
    _ini(home)
    assert home.get().access_key_id == "ini"


@pytest.mark.parametrize(
    ("profile", "word"),
    [
        (ak(mode="StsToken"), "sts_token"),
        (ak(access_key_secret=""), "access_key_secret is not"),
        (ak(mode="RamRoleArn"), "ram_role_arn"),
        (ak(mode="Other"), 'mode "Other" is not supported'),
        (ak(mode="External"), "process_command"),
        (ak(mode="ChainableRamRoleArn", source_profile="default", ram_role_arn="r"), "rests on itself"),
    ],
)
def test_a_broken_profile_is_told_with_what_it_lacks(home: Home, profile: dict[str, Any], word: str) -> None:
    home.write_cli(profile)
    assert word in home.told()


@pytest.mark.parametrize("text", [f'{{"a": "{SECRET}"', f'["{SECRET}"]', f'{{"profiles": "{SECRET}"}}', f"{SECRET}"])
def test_a_config_json_that_is_broken_is_told_without_its_content(home: Home, text: str) -> None:
    home.cli.parent.mkdir()
    home.cli.write_text(text, encoding="utf-8")
    assert "config.json cannot be understood" in home.told()


@pytest.mark.parametrize("text", [f"{SECRET}\n", f"[default]\n{SECRET}\n", f"[default]\na = 1\na = {SECRET}\n"])
def test_an_ini_file_that_is_broken_is_told_without_its_content(home: Home, text: str) -> None:
    home.write_ini(text)
    assert "credentials.ini cannot be understood" in home.told()


def test_an_ini_file_may_have_comments_percent_signs_and_a_token(home: Home) -> None:
    home.write_ini("[default]\ntype = sts\naccess_key_id = i # mine\naccess_key_secret = s%x\nsecurity_token = t\n")
    assert home.get() == Credentials("i", "s%x", "t")


def test_the_ini_file_without_an_ending_and_the_one_of_the_environment_are_read(home: Home, tmp_path: Path) -> None:
    _ini(home)
    home.ini.rename(home.ini.with_suffix(""))
    assert home.get().access_key_id == "ini"
    other = tmp_path / "other"
    other.write_text(f"[default]\naccess_key_id = other\naccess_key_secret = {SECRET}\n", encoding="utf-8")
    home.env["ALIBABA_CLOUD_CREDENTIALS_FILE"] = str(other)
    assert home.get().access_key_id == "other"
    other.unlink()
    assert "ALIBABA_CLOUD_CREDENTIALS_FILE names" in home.told()


def test_a_home_that_cannot_be_entered_is_an_absent_one(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert "config.json (not there)" in Home(blocked).told()


def test_nothing_shows_the_keys_by_accident(home: Home) -> None:
    _alibaba(home)
    kept = home.chain()
    assert SECRET not in f"{kept.get()!r} {kept.get()} {kept!r}"


@pytest.mark.parametrize("fill", [fill for _, fill in LINKS], ids=[name for name, _ in LINKS])
def test_static_credentials_open_no_socket_and_load_no_library(home: Home, fill: Callable[[Home], None]) -> None:
    del home.env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]
    fill(home)
    script = (
        "import os, socket, sys\nfrom pathlib import Path\n"
        "sys.addaudithook(lambda event, _: sys.exit(event) if event.startswith('socket.') else None)\n"
        "from watcher.credentials import chain\n"
        "chain(profile='', env=os.environ, home=Path(sys.argv[1])).get()\n"
        "loaded = {'alibabacloud_credentials', 'Tea', 'aiohttp', 'requests', 'apscheduler'} & set(sys.modules)\n"
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
