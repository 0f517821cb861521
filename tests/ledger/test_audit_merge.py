"""An audit merges pages and rows as plain sets would, for any keys, on a real ledger."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.fakes import FakeAnswer
from watcher.discovery.listing.pager import Pager
from watcher.discovery.selector import ScanTarget, Selector
from watcher.errors import BucketRefused
from watcher.ledger.sqlite import LedgerReader, create
from watcher.model import Excluded, ObjectInfo, Objects, Page
from watcher.operations.audit import Audit, AuditedWatch
from watcher.rules.selection import Rules

if TYPE_CHECKING:
    from pathlib import Path

BEGAN, LAST_SCAN = 5_000, 100
PREFIXES = ("", "a", "a/", "\x7f", "\ue000", "\U00010000", "\U0010ffff", "\U0010ffff\U0010ffff")
STATES = ("pending", "claimed", "registered", "failed")

letters = st.sampled_from(
    ["a", "b", "/", "\n", "\x00", "\x7f", "'", "中", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
)
keys = st.builds(
    lambda stem, end: stem + end,
    st.text(letters, min_size=1, max_size=3),
    st.sampled_from([".mp4", ".txt"]),
)
raw_keys = st.one_of(
    keys.map(str.encode), keys.map(str.encode), keys.map(lambda key: key.encode() + b"\xff")
)


class RowOf(NamedTuple):
    """The row that the test wrote into the ledger for one key."""

    watch: str
    state: str
    etag: str
    changed: int
    first_seen_at: int


class Case(NamedTuple):
    """A bucket, a ledger, and the watches over them."""

    prefixes: list[str]  # of watches w0, w1 ... in the file's order
    objects: dict[bytes, tuple[str, int]]  # ETag, LastModified
    rows: dict[str, RowOf]
    page_size: int
    pages: int  # the listing breaks behind so many


row = st.builds(
    RowOf,
    st.sampled_from(["w0", "w1", "w2", "old"]),
    st.sampled_from(STATES),
    st.sampled_from(["e1", "e2"]),
    st.integers(0, 1),
    st.sampled_from([BEGAN - 1, BEGAN]),
)
cases = st.builds(
    Case,
    st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=3),
    st.dictionaries(
        raw_keys,
        st.tuples(st.sampled_from(["e1", "e2"]), st.sampled_from([99, 100, 101])),
        max_size=14,
    ),
    st.dictionaries(keys, row, max_size=14),
    st.integers(1, 4),
    st.one_of(st.just(99), st.integers(0, 4)),
)


class Pages:
    """`ports.Source` over the bucket of a case."""

    bucket = "media-bucket"

    def __init__(self, case: Case, prefix: str) -> None:
        self.prefix = prefix
        below = sorted(key for key in case.objects if key.startswith(prefix.encode()))
        self._cut = [
            below[n : n + case.page_size] for n in range(0, len(below), case.page_size)
        ] or [[]]
        self._case = case
        self._asked = 0

    def list_objects(
        self,
        *,
        start_after: str = "",  # noqa: ARG002
        token: str = "",  # noqa: ARG002
        max_keys: int = 0,  # noqa: ARG002
    ) -> FakeAnswer:
        n = self._asked  # once, from the front
        self._asked += 1
        if n == self._case.pages:
            raise BucketRefused("no more")
        raw = self._cut[n]
        objects = Objects.of(
            ObjectInfo(text(k), self._case.objects[k][0], 1, self._case.objects[k][1])
            for k in raw
            if text(k)
        )
        page = Page(
            objects=objects,
            at=1_000_000,
            last_key=objects.keys[-1] if objects else "",
            next_token="" if not raw or text(raw[-1]) else "token",
            is_last=n == len(self._cut) - 1,
            not_utf8=tuple(k for k in raw if not text(k)),
        )
        return FakeAnswer(page)

    def head(self, key: str) -> ObjectInfo | None:
        pytest.fail(f"an audit lists, and asks for no single object, not for {key}")

    @property
    def seen(self) -> list[bytes]:
        return [key for page in self._cut[: self._case.pages] for key in page]

    @property
    def is_whole(self) -> bool:
        return len(self._cut) <= self._case.pages


class Time:
    """`ports.Clock` that stands still."""

    def now_ms(self) -> int:
        return BEGAN

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> bool:  # noqa: ARG002
        return False


def text(raw: bytes) -> str:
    """Return a key, or "" if it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    create(path)
    return path


