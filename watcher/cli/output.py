"""Results on stdout, as a table for people or as JSON, JSON lines or CSV for programs."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

import click

from watcher.cli import tables
from watcher.errors import ConfigError, WatcherError
from watcher.observe import streams
from watcher.observe.escaping import printable
from watcher.rules.instants import local, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo
    from pathlib import Path

_USUAL_COLUMNS = 80
FORMATS = ("table", "json", "jsonl", "csv")


def output_format_option(
    default: str = "table", formats: tuple[str, ...] = FORMATS
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that reporting commands share."""
    return click.option(
        "--output-format",
        type=click.Choice(formats),
        default=default,
        show_default=True,
        help="Of the result on stdout.",
    )


def to_json(value: object) -> str:
    """Return one line of JSON, Chinese readable."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(type(value).__name__)


def printable_lines(text: str) -> str:
    """Return `text` with all but its ends of lines escaped."""
    return "\n".join(map(printable, text.split("\n")))


def warn_of_other_names(ledger: Path) -> None:
    """Warn on stderr if the ledger has another name; a command that only reads continues."""
    from watcher.ledger.sqlite import other_names

    if problem := other_names(ledger):
        say(f"warning: {printable(str(problem))}", err=True)
        say(f"hint: {printable(problem.hint)}", err=True)


def work_comes_first() -> None:
    """Keep the exit status of the work, also where the result cannot be shown."""
    if result := streams.result():
        result.raises = False


def give_up_when(stopping: Callable[[], bool]) -> None:
    """Stop waiting for a reader of stdout once `stopping`, while signals do not end the process."""
    if result := streams.result():
        result.gives_up = stopping


def for_machines() -> None:
    """Write UTF-8 to stdout, whatever the locale: keys must come out exactly."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")


def write_rows(
    rows: Iterable[object], names: Sequence[str], output_format: str, *, zone: tzinfo
) -> None:
    """Write dataclass rows one by one; nothing is kept.  `json` is one array.

    `zone`: of the instants in a table. Machine output is in UTC.
    """
    if output_format != "table":
        for_machines()
    match output_format:
        case "jsonl":
            for row in rows:
                click.echo(to_json(row))
        case "json":
            separator = "["
            for row in rows:
                click.echo(separator + to_json(row), nl=False)
                separator = ",\n"
            click.echo("[]" if separator == "[" else "]")
        case "csv":
            writer = csv.writer(
                sys.stdout, lineterminator="\r\n"
            )  # as RFC 4180 has it; a lone CR in a key is then quoted
            writer.writerow(names)
            for row in rows:
                writer.writerow([_cell(getattr(row, name)) for name in names])
        case _:
            cells = ([printable(_cell(getattr(row, name), zone)) for name in names] for row in rows)
            for line in tables.streamed(names, cells, width=_columns(sys.stdout), rule=_rule()):
                click.echo(line)


def _cell(value: object, zone: tzinfo = UTC) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return local(value, zone)
        case _:
            return str(value)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a small table for people: for the width of the terminal, elsewhere as wide as it is."""
    found = [list(row) for row in rows]
    figures = [all(_is_figure(row[n]) for row in found) for n in range(len(columns))]
    cells = [[printable(_cell(cell)) for cell in row] for row in found]
    if title:
        say(title)
    lines = tables.laid_out(
        columns, cells, figures=figures, width=_columns(sys.stdout), rule=_rule()
    )
    for line in ("", *lines, ""):
        click.echo(line)


def _is_figure(value: object) -> bool:
    return value in {None, ""} or isinstance(value, int | float)


def say(text: str, *, err: bool = False) -> None:
    """Print a sentence; a terminal is written to in whole words."""
    width = _columns(sys.stderr if err else sys.stdout)
    if width:
        text = "\n".join(part for line in text.split("\n") for part in tables.wrapped(line, width))
    click.echo(text, err=err)


def show_error(error: WatcherError) -> None:
    """Print an error and its cure on stderr."""
    from watcher.redaction import redact

    # A configuration problem quotes no secret, and the names of settings that hold them must stay
    # readable.
    sentence = f"error: {error}" if isinstance(error, ConfigError) else redact(f"error: {error}")
    say(printable_lines(sentence), err=True)
    if error.hint:
        say(printable_lines(redact(f"hint: {error.hint}")), err=True)


def _columns(stream: TextIO) -> int | None:
    """Return how wide a terminal is; None = it is none."""
    try:
        return (
            (os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS)
            if stream.isatty()
            else None
        )
    except (OSError, ValueError):
        return None


def _rule() -> str:
    """Return what draws a line, as far as stdout can show it."""
    try:
        "─".encode(sys.stdout.encoding)
    except (UnicodeEncodeError, LookupError):
        return "-"
    return "─"
