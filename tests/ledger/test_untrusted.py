"""A ledger that is missing, cut off, foreign or damaged is refused and stays unchanged.

It is never taken for a first run.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import LedgerReader
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = 4096


@dataclass(frozen=True, slots=True)
class Filled:
    """A workspace with 300 registered files, and the ledger's files at rest and after a crash."""

    workspace: Workspace
    whole: dict[str, bytes]  # by suffix
    crashed: dict[str, bytes]  # a log with changes, and the pid of a dead owner in the lock

    def put(self, files: dict[str, bytes]) -> None:
        """Replace the ledger's files by these."""
        for suffix in ("", "-wal", "-shm", ".lock"):
            self.file(suffix).unlink(missing_ok=True)
        for suffix, content in files.items():
            self.file(suffix).write_bytes(content)

    def file(self, suffix: str) -> Path:
        return self.workspace.folder / f"ledger.db{suffix}"

    def refused(self, *words: str) -> str:
        """Scan, check that nothing changes, and return the hint."""
        before = {suffix: self._bytes(suffix) for suffix in ("", "-wal")}
        calls = len(self.workspace.sandbox.vod.journal)
        ran = self.workspace.run("scan")
        assert ran.status == 4, ran.err
        assert len(self.workspace.sandbox.vod.journal) == calls
        assert {suffix: self._bytes(suffix) for suffix in before} == before
        errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        hints = [line for line in ran.err.splitlines() if line.startswith("hint: ")]
        assert len(errors) == len(hints) == 1, ran.err
        assert [word for word in words if word not in errors[0] + hints[0]] == []
        return hints[0]

    def _bytes(self, suffix: str) -> bytes | None:
        return self.file(suffix).read_bytes() if self.file(suffix).exists() else None


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with Sandbox() as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        workspace = Workspace(tmp_path_factory.mktemp("filled"), sandbox)
        workspace.configure(vod="calls_per_second = 400")
        sandbox.vod.calls_per_second = 500
        workspace.init()
        sandbox.oss.fill(BUCKET, [f"{n:04}.mp4" for n in range(300)])
        assert workspace.scan().json["registered"] == 300
        put_pages_in_order(workspace.ledger)
        whole = {"": workspace.ledger.read_bytes()}
        yield Filled(workspace, whole, crashed(workspace))


def put_pages_in_order(ledger: Path) -> None:
    """Let the file end with the page of the last keys, whatever the calls were quick to write."""
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("VACUUM")


def crashed(workspace: Workspace) -> dict[str, bytes]:
    """Return the files of a process that died after it wrote to the log."""
    with sqlite3.connect(workspace.ledger, isolation_level=None) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("BEGIN")
        for n in range(300, 900):  # so many that the log holds pages that the file has not
            db.execute(
                """
                INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes,
                                   modified_at, first_seen_at)
                VALUES (1, ?, 1, 'pending', 1, 'E', 5, 0, 0)
                """,
                (f"{n:04}.mp4",),
            )
        db.execute("UPDATE tally SET n = n + 600 WHERE state = 'pending'")
        db.execute("COMMIT")
        files = {
            suffix: workspace.ledger.with_name(f"ledger.db{suffix}").read_bytes()
            for suffix in ("", "-wal")
        }
    db.close()
    return files | {".lock": b"4711\n"}


def test_a_whole_ledger_and_one_after_a_crash_are_accepted(filled: Filled) -> None:
    """The other tests start from these two."""
    for files in (filled.whole, filled.crashed):
        filled.put(files)
        with LedgerReader(filled.workspace.ledger) as reader:
            assert sum(row.registered + row.pending for row in reader.status()) in {300, 900}


@pytest.mark.parametrize("log", [b"", b"left by a crash"])
def test_a_missing_ledger_is_refused(filled: Filled, log: bytes) -> None:
    filled.put({"-wal": log} if log else {})
    assert "ledger init" in filled.refused("no ledger", "backup")
    assert not filled.workspace.ledger.exists()