def write(path: Path, case: Case) -> None:
    db = sqlite3.connect(path)
    with db:
        for table in ("entry", "tally", "watch", "bucket"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608
        for number, bucket in enumerate(("media-bucket", "other-bucket"), 1):
            db.execute("INSERT INTO bucket VALUES (?, ?, 'r', 'u', 'raw')", (number, bucket))
        names = [*(f"w{n}" for n in range(3)), "old"]
        for number, name in enumerate(names):
            prefix = dict(zip(names, case.prefixes, strict=False)).get(name, "gone/")
            db.execute(
                "INSERT INTO watch (id, name, bucket_id, prefix, rules, complete_started_at, "
                "complete_listed) "
                "VALUES (?, ?, 1, ?, '', ?, 0)",
                (number, name, prefix, LAST_SCAN),
            )
        for key, of in case.rows.items():
            for bucket_id in (1, 2):
                media = "m" if of.state == "registered" else None
                reason = "refused" if of.state == "failed" else None
                db.execute(
                    "INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, "
                    "modified_at, "
                    "first_seen_at, changed, media_id, reason) VALUES (?, ?, ?, ?, 0, ?, 1, 0, ?, "
                    "?, ?, ?)",
                    (
                        bucket_id,
                        key,
                        names.index(of.watch),
                        of.state,
                        of.etag,
                        of.first_seen_at,
                        of.changed,
                        media,
                        reason,
                    ),
                )
    db.close()


def expected(case: Case, number: int, source: Pages) -> tuple[AuditedWatch, list[str]]:
    """Return what is true, by sets."""
    me, seen = f"w{number}", source.seen
    found = AuditedWatch(watch=me, listed=len(seen), complete=source.is_whole)
    missing = []

    def home(key: str) -> str:
        over = [f"w{n}" for n, prefix in enumerate(case.prefixes) if key.startswith(prefix)]
        return case.rows[key].watch if case.rows[key].watch in over else over[0]

    for raw in seen:
        key, (etag, modified_at) = text(raw), case.objects[raw]
        if not key:
            found.excluded[Excluded.KEY_NOT_UTF8] += 1
        elif key in case.rows:
            of = case.rows[key]
            name = "pending" if of.state == "claimed" else of.state
            if home(key) != me:
                found.excluded[Excluded.OTHER_WATCH] += 1
            else:
                setattr(found, name, getattr(found, name) + 1)
                found.changed += of.state == "registered" and (of.changed == 1 or of.etag != etag)
        elif key.endswith(".txt"):
            found.excluded[Excluded.EXTENSION] += 1
        elif any(key.startswith(prefix) for prefix in case.prefixes[:number]):
            found.excluded[Excluded.OTHER_WATCH] += 1
        elif modified_at >= LAST_SCAN:
            found.new += 1
        else:
            missing.append(key)
    last = max((text(raw).encode() for raw in seen), default=b"")
    found.unaccounted = len(missing)
    found.gone = sum(
        key.encode() not in seen and home(key) == me and of.first_seen_at < BEGAN
        for key, of in case.rows.items()
        if key.startswith(source.prefix) and (source.is_whole or key.encode() <= last)
    )
    return found, missing


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(cases)
def test_every_page_is_held_against_exactly_its_part_of_the_ledger(
    ledger: Path, case: Case
) -> None:
    """The counts of each watch equal those of plain sets, for any keys, pages and owners."""
    write(ledger, case)
    watches = [
        ScanTarget(
            name=f"w{n}",
            source_url="",
            rules=Rules(bucket="media-bucket", prefix=prefix),
            start="all",
        )
        for n, prefix in enumerate(case.prefixes)
    ]
    with LedgerReader(ledger) as reader:
        for number, target in enumerate(watches):
            source, reported = Pages(case, target.rules.prefix), list[tuple[str, str]]()
            found = Audit(
                target,
                over_bucket=watches,
                selector=Selector(target, watches[:number], reader),
                pager=Pager(source, pace=lambda _: True, clock=Time(), jitter=lambda: 0.0),
                ledger=reader.audit,
                clock=Time(),
                emit=lambda *_, **__: None,
                progress=lambda _: None,
                unaccounted=lambda bucket, key, reported=reported: reported.append((bucket, key)),  # type: ignore[misc]
            ).run()
            right, missing = expected(case, number, source)
            found.error = None
            found.excluded = Counter({reason: n for reason, n in found.excluded.items() if n})
            assert found == right
            assert reported == [("media-bucket", key) for key in missing]
            assert found.adds_up


def test_rows_come_in_reads_of_a_thousand_without_gap_or_repeat(ledger: Path) -> None:
    """The ledger's bounds: from a prefix that is itself a key, to the last key below it."""
    rows = {f"p{n:04}": RowOf("w0", "pending", "e", 0, 0) for n in range(2_000)} | {
        key: RowOf("w0", "pending", "e", 0, 0) for key in ("o", "p", "q")
    }
    write(ledger, Case(["p"], {}, rows, 1, 1))
    with LedgerReader(ledger) as reader:

        def listed(after: str, upto: str | None) -> list[str]:
            return [
                found.key
                for found in reader.audit.rows("media-bucket", "p", after=after, upto=upto)
            ]

        below = ["p", *(f"p{n:04}" for n in range(2_000))]
        assert listed("", None) == below
        assert listed("", "p1998") == below[:-1]
        assert listed("p", "p1999") == below[1:]
        assert listed("p0999", "p1000") == ["p1000"]
        assert list(reader.audit.rows("no-such-bucket", "", after="", upto=None)) == []
