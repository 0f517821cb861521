"""A ledger with some of everything, and the page over it: for tests and for people."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.ledgers import adopt, claim, finish, obj, record, settle, sleep
from watcher import config as configuration
from watcher.clock import SystemClock
from watcher.daemon.status_view import LedgerView
from watcher.errors import Unavailable
from watcher.ledger.sqlite import Ledger, ProcessLock, create
from watcher.model import Accepted, Breaker, BreakerKind, Failure, Refused
from watcher.model.reports import ScanReport
from watcher.observe.health import Health
from watcher.observe.web import WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.config import Config

SCRIPT = "<script>document.title='owned';document.body.dataset.owned=1</script>.mp4"
CHINESE = "影片/\"第一集\" '完整版'.mp4"
CONTROL = "bell\x07 and \x1b[31mred\x1b[0m \u202egnp.4pm"
LONG = "x" * 1019 + ".mp4"
ODD = (SCRIPT, CHINESE, CONTROL, LONG)
REFUSED_KEY = "refused/a & b <b>.mp4"


@dataclass(slots=True)
class Served:
    """The page of one ledger, and what stands behind it."""

    path: Path
    view: LedgerView
    server: WebServer
    ledger: Ledger
    health: list[Health] = field(default_factory=lambda: [Health(live=True, ready=True)])

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self.server.address}"


def config(folder: Path, *, more: str = "") -> Config:
    """Return a configuration of two watches."""
    path = folder / "watcher.toml"
    watches = "\n".join(
        f'[[watch]]\nname = "{name}"\nsource = "oss://bucket-b/{prefix}"\nstart = "all"\nschedule '
        '= "1m"'
        for name, prefix in (("w", ""), ("second", "second/"))
    )
    path.write_text(f'[ledger]\npath = "ledger.db"\n{more}\n{watches}\n', encoding="utf-8")
    return configuration.load(path)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """Open a ledger as the daemon has it."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        assert lock.try_acquire()
        yield ledger


def fill(ledger: Ledger, *, now_ms: int) -> None:
    """Put entries in every state into it, with odd keys among them."""
    adopt(ledger, "w", "second")
    hour_ago = now_ms - 3_600_000
    record(ledger, *(obj(key, at=hour_ago) for key in ODD), now=hour_ago)
    for n, key in enumerate(sorted(ODD)):
        claimed = claim(ledger, watches=["w"], now=now_ms - 60_200, most=1)
        assert claimed
        settle(
            ledger,
            claimed,
            Accepted(media_id=f"media-{n}", new_register=n != 1),
            now=now_ms - 60_000,
        )
        assert key in {entry.key for entry in claimed.entries} | set(ODD)
    fail(
        ledger,
        REFUSED_KEY,
        Refused(reason=Failure.REFUSED, message="VOD said <i>no</i>", final=True),
        now_ms=now_ms,
    )
    gone = Refused(reason=Failure.GONE, message="no longer there", final=True)
    fail(ledger, "gone.mp4", gone, watch="second", now_ms=now_ms)
    record(ledger, obj(CHINESE, etag="E2", at=now_ms), now=now_ms)  # overwritten
    record(
        ledger, *(obj(f"waiting-{n:03}.mp4", at=now_ms) for n in range(120)), now=now_ms - 90_000
    )
    claim(ledger, watches=["w"], now=now_ms, most=7)
    finish(ledger, now=now_ms - 20_000, listed=130)


def fail(ledger: Ledger, key: str, refused: Refused, *, now_ms: int, watch: str = "w") -> None:
    """Make an entry `failed`."""
    record(ledger, obj(key, at=now_ms), watch=watch, now=now_ms)
    claimed = claim(ledger, watches=[watch], now=now_ms)
    assert claimed
    assert [entry.key for entry in claimed.entries] == [key]
    settle(ledger, claimed, refused, now=now_ms)


def stop_calls(ledger: Ledger, *, now_ms: int, bucket: str = "") -> None:
    """Open a breaker."""
    ledger.breakers.put(
        Breaker(
            bucket=bucket,
            kind=BreakerKind.REFUSED,
            reason="VOD refuses the account: it is in arrears.",
            hint="Top it up in the console.",
            opened_at=now_ms - 300_000,
            next_probe_at=now_ms + 60_000,
        )
    )


def remember(view: LedgerView, *, now_ms: int) -> None:
    """Make an hour of work and a few scans."""
    registered = 0
    for n in range(360):
        registered += (n * 7) % 23 + (30 if n % 60 < 20 else 0)
        backlog = max(0, 2000 - 8 * n) + (n * 37) % 150 + (900 if 150 < n < 190 else 0)
        view.history.sample(
            now_ms - (359 - n) * 10_000, backlog=backlog, registered=registered, failed=n // 40
        )
    for n in range(8):
        report = ScanReport(
            watch="w",
            complete=n != 5,
            listed=130 + n,
            matched=125,
            new=n,
            list_calls=1,
            duration_s=0.4,
        )
        report.excluded = {"extension": 4, "too_young": n % 2}
        report.error = (
            Unavailable("OSS did not answer within 15 s; what was seen is recorded.")
            if n == 5
            else None
        )
        view.history.scanned(report, started_at_ms=now_ms - (8 - n) * 60_000)


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    listen: str = "127.0.0.1:0",
    allowed_hosts: Sequence[str] = (),
    filled: bool = True,
) -> Iterator[Served]:
    """Serve the page of a ledger in a folder."""
    settings = config(folder)
    path = settings.ledger_path
    create(path)
    health = [Health(live=True, ready=True)]
    with SystemClock() as clock, opened(path) as ledger:
        if filled:
            fill(ledger, now_ms=clock.now_ms())
        else:
            adopt(ledger, "w", "second")
        view = LedgerView(
            lambda: settings, ledger_path=path, health=lambda: health[-1], clock=clock
        )
        server = WebServer(listen, allowed_hosts=allowed_hosts, view=view)
        server.start()
        try:
            yield Served(path=path, view=view, server=server, ledger=ledger, health=health)
        finally:
            server.close()
            view.close()
