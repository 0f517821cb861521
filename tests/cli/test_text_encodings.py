"""Encodings of the texts that people hand in.

A byte order mark and CRLF are read.  Other encodings are refused by name.
"""

from __future__ import annotations

import codecs
import gzip
import json
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import warm_start
from tests.support.credential_home import SECRET, Home
from tests.support.inventories import KEY, Shelf, packed, row
from tests.support.workspace import BUCKET, Workspace
from watcher.errors import CloudError, CredentialsMissing, UsageError
from watcher.model.decoding import WrongEncodingError, decoded, without_mark
from watcher.sandbox.faults import Fault
from watcher.sandbox.faults.file import load

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from watcher.sandbox import Sandbox

READ = {"plain": b"", "BOM": codecs.BOM_UTF8}
WIDE = {
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
}
CRLF = pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
MARKED = pytest.mark.parametrize("mark", READ.values(), ids=READ)
ENCODED = pytest.mark.parametrize("encoding", WIDE)


def handed(text: str, mark: bytes, end: str) -> bytes:
    return mark + text.replace("\n", end).encode()


@CRLF
@MARKED
@pytest.mark.parametrize("name", ["keys", "-"])
def test_a_file_of_keys(
    workspace: Workspace, sandbox: Sandbox, mark: bytes, end: str, name: str
) -> None:
    sandbox.oss.fill(BUCKET, ["视频/1.mp4", "2.mp4"])
    content = handed("视频/1.mp4\n2.mp4\n", mark, end)
    done = backfill(workspace, name, content)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["registered"] == 2
    assert json.loads(done.stdout)["gone"] == 0


@ENCODED
@pytest.mark.parametrize("name", ["keys", "-"])
@pytest.mark.parametrize("text", ["a.mp4\nb.mp4\n", "视频视频\n视频\n"])
def test_a_file_of_keys_in_another_encoding(
    workspace: Workspace, encoding: str, name: str, text: str
) -> None:
    done = backfill(workspace, name, text.encode(encoding))
    assert done.returncode == 2
    assert (
        f"{'stdin' if name == '-' else name} is {WIDE[encoding]}, not UTF-8" in done.stderr.decode()
    )
    assert "hint: Save it as UTF-8." in done.stderr.decode()