SQLITE_HEAD = b"SQLite format 3\0"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\0" * 9 * PAGE, "NUL"),
        (b"hello world, this is no database" * 999, "not a SQLite database"),
        (SQLITE_HEAD, "cut off"),
        (SQLITE_HEAD + b"\0" * 3 * PAGE, "ledger"),
    ],
    ids=["empty", "NUL", "text", "head", "zeroed"],
)
def test_a_file_that_is_no_ledger_is_refused(filled: Filled, content: bytes, word: str) -> None:
    filled.put({"": content})
    hint = filled.refused(word)
    assert "backup" in hint
    assert "ledger init --replace" in hint


CUTS: dict[str, Callable[[int], int]] = {
    "half": lambda n: n // 2,
    "half of the pages": lambda n: n // 2 // PAGE * PAGE,
    "one page": lambda _: PAGE,
    "100 bytes": lambda _: 100,
    "less than a page": lambda _: 600,
}
ENDS: dict[str, Callable[[int], int]] = {
    "less one page": lambda n: n - PAGE,
    "less 100 bytes": lambda n: n - 100,
    "less one byte": lambda n: n - 1,
}


@pytest.mark.parametrize("cut", [*CUTS, *ENDS])
def test_a_ledger_that_was_cut_off_is_refused(filled: Filled, cut: str) -> None:
    """SQLite itself counts whole pages only."""
    whole = filled.whole[""]
    filled.put({"": whole[: (CUTS | ENDS)[cut](len(whole))]})
    assert "ledger init --replace" in filled.refused("damaged", "backup")


@pytest.mark.parametrize("cut", CUTS)
def test_a_ledger_with_a_log_that_was_cut_off(filled: Filled, cut: str) -> None:
    """SQLite itself ignores the size while a log exists."""
    file = filled.crashed[""]
    filled.put(filled.crashed | {"": file[: CUTS[cut](len(file))]})
    assert "ledger init --replace" in filled.refused("damaged", "backup")


@pytest.mark.parametrize("end", ENDS)
def test_a_page_that_the_log_holds_is_not_missing(filled: Filled, end: str) -> None:
    file = filled.crashed[""]
    filled.put(filled.crashed | {"": file[: ENDS[end](len(file))]})
    assert filled.workspace.run("ledger", "check").status == 0


def test_a_ledger_with_an_interrupted_checkpoint_is_accepted(filled: Filled) -> None:
    """A checkpoint writes the first page first: the log holds the pages that the file lacks."""
    filled.put(filled.crashed)
    reference = filled.workspace.folder / "reference.db"
    for suffix in ("", "-wal"):
        shutil.copy(filled.file(suffix), reference.with_name(f"reference.db{suffix}"))
    with sqlite3.connect(reference) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    db.close()
    full = reference.read_bytes()
    assert len(full) > len(filled.crashed[""])
    filled.put(filled.crashed | {"": full[:PAGE] + filled.crashed[""][PAGE:]})

    with LedgerReader(filled.workspace.ledger) as reader:
        assert [(row.registered, row.pending) for row in reader.status()] == [(300, 600)]


def test_a_foreign_database_is_refused(filled: Filled, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "foreign.db") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
    db.close()
    filled.put({"": (tmp_path / "foreign.db").read_bytes()})
    assert "ledger init --replace" in filled.refused("not a ledger", "backup")


def test_a_ledger_of_a_newer_version_is_refused(filled: Filled) -> None:
    filled.put(filled.whole)
    with sqlite3.connect(filled.workspace.ledger) as db:
        db.execute(
            """
            INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
            VALUES ('oss-vod-watcher', '9999_x', '')
            """
        )
    db.close()
    filled.refused("newer version", "Install that version")


def test_an_unreadable_ledger_is_refused(filled: Filled) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    filled.put(filled.whole)
    filled.workspace.ledger.chmod(0)
    try:
        ran = filled.workspace.run("scan")
        assert ran.status == 4
        assert "cannot be read" in ran.err
    finally:
        filled.workspace.ledger.chmod(0o600)


def spoilt(content: bytes) -> bytes:
    """Return a ledger with its first page, and garbage in the others."""
    return content[:PAGE] + bytes(n * 37 % 251 for n in range(len(content) - PAGE))


