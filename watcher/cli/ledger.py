"""`ledger ...`: create it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from watcher.cli.invocation import Invocation


@click.group()
def ledger() -> None:
    """Create the ledger."""


@ledger.command("init")
@click.pass_obj
def init(invocation: Invocation) -> None:
    """Create the ledger.  Nothing else ever does, so that a lost one is not taken for a first run."""
    from watcher.ledger import create

    path = invocation.load().ledger_path
    create(path)
    click.echo(f"created {path}")
