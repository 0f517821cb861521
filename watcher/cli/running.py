"""`run`: the daemon."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from watcher.cli.invocation import Invocation


@click.command()
@click.pass_obj
def run(invocation: Invocation) -> None:
    """Scan every watch by its schedule and register what is found, until SIGTERM or SIGINT.

    SIGHUP reads the configuration again. One `run` serves a ledger; `scan` and `backfill` may work beside it.
    Status page and metrics are at [http] listen.
    """
    from watcher.clock import SystemClock
    from watcher.daemon import Daemon
    from watcher.observe.systemd import ServiceManager

    with SystemClock() as clock:
        clock.stop_on_signals(insistent=False)  # it ends soon, and its threads must end first
        clock.note_hangups()
        daemon = Daemon(
            invocation.load(),
            read=invocation.read,
            in_force=invocation.set_up_log_of,
            clock=clock,
            manager=ServiceManager(os.environ, monotonic_us=lambda: int(clock.monotonic() * 1_000_000)),
        )
        daemon.run()
