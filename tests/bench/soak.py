"""`make soak`: a daemon under load and faults; memory, files and threads must not grow.

Five watches scan every second while objects come, are overwritten and vanish, the cloud fails now
and then, people look at the page and Prometheus asks, and the configuration is read again every
minute.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.running_daemon import Running
from tests.support.workspace import Workspace
from watcher.sandbox import Sandbox
from watcher.sandbox.faults import Fault, Faults

BUCKETS = tuple(f"bucket-{n}" for n in range(5))
PAGES = ("/", "/metrics", "/status.json", "/readyz", "/search?q=mp4", "/search?q=%E8%8A%82")
TROUBLES = (
    Fault(operation="oss", kind="server_error", probability=0.3),
    Fault(operation="RegisterMedia", kind="throttle", every=3),
    Fault(operation="RegisterMedia", kind="reset", effect="before", every=3),
    Fault(operation="ListObjectsV2", kind="truncated", every=3),
    Fault(operation="RegisterMedia", kind="access_denied"),
    Fault(operation="RegisterMedia", kind="partial_refusal", items=1, every=5),
)
# A share of the time: until then each kind of trouble comes for the first time, and memory grows.
WARM = 0.25
MOST_GROWTH_MB = 6.0
MOST_GROWTH_N = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon's use of the machine at one moment."""

    at_s: float
    rss_mb: float
    files: int
    threads: int


def look(pid: int, at_s: float) -> Sample:
    """Read it from /proc."""
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        if ":" in line
    )
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(at_s, int(status["VmRSS"].split()[0]) / 1024, files, int(status["Threads"]))


def load(sandbox: Sandbox, chance: random.Random, n: int) -> None:
    """Put some objects, delete as many so that no bucket grows, and overwrite one now and then."""
    bucket = chance.choice(BUCKETS)
    keys = [key.decode() for key in sandbox.oss.keys(bucket)]
    for each in range(chance.randrange(4)):
        sandbox.oss.put(bucket, f"{chance.randrange(1000):03}/{n}-{each} 节目.mp4", b"x")
        sandbox.oss.delete(bucket, keys.pop(chance.randrange(len(keys))))
    if n % 7 == 0:
        sandbox.oss.put(bucket, chance.choice(keys), bytes(chance.randrange(9)))


def soak(minutes: float, folder: Path) -> list[Sample]:
    """Run it; return a sample for each second."""
    chance, samples = random.Random(20), []  # noqa: S311 (the same load each time)
    with Sandbox(calls_per_second=50) as sandbox:
        for bucket in BUCKETS:
            sandbox.oss.create_bucket(bucket)
            sandbox.oss.fill(bucket, [f"{n:05}.mp4" for n in range(2000)])
        workspace = Workspace(folder, sandbox)
        watches = [
            workspace.watch(name=b, source=f"oss://{b}/", more='schedule = "1s"') for b in BUCKETS
        ]
        retry = '[retry]\nfirst_delay = "1s"\nmax_delay = "5s"'
        workspace.configure(
            *watches, vod="calls_per_second = 45", more=f'{retry}\n[http]\nlisten = "127.0.0.1:0"'
        )
        workspace.init()
        with Running(workspace) as running:
            running.until_logged("daemon.ready")
            began = time.monotonic()  # noqa: TID251 (real time is what this is about)
            n = 0
            while (at_s := time.monotonic() - began) < minutes * 60:  # noqa: TID251
                n += 1
                minute = int(at_s // 60)
                sandbox.hook = Faults(
                    *([TROUBLES[minute % len(TROUBLES)]] if at_s % 60 < 20 else [])
                )
                load(sandbox, chance, n)
                with suppress(OSError):
                    running.get(PAGES[n % len(PAGES)])
                if n % 120 == 0:
                    running.send(signal.SIGHUP)
                if n % 2 == 0:
                    samples.append(look(running.pid, at_s))
                running.events[:-50] = []
                if n % 120 == 0:
                    print(_line(samples[-1]), file=sys.stderr, flush=True)
                time.sleep(0.5)  # noqa: TID251
            sandbox.hook = Faults()
            assert running.stop() == 0
        done = workspace.run("scan", "--output-format", "json")
        assert done.status in {0, 6}, done.err
        audited = workspace.run("audit")
        assert audited.status == 0, audited.out
    return samples


def _line(sample: Sample) -> str:
    return (
        f"{sample.at_s:6.0f} s  {sample.rss_mb:6.1f} MB  {sample.files:3} files  "
        f"{sample.threads:3} threads"
    )


def main() -> int:
    """Print how it went; return 1 if something grew."""
    parser = argparse.ArgumentParser(prog="make soak SOAK_ARGS=...", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        samples = soak(minutes, Path(folder))
    warm = [sample for sample in samples if sample.at_s >= WARM * minutes * 60]
    part = max(1, len(warm) // 5)
    grew = False
    print(
        f"{minutes:g} minutes; medians of the first and the last fifth of what comes after a "
        "quarter of them"
    )
    for name, most in (
        ("rss_mb", MOST_GROWTH_MB),
        ("files", MOST_GROWTH_N),
        ("threads", MOST_GROWTH_N),
    ):
        values = [getattr(sample, name) for sample in warm]
        first, last = statistics.median(values[:part]), statistics.median(values[-part:])
        grew |= last - first > most
        print(
            f"{name:8} {first:8.1f} -> {last:8.1f}   most {max(values):8.1f}   may grow by {most:g}"
        )
    return int(grew)


if __name__ == "__main__":
    sys.exit(main())
