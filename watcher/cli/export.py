"""`export`: every entry of the ledger.  The ledger is opened read-only."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import click

from watcher.cli.context import global_options
from watcher.cli.output import (
    output_format_option,
    warn_of_other_names,
    write_rows,
)

if TYPE_CHECKING:
    from watcher.cli.context import Invocation


@click.command()
@output_format_option("jsonl")
@global_options
@click.pass_obj
def export(invocation: Invocation, *, output_format: str) -> None:
    """Write every entry of the ledger, one a line, in key order."""
    from watcher.ledger.sqlite import LedgerReader
    from watcher.model.reports import ExportedEntry
    from watcher.rules.file_url import FileUrlForm

    def file_url(template: str, encoding: str, region: str, bucket: str, key: str) -> str:
        return FileUrlForm(template, encoding, region).url(bucket, key)

    config = invocation.load()
    warn_of_other_names(config.ledger_path)
    with LedgerReader(config.ledger_path) as reader:
        write_rows(
            reader.entries(file_url),
            [field.name for field in fields(ExportedEntry)],
            output_format,
            zone=config.timezone,
        )
