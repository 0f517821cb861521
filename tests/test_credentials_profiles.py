"""Profiles in ~/.aliyun/config.json and ~/.alibabacloud: which one counts, and what a broken one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.home import SECRET, Home, ak, cli, ini
from watcher.ports import Credentials

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path)


def test_the_profile_of_the_environment_goes_before_the_current_one(home: Home) -> None:
    home.write_cli(ak(), ak("prod", "prod"), current="default")
    home.env["ALIBABA_CLOUD_PROFILE"] = "prod"
    assert home.get().access_key_id == "prod"


def test_the_profile_of_the_environment_is_never_replaced_by_the_role_of_the_machine(home: Home) -> None:
    del home.env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]
    home.env["ALIBABA_CLOUD_PROFILE"] = "prod"
    cli(home)
    told = home.told()
    assert 'no profile "prod"' in told
    assert "ECS" not in told


def test_the_empty_profile_that_the_aliyun_command_creates_is_passed_over(home: Home) -> None:
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
    ini(home)
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
