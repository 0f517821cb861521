"""Make the README's picture of the page.

Usage: `python -m tests.system.picture docs/status-page.png`.

It needs chromium, and Pillow (which the bench extra brings).
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.support.ledgers import FORM, finish, obj, record, settle
from tests.support.page_fixture import opened
from tests.system.test_page import CHROMIUM
from watcher import config as configuration
from watcher.clock import SystemClock
from watcher.daemon.status_view import LedgerView
from watcher.ledger.sqlite import create
from watcher.model import Accepted, BucketSpec, Failure, Refused, WatchSpec
from watcher.model.reports import ScanReport
from watcher.observe.health import Health
from watcher.observe.web import WebServer

if TYPE_CHECKING:
    from watcher.ledger.sqlite import Ledger
    from watcher.model import Claim

BUCKET = "media-bucket"
WATCHES = {"videos": "videos/", "podcasts": "podcasts/"}
REFUSED = (
    (
        'videos/门店-12/周报 "第3期".mov',
        Refused(
            reason=Failure.REFUSED,
            message="VOD named it in FailedFileURLs, and gives no reason.",
            final=True,
        ),
    ),
    (
        "videos/gate-4/2026-11-25/0317.mp4",
        Refused(reason=Failure.GONE, message="The object is no longer in the bucket.", final=True),
    ),
)


def fill(ledger: Ledger, *, now: int) -> None:
    """Make a day of work."""
    ledger.assignments.adopt(
        [BucketSpec(name=BUCKET, region="cn-shanghai", file_url=FORM, encoding="percent")],
        [
            WatchSpec(name=name, bucket=BUCKET, prefix=prefix, rules="r")
            for name, prefix in WATCHES.items()
        ],
        config_path="watcher.toml",
    )
    for key, refused in REFUSED:
        record(
            ledger,
            obj(key, at=now),
            watch="videos",
            now=now - 3_000_000,
            source=source("videos"),
        )
        claimed = claim(ledger, "videos", now=now)
        assert claimed
        settle(ledger, claimed, refused, now=now - 2_900_000)
    for name, keys in (("videos", 18_420), ("podcasts", 1_206)):
        objects = [obj(f"{WATCHES[name]}{n:06}.mp4", at=now) for n in range(keys)]
        record(ledger, *objects, watch=name, now=now - 70_000, source=source(name))
        while ledger.queue.pending() > (37 if name == "podcasts" else 0):
            claimed = claim(ledger, name, now=now)
            if claimed is None:
                break
            settle(
                ledger,
                claimed,
                Accepted(media_id=f"m{claimed.batch_id}", new_register=True),
                now=now,
            )
        finish(ledger, watch=name, listed=keys, now=now - 13_000, source=source(name))
    overwritten = obj("videos/000007.mp4", etag="E2", at=now)
    record(ledger, overwritten, watch="videos", now=now, source=source("videos"))


def source(watch: str) -> str:
    """Return the source of a watch, as the configuration names it."""
    return f"oss://{BUCKET}/{WATCHES[watch]}"


def claim(ledger: Ledger, watch: str, *, now: int) -> Claim | None:
    """Take ten entries of a watch."""
    return ledger.queue.claim(
        BUCKET, [watch], choose=lambda due: due[:10], now_ms=now, horizon_ms=now + 1
    )


def remember(view: LedgerView, *, now: int) -> None:
    """Draw an hour: uploads come in bursts, and are worked off."""
    chance, backlog, registered, failed = random.Random(7), 0, 0, 0  # noqa: S311 (a picture)
    for n in range(361):
        burst = 220 if n % 97 < 9 else 0
        came = chance.randrange(6, 16) + burst
        done = min(backlog + came, chance.randrange(60, 80))
        backlog += came - done
        registered += done
        failed += n in (120, 251)
        view.history.sample(
            now - (360 - n) * 10_000, backlog=backlog, registered=registered, failed=failed
        )
    for watch, keys in (("videos", 18_422), ("podcasts", 1_206)):
        for n in range(3):
            view.history.scanned(
                ScanReport(
                    watch=watch,
                    complete=True,
                    listed=keys + 214 + n,
                    matched=keys,
                    new=9 - 4 * n if watch == "videos" else 0,
                    changed=n // 2 if watch == "videos" else 0,
                    excluded={"extension": 212, "too_young": 2 + n}
                    if watch == "videos"
                    else {"extension": 14},
                    list_calls=keys // 1000 + 1,
                    duration_s=0.9 if watch == "videos" else 0.2,
                ),
                started_at_ms=now - (3 - n) * 60_000 + 46_000,
            )


def screenshot() -> bytes:
    """Return the picture as a PNG file of all its colours."""
    with tempfile.TemporaryDirectory() as folder, SystemClock() as clock:
        file = Path(folder) / "watcher.toml"
        tables = (
            f'[[watch]]\nname = "{name}"\nsource = "{source(name)}"\nstart = "all"\n'
            for name in WATCHES
        )
        file.write_text(
            'timezone = "Asia/Shanghai"\n[ledger]\npath = "ledger.db"\n' + "".join(tables),
            encoding="utf-8",
        )
        config, now = configuration.load(file), clock.now_ms()
        create(config.ledger_path)
        with opened(config.ledger_path) as ledger, sync_playwright() as playwright:
            fill(ledger, now=now)
            healthy = Health(live=True, ready=True)
            view = LedgerView(
                lambda: config, ledger_path=config.ledger_path, health=lambda: healthy, clock=clock
            )
            remember(view, now=now)
            server = WebServer("127.0.0.1:0", allowed_hosts=[], view=view)
            server.start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1140, "height": 900}, color_scheme="light")
            page.goto(f"http://{server.address}/")
            picture = page.screenshot(full_page=True)
            browser.close()
            server.close()
            view.close()
    return picture


def save(picture: bytes, target: Path) -> None:
    """Write a picture with 256 colours, a quarter of its size."""
    from PIL import Image  # noqa: PLC0415 (the tests do without)

    Image.open(io.BytesIO(picture)).convert("RGB").quantize(
        256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    ).save(target, optimize=True)


if __name__ == "__main__":
    save(screenshot(), Path(sys.argv[1]))
