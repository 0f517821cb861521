"""Keys damaged by env files and editors are repaired, or refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bare_process import run

if TYPE_CHECKING:
    from tests.support.workspace import Workspace

SPOILT = {
    "in quotes": ('"{}"', "quote"),
    "in single quotes": ("'{}'", "quote"),
    "one quote": ('{}"', "quote"),
    "a placeholder": ("<{}>", "bracket"),
    "a variable that nobody filled in": ("${{{}}}", "bracket"),
    "a blank inside": ("{} x", "space"),
    "a line end inside": ("{}\nx", "space"),
    "a tab inside": ("{}\tx", "space"),
    "Chinese": ("{}密", "no key has"),
    "a blank of another kind": ("{}\u00a0", "no key has"),
    "nothing to be seen": ("{}\u200b", "no key has"),
}
HARMLESS = {"a blank": " {} ", "CR": "{}\r", "CR LF": "{}\r\n", "LF": "{}\n", "tabs": "\t{}\t"}


@pytest.mark.parametrize("name", ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_bad_key_of_the_environment_is_named_and_not_shown(
    filled: Workspace, name: str, spoilt: str
) -> None:
    form, words = SPOILT[spoilt]
    value = filled.env[name]
    ran = run(filled, "scan", env=filled.env | {name: form.format(value)})
    if spoilt == "a blank of another kind":  # is blank at the end, and taken off
        assert ran.status == 0
        return
    assert ran.status == 2, ran.err
    assert name in ran.err
    assert words in ran.err
    assert value not in ran.err


@pytest.mark.parametrize("harmless", HARMLESS)
def test_blanks_and_line_ends_around_keys_are_removed(filled: Workspace, harmless: str) -> None:
    keys = {
        name: HARMLESS[harmless].format(value)
        for name, value in filled.env.items()
        if "ACCESS_KEY" in name
    }
    assert run(filled, "scan", env=filled.env | keys).status == 0


@pytest.mark.parametrize("form", ["\ufeff{}\r\n", "{}\n", "  {}  "])
def test_credential_files_may_have_a_bom_and_line_ends(filled: Workspace, form: str) -> None:
    handed = filled.folder / "handed"
    handed.mkdir()
    for name in ("id", "secret"):
        value = filled.env.pop(f"ALIBABA_CLOUD_ACCESS_KEY_{name.upper()}")
        (handed / f"access-key-{name}").write_text(form.format(value), encoding="utf-8")
    ran = run(filled, "scan", env=filled.env | {"CREDENTIALS_DIRECTORY": str(handed)})
    assert ran.status == 0, ran.err


@pytest.mark.parametrize(
    "content", ['"LTAIsomekey123"', "LTAI密钥", "LTAI\0x", "LTAI x", "key = LTAIsomekey123"]
)
def test_credential_files_that_hold_more_than_a_key_are_exit_2(
    filled: Workspace, content: str
) -> None:
    handed = filled.folder / "handed"
    handed.mkdir()
    (handed / "access-key-id").write_text(content, encoding="utf-8")
    (handed / "access-key-secret").write_text("x" * 30, encoding="utf-8")
    ran = run(filled, "scan", env=filled.env | {"CREDENTIALS_DIRECTORY": str(handed)})
    assert ran.status == 2
    assert "access-key-id" in ran.err
    assert "LTAI" not in ran.err


PROFILES = [
    (
        b'{"current": "a", "profiles": '
        b'[{"name": "a", "access_key_id": "\\"x\\"", "access_key_secret": "s"}]}'
    ),
    b"[" * 100_000,
    b"[]",
    b'{"profiles": 5}',
    b'{"profiles": {"a": 1}}',
    b'{"profiles": [1]}',
    b'{"profiles": [[["name"]]]}',
    b'{"profiles": [{"name": "a", "x": ' + b"9" * 5000 + b"}]}",
    b"\xff\xfe[\x00]\x00",
    b"\xd5\xfd\xce\xc4",
    b"",
    b"\0" * 100,
]


@pytest.mark.parametrize("content", PROFILES, ids=range(len(PROFILES)))
def test_bad_profiles_are_exit_2(filled: Workspace, content: bytes) -> None:
    for name in list(filled.env):
        if "ACCESS_KEY" in name:
            del filled.env[name]
    filled.env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
    for place in (".aliyun/config.json", ".alibabacloud/credentials"):
        path = filled.folder / place
        path.parent.mkdir()
        path.write_bytes(content)
        ran = run(filled, "scan")
        assert ran.status == 2, (place, ran.err)
        assert "hint:" in ran.err
        path.unlink()
