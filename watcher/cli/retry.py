"""`retry`: failed entries queued again, changed ones acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import click

from watcher.cli.context import global_options
from watcher.cli.output import output_format_option, say, to_json, work_comes_first
from watcher.errors import UsageError
from watcher.model import Failure
from watcher.rules.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.cli.context import Invocation
    from watcher.ledger.sqlite import Ledger

_CURE = "Name oss://BUCKET/KEY..., or give --reason, --watch, --all-failed or --changed."


@click.command()
@click.argument("entries", metavar="[oss://BUCKET/KEY]...", nargs=-1)
@click.option(
    "--reason",
    metavar="REASON",
    help="All that failed for this reason; with --watch, of this watch.",
)
@click.option(
    "--watch",
    metavar="NAME",
    help="All that failed of this watch; with --changed, its changed ones.",
)
@click.option("--all-failed", is_flag=True, help="All that failed.")
@click.option("--changed", is_flag=True, help="Acknowledge entries whose object was overwritten.")
@click.option("--encoding-type", type=click.Choice(["url"]), help="Keys are given percent-encoded.")
@output_format_option(formats=("table", "json", "jsonl"))
@global_options
@click.pass_obj
def retry(
    invocation: Invocation,
    *,
    entries: tuple[str, ...],
    reason: str | None,
    watch: str | None,
    all_failed: bool,
    changed: bool,
    encoding_type: str | None,
    output_format: str,
) -> None:
    """Queue failed entries again; with --changed, take the mark off overwritten ones.

    Calls no cloud service, and may be used beside a running scan. The next scan registers the
    entries. If one of several named entries is refused, none is changed.
    """
    from watcher.clock import SystemClock
    from watcher.ledger.sqlite import Ledger, ProcessLock

    work_comes_first()
    named = [_parsed(text, encoded=encoding_type == "url") for text in entries]
    _refuse_contradictions(
        named=bool(named), reason=reason, watch=watch, all_failed=all_failed, changed=changed
    )
    failure = _failure(reason)
    config = invocation.load()
    path = config.ledger_path
    retried = acknowledged = 0
    with (
        SystemClock() as clock,
        ProcessLock(path) as lock,
        Ledger(path, lock, wait=clock.wait) as ledger,
    ):
        _refuse_unknown(watch, {*ledger.retry.watches(), *(each.name for each in config.watches)})
        if changed:
            acknowledged = _acknowledge(ledger, named, watch)
        elif named:
            retried = ledger.retry.retry_named(named, now_ms=clock.now_ms())
        else:
            retried = ledger.retry.retry_failed(watch=watch, reason=failure, now_ms=clock.now_ms())
    _print(retried, acknowledged, output_format, changed=changed)


def _acknowledge(ledger: Ledger, named: Sequence[tuple[str, str]], watch: str | None) -> int:
    if named:
        return ledger.retry.acknowledge_named(named)
    return ledger.retry.acknowledge_changed(watch=watch)


def _print(retried: int, acknowledged: int, output_format: str, *, changed: bool) -> None:
    if output_format != "table":
        click.echo(to_json({"retried": retried, "acknowledged": acknowledged}))
    elif changed:
        say(f"{counted(acknowledged, 'change')} acknowledged")
    elif retried == 1:
        say("1 entry is queued again; the next scan registers it")
    else:
        say(f"{retried} entries are queued again; the next scan registers them")


def _parsed(text: str, *, encoded: bool) -> tuple[str, str]:
    bucket, slash, key = text.removeprefix("oss://").partition("/")
    if not text.startswith("oss://") or not bucket or not slash or not key:
        raise UsageError(f"{text!r} is not oss://BUCKET/KEY", hint=_CURE)
    try:
        exact = (
            unquote_to_bytes(key) if encoded else key.encode("utf-8", "surrogateescape")
        ).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"the key of {text!r} is not UTF-8",
            hint="VOD cannot name such a file: rename the object.",
        ) from None
    return bucket, exact


def _refuse_contradictions(
    *, named: bool, reason: str | None, watch: str | None, all_failed: bool, changed: bool
) -> None:
    chosen = {
        "--reason": reason is not None,
        "--watch": watch is not None,
        "--all-failed": all_failed,
    }
    given = [name for name, is_given in chosen.items() if is_given]
    if not (named or given or changed):
        raise UsageError("nothing was chosen to be retried", hint=_CURE)
    if named and given:
        raise UsageError(
            f"entries were named, and {given[0]} chooses others", hint="Give one or the other."
        )
    if changed and (reason is not None or all_failed):
        raise UsageError(
            "--changed is for registered entries, and "
            f"{'--reason' if reason is not None else '--all-failed'} for "
            "failed ones",
            hint="Run the command twice, once for each.",
        )
    if all_failed and len(given) > 1:
        raise UsageError(f"--all-failed is more than {given[0]}", hint="Give one or the other.")


def _failure(reason: str | None) -> Failure | None:
    if reason is None:
        return None
    try:
        return Failure(reason)
    except ValueError:
        raise UsageError(
            f'no entry fails for the reason "{reason}"', hint=f"Reasons are: {', '.join(Failure)}."
        ) from None


def _refuse_unknown(watch: str | None, known: set[str]) -> None:
    if watch is not None and watch not in known:
        raise UsageError(
            f'there is no watch "{watch}"', hint=f"Known are: {', '.join(sorted(known))}."
        )
