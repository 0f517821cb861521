"""Profiles in ~/.aliyun/config.json and ~/.alibabacloud: which one counts, and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.credential_home import SECRET, Home, ak, cli, ini
from watcher.ports import Credentials

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path)


def test_the_profile_of_the_environment_wins_over_the_current_one(home: Home) -> None:
    home.write_cli(ak(), ak("prod", "prod"), current="default")
    home.env["ALIBABA_CLOUD_PROFILE"] = "prod"
    assert home.get().access_key_id == "prod"


def test_the_profile_of_the_environment_is_never_replaced_by_the_role_of_the_machine(
    home: Home,
) -> None:
    del home.env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]
    home.env["ALIBABA_CLOUD_PROFILE"] = "prod"
    cli(home)
    text = home.error_text()
    assert 'no profile "prod"' in text
    assert "ECS" not in text


def test_the_empty_profile_of_a_new_aliyun_installation_is_skipped(home: Home) -> None:
    home.write_cli(ak(key_id="", access_key_secret="", sts_token="", region_id="cn-shanghai"))
    ini(home)
    assert home.get().access_key_id == "ini"


@pytest.mark.parametrize(
    ("profile", "word"),
    [
        (ak(mode="StsToken"), "sts_token"),
        (ak(access_key_secret=""), "access_key_secret is not"),
        (ak(mode="RamRoleArn"), "ram_role_arn"),
        (ak(mode="Other"), 'mode "Other" is not supported'),
        (ak(mode="External"), "process_command"),
        (
            ak(mode="ChainableRamRoleArn", source_profile="default", ram_role_arn="r"),
            "is its own source profile",
        ),
    ],
)
def test_a_broken_profile_is_an_error_that_names_the_missing_field(
    home: Home, profile: dict[str, Any], word: str
) -> None:
    home.write_cli(profile)
    assert word in home.error_text()


@pytest.mark.parametrize(
    "text", [f'{{"a": "{SECRET}"', f'["{SECRET}"]', f'{{"profiles": "{SECRET}"}}', f"{SECRET}"]
)
def test_a_broken_config_json_is_an_error_without_its_content(home: Home, text: str) -> None:
    home.cli.parent.mkdir()
    home.cli.write_text(text, encoding="utf-8")
    assert "config.json cannot be parsed" in home.error_text()


@pytest.mark.parametrize(
    "text", [f"{SECRET}\n", f"[default]\n{SECRET}\n", f"[default]\na = 1\na = {SECRET}\n"]
)
def test_a_broken_ini_file_is_an_error_without_its_content(home: Home, text: str) -> None:
    home.write_ini(text)
    assert "credentials.ini cannot be parsed" in home.error_text()


def test_an_ini_file_may_have_comments_percent_signs_and_a_token(home: Home) -> None:
    home.write_ini(
        "[default]\ntype = sts\naccess_key_id = i # mine\naccess_key_secret = s%x\nsecurity_token "
        "= t\n"
    )
    assert home.get() == Credentials("i", "s%x", "t")


def test_the_ini_file_without_suffix_and_the_one_of_the_environment_are_read(
    home: Home, tmp_path: Path
) -> None:
    ini(home)
    home.ini.rename(home.ini.with_suffix(""))
    assert home.get().access_key_id == "ini"
    other = tmp_path / "other"
    other.write_text(
        f"[default]\naccess_key_id = other\naccess_key_secret = {SECRET}\n", encoding="utf-8"
    )
    home.env["ALIBABA_CLOUD_CREDENTIALS_FILE"] = str(other)
    assert home.get().access_key_id == "other"
    other.unlink()
    assert "ALIBABA_CLOUD_CREDENTIALS_FILE names" in home.error_text()


def test_an_inaccessible_home_counts_as_missing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert "config.json (no such file)" in Home(blocked).error_text()