def pages_of(log: bytes) -> set[int]:
    """Return the numbers of the pages that a write-ahead log holds."""
    return {int.from_bytes(log[at : at + 4], "big") for at in range(32, len(log), 24 + PAGE)}


@pytest.mark.parametrize("with_log", [False, True])
def test_damage_is_found_after_a_crash_before_any_work(filled: Filled, *, with_log: bool) -> None:
    """Every scan finds it, until the ledger is restored."""
    files = filled.crashed if with_log else filled.whole
    whole = files[""]
    in_log = pages_of(files.get("-wal", b""))
    at = PAGE * next(
        n for n in range(len(whole) // PAGE // 2, len(whole) // PAGE) if n + 1 not in in_log
    )
    filled.put(files | {"": whole[:at] + os.urandom(PAGE) + whole[at + PAGE :], ".lock": b"4711\n"})
    for _ in range(2):
        assert "ledger init --replace" in filled.refused("damaged", "backup")

    filled.put(filled.whole | {".lock": filled.file(".lock").read_bytes()})
    assert filled.workspace.run("scan").status == 0
    assert filled.file(".lock").read_bytes() == b""


def test_damage_found_at_work_is_reported_and_remembered(filled: Filled) -> None:
    calls = len(filled.workspace.sandbox.vod.journal)
    filled.put({"": spoilt(filled.whole[""])})
    for _ in range(2):
        ran = filled.workspace.run("scan")
        assert ran.status == 4, ran.err
        assert "damaged" in ran.err
        assert "ledger init --replace" in ran.err
    assert len(filled.workspace.sandbox.vod.journal) == calls


@pytest.mark.parametrize(
    ("scan", "status"), [(["scan"], 0), (["scan", "--full"], 4)], ids=["scan", "full"]
)
@pytest.mark.parametrize("key", ["", "0150x.mp4", "9999.mp4"])
def test_entries_overwritten_with_garbage_are_not_registered_again(
    filled: Filled, scan: list[str], status: int, key: str
) -> None:
    """An unchanged listing reads no entry; else the scan finds the damage before it writes."""
    filled.put(filled.whole)
    with sqlite3.connect(filled.workspace.ledger) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'").fetchone()
    db.close()
    whole, at = filled.whole[""], (root - 1) * PAGE
    filled.put({"": whole[:at] + os.urandom(PAGE) + whole[at + PAGE :]})
    sandbox = filled.workspace.sandbox
    calls = len(sandbox.vod.journal)
    if key:
        sandbox.oss.put(BUCKET, key)
    ran = filled.workspace.run(*scan)
    if key:
        sandbox.oss.delete(BUCKET, key)
    assert ran.status == (4 if key else status), ran.err
    assert len(sandbox.vod.journal) == calls


def test_a_backup_beside_the_log_of_another_ledger_is_refused(filled: Filled) -> None:
    """SQLite would read the log as a part of the backup."""
    filled.put(filled.whole)
    backup = filled.workspace.folder / "backup.db"
    backup.unlink(missing_ok=True)
    assert filled.workspace.run("ledger", "backup", str(backup)).status == 0
    filled.put(filled.crashed | {"": backup.read_bytes()})
    filled.refused("ledger.db-wal", "another ledger")
    filled.file("-wal").unlink()
    assert filled.workspace.run("scan").status == 0


def test_a_ledger_beside_the_log_of_another_is_refused(filled: Filled, tmp_path: Path) -> None:
    """The check after a crash finds that the two make no sound ledger."""
    other = Workspace(tmp_path, filled.workspace.sandbox)
    other.init()
    filled.put(filled.crashed | {"": other.ledger.read_bytes()})
    filled.refused("ledger")


def test_every_command_refuses_a_damaged_ledger(filled: Filled) -> None:
    for arguments in (
        ["status"],
        ["export"],
        ["scan", "--dry-run"],
        ["ledger", "check"],
        ["retry", "--all-failed"],
    ):
        filled.put({"": filled.whole[""][: -PAGE // 2]})
        ran = filled.workspace.run(*arguments)
        assert (arguments, ran.status) == (arguments, 4)
        assert filled.workspace.ledger.read_bytes() == filled.whole[""][: -PAGE // 2]
