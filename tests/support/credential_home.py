"""A home directory, an environment and systemd's folder, for credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from watcher.credentials import Chain, chain
from watcher.errors import CredentialsMissing
from watcher.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.ports import Credentials

SECRET = "never-to-be-shown-0123456789"
OFF = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


class Home:
    """A home directory, an environment and systemd's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = dict(OFF)
        self.systemd = folder / "run"
        self.cli = folder / ".aliyun" / "config.json"
        self.ini = folder / ".alibabacloud" / "credentials.ini"

    def chain(self, profile: str = "", **more: Any) -> Chain:
        return chain(profile=profile, env=self.env, home=lambda: self.folder, **more)

    def get(self, profile: str = "") -> Credentials:
        return self.chain(profile).get()

    def error_text(self, profile: str = "") -> str:
        """Return the sentence of the error. It never holds a secret."""
        with pytest.raises(CredentialsMissing) as caught:
            self.get(profile)
        assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.hint}"
        assert caught.value.hint
        assert (
            redact(f"{caught.value} {caught.value.hint}") == f"{caught.value} {caught.value.hint}"
        )
        return str(caught.value)

    def hand_over(self, **files: str) -> None:
        """Put files where systemd puts them."""
        self.systemd.mkdir(exist_ok=True)
        self.env["CREDENTIALS_DIRECTORY"] = str(self.systemd)
        for name, text in files.items():
            (self.systemd / name.replace("_", "-")).write_text(text, encoding="utf-8")

    def write_cli(self, *profiles: dict[str, Any], current: str = "default") -> None:
        self.cli.parent.mkdir(exist_ok=True)
        self.cli.write_text(
            json.dumps({"current": current, "profiles": profiles}), encoding="utf-8"
        )

    def write_ini(self, text: str) -> None:
        self.ini.parent.mkdir(exist_ok=True)
        self.ini.write_text(text, encoding="utf-8")


def ak(name: str = "default", key_id: str = "cli", **more: Any) -> dict[str, Any]:
    return {"name": name, "mode": "AK", "access_key_id": key_id, "access_key_secret": SECRET} | more


def systemd(home: Home) -> None:
    home.hand_over(access_key_id="systemd\n", access_key_secret=f"{SECRET}\n")


def alibaba(home: Home) -> None:
    home.env |= {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "alibaba",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    }


def oss(home: Home) -> None:
    home.env |= {"OSS_ACCESS_KEY_ID": "oss", "OSS_ACCESS_KEY_SECRET": SECRET}


def cli(home: Home) -> None:
    home.write_cli(ak())


def ini(home: Home) -> None:
    home.write_ini(
        f"[default]\ntype = access_key\naccess_key_id = ini\naccess_key_secret = {SECRET}\n"
    )


LINKS: list[tuple[str, Callable[[Home], None]]] = [
    ("systemd", systemd),
    ("alibaba", alibaba),
    ("oss", oss),
    ("cli", cli),
    ("ini", ini),
]