def backfill(workspace: Workspace, name: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    (workspace.folder / "keys").write_bytes(content)
    arguments = ("backfill", "--output-format", "json", "--files-from", name)
    return warm_start.run(
        [sys.executable, "-m", "watcher", "-c", str(workspace.config), *arguments],
        cwd=workspace.folder,
        env=workspace.env,
        given=content,
        timeout=60,
    )


@CRLF
@MARKED
def test_a_configuration(workspace: Workspace, mark: bytes, end: str) -> None:
    text = workspace.config.read_text()
    workspace.config.write_bytes(handed(f"# 视频\n{text}", mark, end))
    assert workspace.run("scan").status == 0


@ENCODED
def test_a_configuration_in_another_encoding(workspace: Workspace, encoding: str) -> None:
    workspace.config.write_bytes(workspace.config.read_text().encode(encoding))
    ran = workspace.run("scan")
    assert ran.status == 2
    assert f"The file is {WIDE[encoding]}: save it as UTF-8." in ran.err


@CRLF
@MARKED
def test_a_file_of_faults(tmp_path: Path, mark: bytes, end: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_bytes(handed('# 视频\n[[fault]]\nkind = "reset"\n', mark, end))
    assert load(path) == (Fault(kind="reset"),)


@ENCODED
def test_a_file_of_faults_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_bytes('[[fault]]\nkind = "reset"\n'.encode(encoding))
    with pytest.raises(UsageError, match=f"is {WIDE[encoding]}, not UTF-8"):
        load(path)


CLI = json.dumps(
    {
        "current": "d",
        "profiles": [
            {"name": "d", "mode": "AK", "access_key_id": "LTAI", "access_key_secret": SECRET}
        ],
    },
    indent=1,
)
INI = f"[default]\ntype = access_key\naccess_key_id = LTAI\naccess_key_secret = {SECRET}\n"


@CRLF
@MARKED
@pytest.mark.parametrize("kind", ["cli", "ini", "systemd"])
def test_credentials(tmp_path: Path, mark: bytes, end: str, kind: str) -> None:
    home = Home(tmp_path)
    keep(home, kind, lambda text: handed(text, mark, end))
    found = home.get()
    assert (found.access_key_id, found.access_key_secret) == ("LTAI", SECRET)


@ENCODED
@pytest.mark.parametrize("kind", ["cli", "ini", "systemd"])
def test_credentials_in_another_encoding(tmp_path: Path, encoding: str, kind: str) -> None:
    home = Home(tmp_path)
    keep(home, kind, lambda text: text.encode(encoding))
    assert f"is {WIDE[encoding]}, not UTF-8" in home.error_text()


@pytest.mark.parametrize("kind", ["cli", "ini", "systemd"])
def test_credentials_that_are_not_utf8_are_named_with_the_line(tmp_path: Path, kind: str) -> None:
    home = Home(tmp_path)
    keep(home, kind, lambda text: text.encode() + b"\n\xff\n")
    assert "is not UTF-8 in line" in home.error_text()


def keep(home: Home, kind: str, written: object) -> None:
    """Put credentials into a file of this kind."""
    assert callable(written)
    if kind == "systemd":
        home.hand_over()
        (home.systemd / "access-key-id").write_bytes(written("LTAI\n"))
        (home.systemd / "access-key-secret").write_bytes(written(f"{SECRET}\n"))
    else:
        path = home.cli if kind == "cli" else home.ini
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(written(CLI if kind == "cli" else INI))


@pytest.mark.parametrize("kind", ["cli", "ini"])
def test_a_role_behind_a_byte_order_mark_is_refused_with_the_cure(
    tmp_path: Path, kind: str
) -> None:
    """The vendor's library reads these files itself, and cannot."""
    home = Home(tmp_path)
    role = {"name": "d", "mode": "RamRoleArn", "access_key_id": "LTAI", "access_key_secret": SECRET}
    cli = json.dumps({"current": "d", "profiles": [{**role, "ram_role_arn": "acs:ram::1:role/r"}]})
    ini = (
        f"[default]\ntype = ram_role_arn\naccess_key_id = LTAI\naccess_key_secret = {SECRET}\n"
        "role_arn = r\n"
    )
    path = home.cli if kind == "cli" else home.ini
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(codecs.BOM_UTF8 + (cli if kind == "cli" else ini).encode())
    with pytest.raises(CredentialsMissing, match="begins with a byte order mark") as caught:
        home.get()
    assert "without a byte order mark" in caught.value.hint


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@MARKED
@pytest.mark.parametrize("header", [True, False])
def test_an_inventory(sandbox: Sandbox, mark: bytes, end: bytes, *, header: bool) -> None:
    shelf = Shelf(sandbox)
    plain = gzip.decompress(packed([row("a.mp4"), row("视频.mp4")], header=header))
    shelf.put(gzip.compress(mark + plain.replace(b"\n", end)))
    assert shelf.keys() == ["a.mp4", "视频.mp4"]


@ENCODED
def test_an_inventory_in_another_encoding(sandbox: Sandbox, encoding: str) -> None:
    shelf = Shelf(sandbox)
    shelf.put(gzip.compress(gzip.decompress(packed([row("a.mp4")])).decode().encode(encoding)))
    with pytest.raises(CloudError, match=f"is {WIDE[encoding]}, not UTF-8"):
        shelf.keys()


@CRLF
@MARKED
def test_a_manifest(sandbox: Sandbox, mark: bytes, end: str) -> None:
    shelf = Shelf(sandbox)
    shelf.put(packed([row("a.mp4")]))
    shelf.put_manifest(handed(manifest(shelf), mark, end))
    assert shelf.keys() == ["a.mp4"]


@ENCODED
def test_a_manifest_in_another_encoding(sandbox: Sandbox, encoding: str) -> None:
    shelf = Shelf(sandbox)
    shelf.put(packed([row("a.mp4")]))
    shelf.put_manifest(manifest(shelf).encode(encoding))
    with pytest.raises(UsageError, match=f"is {WIDE[encoding]}, not UTF-8"):
        shelf.manifest()


def manifest(shelf: Shelf) -> str:
    """Return the manifest that was put last, on several lines."""
    with shelf.reader().open(KEY) as body:
        return json.dumps(json.loads(body.read(1_000_000)), indent=1)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            (
                'fualt = 1\n[[fault]]\nkind = "rest"\nskip = true\nprobability = 2\n'
                "[[fault]]\nprobability = 3\nitems = 99\n"
            ),
            [
                "fualt: unknown; only [[fault]] tables belong here",
                "[[fault]] 1: skip: must be a whole number, not True",
                "[[fault]] 1: kind: there is no rest; reset is meant?",
                "[[fault]] 1: probability: must be above 0 and at most 1, not 2",
                "[[fault]] 2: kind: missing",
                "[[fault]] 2: probability: must be above 0 and at most 1, not 3",
                "[[fault]] 2: items: a call has at most 10, not 99",
            ],
        ),
        (
            'x = 1\n[fault]\nkind = "reset"\nnext = 0\n',
            [
                "x: unknown; only [[fault]] tables belong here",
                "fault: write [[fault]], with two brackets",
                "[[fault]] 1: next: must be 1 or more, not 0",
            ],
        ),
    ],
)
def test_a_file_of_faults_names_all_its_problems_at_once(
    tmp_path: Path, text: str, problems: list[str]
) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        load(path)
    assert str(refused.value).splitlines()[1:] == problems


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
def test_whatever_is_utf8_is_read(text: str) -> None:
    for mark in READ.values():
        assert decoded(mark + text.encode()) == text
        assert without_mark(mark + text.encode()) == text.encode()


@given(st.text("ab/.4\n视", min_size=4), st.sampled_from(sorted(WIDE)))
@example("4视视视", "utf-16-le")
def test_wide_characters_are_never_taken_for_utf8(text: str, encoding: str) -> None:
    """Only bytes that are UTF-8 too, and hold few NULs, show nothing: a key may hold a NUL."""
    encoded = text.encode(encoding)
    if not any(char.isascii() for char in text):
        return
    if is_utf8(encoded) and encoded.count(0) * 4 < len(encoded):
        assert decoded(encoded) == encoded.decode()
    else:
        with pytest.raises(WrongEncodingError):
            decoded(encoded)


def is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("content", "line"), [(b"\xff\n", 1), (b"a\nb\n\xe8\xa7", 3), (b"\xef\xbb\xbfa\n\xff", 2)]
)
def test_what_is_not_utf8_is_named_with_its_line(content: bytes, line: int) -> None:
    with pytest.raises(WrongEncodingError, match=f"is not UTF-8 in line {line}$"):
        decoded(content)


def test_a_nul_among_others_is_a_character() -> None:
    assert decoded(b"some key with a \0 in it\n") == "some key with a \0 in it\n"
