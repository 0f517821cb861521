"""The question before a large registration: asked on a terminal, where nobody may have meant it."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING

import click

from watcher.cli.output import say
from watcher.rules.batching import MAX_ITEMS
from watcher.rules.units import rounded_duration, rounded_size

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterable, Mapping

    from watcher.config import Config, Watch
    from watcher.model import Waiting
    from watcher.ports import Clock

LARGE = 10_000  # entries; more than so many are asked about
_NO_TRANSCODE = "VOD_NO_TRANSCODE"


def can_ask() -> bool:
    """Whether a person can read the question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Question:
    """Asks whether to register the queued entries, if there are many."""

    def __init__(
        self, config: Config, clock: Clock, *, paused: contextlib.AbstractContextManager[None]
    ) -> None:
        self._config = config
        self._clock = clock
        self._paused = paused

    def __call__(self, waiting: Mapping[str, Waiting]) -> bool:
        """Return whether to register; `waiting` is what is queued, by watch."""
        if sum(each.entries for each in waiting.values()) <= LARGE:
            return True
        with self._paused:
            for line in described(self._config, waiting):
                say(line, err=True)
            click.echo("Register them now? [y/N] ", nl=False, err=True)
            return self._answer() in {"y", "yes"}

    def _answer(self) -> str:
        """Return the line that is typed, "" once the process was asked to stop."""
        while not select.select([sys.stdin], [], [], 0)[0]:
            if self._clock.wait(0.1):
                click.echo(err=True)
                return ""
        try:
            return sys.stdin.readline().strip().lower()
        except OSError:  # the terminal has gone
            return ""


def described(config: Config, waiting: Mapping[str, Waiting]) -> Iterable[str]:
    """Yield what registering would mean: how many, how large, how long, and what it sets off."""
    entries = sum(each.entries for each in waiting.values())
    size_bytes = sum(each.size_bytes for each in waiting.values())
    calls = sum(-(-each.entries // MAX_ITEMS) for each in waiting.values())
    rate = config.vod.calls_per_second
    yield (
        f"{entries:,} objects ({rounded_size(size_bytes)}) are about to be registered: "
        f"about {calls:,} RegisterMedia calls, "
        f"{rounded_duration(round(calls / rate))} at {rate} calls a second."
    )
    transcoded = [
        f'{waiting[watch.name].entries:,} of watch "{watch.name}" ({how})'
        for watch in config.watches
        if watch.name in waiting and waiting[watch.name].entries and (how := _transcoding(watch))
    ]
    yield (
        f"Transcoding starts for {', '.join(transcoded)}."
        if transcoded
        else "No transcoding starts."
    )


def _transcoding(watch: Watch) -> str:
    media = watch.media
    if media.workflow_id:
        return f"workflow {media.workflow_id}"
    if media.template_group_id and media.template_group_id != _NO_TRANSCODE:
        return f"template group {media.template_group_id}"
    return "" if media.template_group_id else "VOD's default template group"
