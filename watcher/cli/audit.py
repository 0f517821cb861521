"""`audit`: the completeness proof."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import click

from watcher.cli import progress
from watcher.cli.context import global_options
from watcher.cli.output import (
    for_machines,
    output_format_option,
    say,
    table,
    to_json,
    warn_of_other_names,
)
from watcher.errors import LocalFailure, UsageError, with_hint
from watcher.observe.escaping import printable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from watcher.cli.context import Invocation
    from watcher.operations.audit import AuditedWatch, AuditReport
    from watcher.wiring.app import App

_IN_MEMORY_BYTES = 1 << 20
_ROWS = ("registered", "pending", "failed")
_COUNTS = (*_ROWS, "new", "unaccounted")


@click.command()
@click.option(
    "--watch", "watches", multiple=True, metavar="NAME", help="Only this watch; may be repeated."
)
@output_format_option(formats=("table", "json", "jsonl"))
@global_options
@click.pass_obj
def audit(invocation: Invocation, *, watches: tuple[str, ...], output_format: str) -> int:
    """Prove that every matching object is in the ledger.

    Compares a full listing with the ledger, object by object.

    Makes list requests and no other call.  Each listed object is counted once: excluded,
    registered, pending, failed, new (modified after the last complete scan began) or unaccounted.
    Exit status 6 unless unaccounted is 0; 5 if a listing is incomplete.  jsonl: one line a watch,
    then one {"unaccounted_key": "oss://BUCKET/KEY"} a line.  The ledger keeps when all watches were
    last proven.
    """
    from watcher.wiring.app import App

    config = invocation.load()
    known = [watch.name for watch in config.watches]
    for name in watches:
        if name not in known:
            raise UsageError(
                f'there is no watch "{name}"', hint=f"Configured are: {', '.join(known)}."
            )
    warn_of_other_names(config.ledger_path)
    with _Spool() as spool:
        with (
            App(config, watches=watches or tuple(known)) as app,
            progress.shown(app.clock, registers=False) as (tracker, _),
        ):
            report = app.audit(tracker, spool.add)
        _print(report, spool, output_format)
    return _conclude(app, report)


def _conclude(app: App, report: AuditReport) -> int:
    """Say on stderr what a person must know; return the exit status."""
    from watcher.cli.output import show_error

    for error in report.errors:
        show_error(error)
    if report.not_kept:
        why = with_hint(
            f"the metrics do not show this audit: {report.not_kept}", report.not_kept.hint
        )
        click.echo(f"note: {printable(why)}", err=True)
    if signal_number := app.clock.stopped_by:
        say(
            "interrupted: this is no proof; run the command again, it lists from the front",
            err=True,
        )
        return 128 + signal_number
    return report.exit_status


class _Spool:
    """Names of unaccounted objects: in a temporary file once they are more than a few."""

    def __init__(self) -> None:
        import tempfile

        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, bucket: str, key: str) -> None:
        """Keep the name of one object.

        Raises:
            LocalFailure: the temporary folder has no room.
        """
        try:
            self._file.write(to_json(f"oss://{bucket}/{key}").encode() + b"\n")
        except OSError as error:
            raise LocalFailure(
                f"the list of unaccounted objects cannot be written: {error.strerror}",
                hint="Make room in the temporary folder, or name another one in TMPDIR.",
            ) from error

    def lines(self) -> Iterator[str]:
        """Yield each name as a JSON string."""
        self._file.seek(0)
        for line in self._file:
            yield line.decode().rstrip("\n")


def _print(report: AuditReport, spool: _Spool, output_format: str) -> None:
    match output_format:
        case "json":
            for_machines()
            _print_json(report, spool)
        case "jsonl":
            for_machines()
            for watch in report.watches:
                click.echo(to_json(_as_json(watch)))
            for line in spool.lines():
                click.echo(f'{{"unaccounted_key": {line}}}')
        case _:
            _print_table(report, spool)


def _print_json(report: AuditReport, spool: _Spool) -> None:
    head = to_json({"watches": [_as_json(watch) for watch in report.watches]}).removesuffix("}")
    click.echo(f'{head}, "unaccounted_keys": [', nl=False)
    separator = ""
    for line in spool.lines():
        click.echo(separator + line, nl=False)
        separator = ",\n"
    click.echo("]}")


def _as_json(watch: AuditedWatch) -> dict[str, Any]:
    """Return what was found under its public names (design 4.1)."""
    names = ("registered", "pending", "failed", "changed", "gone", "new", "unaccounted")
    head = {"watch": watch.watch, "complete": watch.complete, "listed": watch.listed}
    return (
        head
        | {"excluded": _excluded(watch.excluded)}
        | {name: getattr(watch, name) for name in names}
    )


def _excluded(counts: Counter[str]) -> dict[str, int]:
    return {str(reason): n for reason, n in sorted(counts.items()) if n}


def _print_table(report: AuditReport, spool: _Spool) -> None:
    table(
        "",
        ("watch", "complete", "listed", "excluded", *_COUNTS, "changed", "gone"),
        [
            (
                watch.watch,
                "yes" if watch.complete else "NO",
                watch.listed,
                watch.excluded.total(),
                *(getattr(watch, name) for name in (*_COUNTS, "changed", "gone")),
            )
            for watch in report.watches
        ],
    )
    say(_sum(report.watches))
    _print_excluded(report)
    _print_notes(report)
    _print_verdict(report, spool)


def _sum(watches: list[AuditedWatch]) -> str:
    """Return the equation that the table must satisfy."""
    listed, excluded = (
        sum(watch.listed for watch in watches),
        sum(watch.excluded.total() for watch in watches),
    )
    parts = [
        f"excluded {excluded}",
        *(f"{name} {sum(getattr(watch, name) for watch in watches)}" for name in _COUNTS),
    ]
    verdict = "it adds up" if all(watch.adds_up for watch in watches) else "it does NOT add up"
    return f"{verdict}: listed {listed} = {' + '.join(parts)}"


def _print_excluded(report: AuditReport) -> None:
    from watcher.rules.advice import ambiguous_note

    for watch in report.watches:
        if excluded := _excluded(watch.excluded):
            say(
                f"{watch.watch}: excluded "
                f"{', '.join(f'{reason} {n}' for reason, n in excluded.items())}"
            )
        if n := excluded.get("ambiguous_extension"):
            say(f"note: {ambiguous_note(watch.watch, n)}")


def _print_notes(report: AuditReport) -> None:
    notes = {
        "failed": "failed: `oss-vod-watcher export` shows the reasons",
        "new": "new: they came after the last complete scan began; the next scan records them",
        "changed": "changed: registered, and overwritten since; VOD has the old content",
        "gone": "gone: in the ledger, and no longer in the bucket; nothing is deleted from VOD",
    }
    for name, note in notes.items():
        if n := sum(getattr(watch, name) for watch in report.watches):
            say(f"note: {n} {note}")


def _print_verdict(report: AuditReport, spool: _Spool) -> None:
    if n := report.unaccounted:
        say(f"{n} object{'s are' if n != 1 else ' is'} unaccounted for:")
        for line in spool.lines():
            click.echo(f"  {printable(json.loads(line))}")
        say("next: run `oss-vod-watcher scan`, which records what is missing, then audit again")
    if report.exit_status == 0:
        say("every matching object is accounted for")
    elif any(not watch.complete for watch in report.watches):
        names = ", ".join(f'"{watch.watch}"' for watch in report.watches if not watch.complete)
        say(f"nothing is proven: the listing of {names} is incomplete; run the command again")
    elif not all(watch.adds_up for watch in report.watches):
        say(
            "nothing is proven: an object was counted twice or not at all, which is a bug; please "
            "report it"
        )
