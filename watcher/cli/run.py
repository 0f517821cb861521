"""`run`: the daemon."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from watcher.cli.context import global_options

if TYPE_CHECKING:
    from watcher.cli.context import Invocation

_M_ARENA_MAX = -8  # malloc.h
_HEAPS = 2


@click.command()
@global_options
@click.pass_obj
def run(invocation: Invocation) -> None:
    """Scan every watch by its schedule and register what is found, until SIGTERM or SIGINT.

    SIGHUP reads the configuration again. One `run` serves a ledger; `scan` and `backfill` may work
    beside it. Status page and metrics are at [http] listen.
    """
    from watcher.clock import SystemClock
    from watcher.daemon.daemon import Daemon
    from watcher.daemon.sd_notify import ServiceManager

    _share_heaps()
    with SystemClock() as clock:
        clock.stop_on_signals(
            second_interrupt_raises=False
        )  # it ends soon, and its threads must end first
        clock.reload_on_hangup()
        daemon = Daemon(
            invocation.load(),
            read=invocation.read,
            in_force=invocation.set_up_log_of,
            clock=clock,
            manager=ServiceManager(
                os.environ, monotonic_us=lambda: int(clock.monotonic() * 1_000_000)
            ),
        )
        daemon.run()


def _share_heaps() -> None:
    """Make all threads allocate from a few heaps; call it before there are any.

    glibc makes up to eight for each processor, and each keeps room for the most that its threads
    ever held at once: a daemon with many threads would grow for hours, by fragments alone.  Source:
    mallopt(3).  Other C libraries have no such setting, and no such heaps.
    """
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)
