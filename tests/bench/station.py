"""A stub server, and beside it our program with a configuration and a ledger of its own."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from tests.bench.measuring import PATH, Cost, measure
from tests.bench.stub.shapes import MIXED
from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

BUCKET = "media-bucket"
_QUEUE = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)
INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at,
                   first_seen_at, due_at)
SELECT w.bucket_id, :prefix || printf('2026/11/%040d.mp4', i), w.id, 'pending', 1,
       hex(randomblob(16)), 5, 1, 1, 1
  FROM n JOIN watch AS w
"""
NO_LIMIT = "list_calls_per_second = 10000"
_ENV = {
    "PATH": PATH,
    "PYTHONPATH": str(CHECKOUT),
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "key",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "cn-shanghai",
}


class Stub:
    """The stub server in a process of its own, with a bucket of n objects."""

    def __init__(self, folder: Path, n: int, *, shape: str = MIXED) -> None:
        self.n = n
        command = [sys.executable, "-m", "tests.bench.stub", "--objects", str(n), "--shape", shape]
        self._process = subprocess.Popen(
            [*command, "--folder", str(folder)], env=_ENV, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def steer(self, what: str, body: bytes | None = None) -> Any:
        """Tell the stub something, or ask it; return its answer."""
        with urllib.request.urlopen(f"{self.url}/__stub/{what}", data=body) as answer:  # noqa: S310 (our own stub)
            return json.load(answer)

    def slow_down(self, *, list_s: float = 0.0, register_s: float = 0.0) -> None:
        """Make each request take so long, however many there are at once."""
        self.steer(f"latency?list_s={list_s}&register_s={register_s}")

    def counted(self) -> dict[str, float]:
        """Return the counts since the last time they were asked for."""
        counts: dict[str, float] = self.steer("counts")
        self.steer("reset")
        return counts

    def __enter__(self) -> Self:
        """Return the stub, which listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.communicate()


class Station:
    """Our program, configured for a stub; the ledger is new, unless one that is there is kept."""

    def __init__(self, folder: Path, stub: Stub, *, prefix: str = "", keep: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        self.stub = stub
        self.ledger = folder / "ledger.db"
        self.env = {**_ENV, "HOME": str(folder)}
        self._prefix = prefix
        self.config = folder / "watcher.toml"
        self.configure()
        if not (keep and self.ledger.exists()):
            self.run("ledger", "init", keep=True)

    def configure(self, *, watch: str = NO_LIMIT, vod: str = "calls_per_second = 1000") -> None:
        """Write the configuration of one watch over the whole bucket."""
        self.config.write_text(
            f'[ledger]\npath = "{self.ledger}"\n[http]\nlisten = ""\n[vod]\nendpoint = '
            f'"{self.stub.url}"\n{vod}\n'
            f'[[watch]]\nname = "videos"\nsource = "oss://{BUCKET}/{self._prefix}"\n'
            f'endpoint = "{self.stub.url}"\nstart = "all"\n'
            f"{watch}\n",
            encoding="utf-8",
        )

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs our program."""
        return [sys.executable, "-m", "watcher", "-q", "-c", str(self.config), *arguments]

    def run(
        self, *arguments: str, keep: bool = False, status: int = 0, stop_after_s: float = 0.0
    ) -> Cost:
        """Run our program to its end; see `measure`."""
        return measure(
            self.command(*arguments),
            env=self.env,
            keep=keep,
            status=status,
            stop_after_s=stop_after_s,
        )

    def scan(self, *arguments: str) -> Cost:
        """Run `scan`; its report is kept."""
        return self.run("scan", *arguments, "--output-format", "json", keep=True)

    def ledger_bytes(self) -> int:
        """Return the size of the ledger with what has not been written back to it yet."""
        return sum(path.stat().st_size for path in self.ledger.parent.glob("ledger.db*"))

    def vacuumed_bytes(self) -> int:
        """Return the size that the ledger would have after VACUUM."""
        copy = self.ledger.with_name("vacuumed.db")
        with contextlib.closing(sqlite3.connect(self.ledger)) as db:
            db.execute("VACUUM INTO ?", (str(copy),))
        size = copy.stat().st_size
        copy.unlink()
        return size

    def call_all_registered(self) -> None:
        """Mark every row as registered, as if VOD had accepted the object.

        Real calls for a million rows would take half an hour.
        """
        with contextlib.closing(sqlite3.connect(self.ledger)) as db, db:
            db.execute(
                "UPDATE entry SET state = 'registered', media_id = lower(hex(randomblob(16))), "
                "new_register = 1, "
                "due_at = NULL WHERE state = 'pending'"
            )
            db.execute("DELETE FROM tally")
            db.execute(
                "INSERT INTO tally (watch_id, state, n) SELECT watch_id, state, count(*) FROM "
                "entry GROUP BY 1, 2"
            )

    def queue(self, n: int) -> None:
        """Queue n entries, all due at one instant.

        `retry --all-failed` and a first scan leave such a queue.
        """
        with contextlib.closing(sqlite3.connect(self.ledger)) as db, db:
            db.execute(_QUEUE, {"last": n - 1, "prefix": self._prefix})
            db.execute(
                "INSERT OR REPLACE INTO tally SELECT watch_id, state, count(*) FROM entry GROUP BY "
                "1, 2"
            )

    def call_all_failed(self) -> None:
        """Make every row one of an object that VOD refused."""
        with contextlib.closing(sqlite3.connect(self.ledger)) as db, db:
            db.execute(
                "UPDATE entry SET state = 'failed', reason = 'refused', message = 'VOD refused "
                "it', attempts = 3, "
                "due_at = NULL"
            )
            db.execute("DELETE FROM tally")
            db.execute(
                "INSERT INTO tally SELECT watch_id, state, count(*) FROM entry GROUP BY 1, 2"
            )

    @contextlib.contextmanager
    def remembering_nothing(self) -> Iterator[None]:
        """Make scans list every range while the block runs.

        Scans do so where most remembered ranges change.
        """
        self._remember(is_plain=True)
        try:
            yield
        finally:
            self._remember(is_plain=False)
            self.scan("--full")

    def _remember(self, *, is_plain: bool) -> None:
        with contextlib.closing(sqlite3.connect(self.ledger)) as db, db:
            db.execute("UPDATE listing SET is_plain = ?", (is_plain,))

    def forget_all(self) -> None:
        """Delete every row, and that there ever was a scan."""
        with contextlib.closing(sqlite3.connect(self.ledger)) as db, db:
            db.execute("DELETE FROM entry")
            db.execute("UPDATE watch SET complete_started_at = NULL")
