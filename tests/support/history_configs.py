"""Configurations and ledgers of random histories, each made once."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watcher import config as configuration
from watcher.ledger.sqlite import create

if TYPE_CHECKING:
    from watcher.config import Config

BUCKET = "media-bucket"


@dataclass(frozen=True, slots=True)
class WatchAs:
    """One watch of a configuration, as histories vary it."""

    name: str
    prefix: str = ""
    rules: str = ""  # lines of TOML
    options: str = ""  # user data: another value makes another call
    start: str = "all"


RETRY = 'first_delay = "1s"\nmax_delay = "5m"'


@functools.cache
def configured(watches: tuple[WatchAs, ...], retry: str) -> Config:
    lines = [f"[retry]\nmax_attempts = 2\n{retry}"]
    for each in watches:
        lines.append(f'[[watch]]\nname = "{each.name}"\nsource = "oss://{BUCKET}/{each.prefix}"')
        lines.append(f'start = "{each.start}"')
        lines.append(each.rules)
        if each.options:
            lines.append(f"[watch.media]\nuser_data = '{each.options}'")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watcher.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return configuration.load(path)


@functools.cache
def new_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        create(path)
        return path.read_bytes()
