"""`backfill`: everything that the watches select, whatever their `start` says."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from watcher.cli import one_shot
from watcher.cli.context import global_options
from watcher.cli.output import output_format_option
from watcher.cli.parameters import DURATION, SIZE, Parsed
from watcher.cli.progress import Bar
from watcher.errors import UsageError
from watcher.observe.escaping import printable
from watcher.rules import globs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.cli.context import Invocation
    from watcher.config import Config
    from watcher.operations.backfill import BackfillRequest
    from watcher.operations.progress import ProgressTracker
    from watcher.wiring.app import App


_BOUNDS = ("start_after", "end_with")


def _glob(text: str) -> str:
    if problem := globs.check(text):
        raise ValueError(problem)
    return text


_GLOB = Parsed("glob", _glob)


@click.command()
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="List the bucket and show what would be registered. Change nothing.",
)
@click.option(
    "--watch", "watches", multiple=True, metavar="NAME", help="Only this watch; may be repeated."
)
@click.option(
    "--include",
    multiple=True,
    type=_GLOB,
    metavar="GLOB",
    help="Only what matches; may be repeated.",
)
@click.option(
    "--exclude",
    multiple=True,
    type=_GLOB,
    metavar="GLOB",
    help="Not what matches; may be repeated.",
)
@click.option(
    "--min-age",
    "min_age_ms",
    type=DURATION,
    default="0s",
    metavar="AGE",
    help="Not modified since: 90s 24h 7d.",
)
@click.option("--max-age", "max_age_ms", type=DURATION, metavar="AGE", help="Modified since.")
@click.option(
    "--min-size",
    "min_size_bytes",
    type=SIZE,
    default="0B",
    metavar="SIZE",
    help="At least: 1B 10M 1.5G.",
)
@click.option("--max-size", "max_size_bytes", type=SIZE, metavar="SIZE", help="At most.")
@click.option("--start-after", default="", metavar="KEY", help="Only keys after KEY.")
@click.option("--end-with", default="", metavar="KEY", help="Only keys up to KEY, and KEY itself.")
@click.option("--files-from", metavar="FILE", help="Look at these instead of listing; - is stdin.")
@click.option(
    "--list-manifest-from",
    metavar="OSS-URL",
    help="Read this bucket inventory (manifest.json) instead of listing.",
)
@click.option(
    "--give-up-after",
    "give_up_after_ms",
    type=DURATION,
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="Without one file registered, refused or failed, once listing has ended; 0 = never.",
)
@click.option("--encoding-type", type=click.Choice(["url"]), help="Keys are given percent-encoded.")
@one_shot.verbose_option
@one_shot.yes_option
@output_format_option(formats=("table", "json", "jsonl"))
@global_options
@click.pass_obj
def backfill(
    invocation: Invocation,
    /,
    *,
    dry_run: bool,
    watches: tuple[str, ...],
    files_from: str | None,
    list_manifest_from: str | None,
    give_up_after_ms: int,
    encoding_type: str | None,
    verbose: bool,
    yes: bool,
    output_format: str,
    **filters: Any,
) -> int:
    """Register everything that the watches select, whatever `start` says, and exit.

    Filters narrow what is newly queued. Files that are queued already are registered, too. The same
    command resumes an interrupted backfill. Fresh uploads that a scan finds meanwhile go first. A
    backfill waits for all retries, and gives up when no file was registered, refused or failed for
    so long as `--give-up-after` says. Beside a process that registers, it waits for that one. An
    inventory is a picture of the past: run a scan afterwards, for what was written since. On a
    terminal it asks before it registers more than 10,000 objects; "no" exits 1.
    """
    config = invocation.load()
    names = one_shot.chosen(config, watches)
    encoded = encoding_type == "url"
    request, outside = _asked(config, names, files_from, encoded=encoded, filters=filters)
    request = replace(
        request,
        give_up_after_s=give_up_after_ms / 1000 if give_up_after_ms else math.inf,
        manifest=_manifest(list_manifest_from, files_from, encoded=encoded),
    )
    run = _Run(
        config,
        names,
        request,
        outside=None if files_from is None else outside,
        output_format=output_format,
    )
    return run.dry(verbose=verbose) if dry_run else run.real(yes=yes)


@dataclass(frozen=True)
class _Run:
    """One backfill, and how it is shown."""

    config: Config
    names: Sequence[str]
    request: BackfillRequest
    _: KW_ONLY
    outside: Sequence[tuple[str, str]] | None  # keys of the list of no watch; None = no list
    output_format: str

    def dry(self, *, verbose: bool) -> int:
        """Show what would be registered; return the exit status."""
        with self._started(wanted=False) as (app, tracker, _):
            return one_shot.dry_run(
                app, tracker, self.output_format, verbose=verbose, also=lambda: self._also(app)
            )

    def real(self, *, yes: bool) -> int:
        """Register, show the report, and return the exit status."""
        from watcher.operations.progress import ProgressTicker

        with (
            self._started(wanted=True) as (app, tracker, bar),
            ProgressTicker(tracker, app.clock),
        ):
            report = one_shot.run(app, tracker, bar, yes=yes)
        if isinstance(report, int):
            return report
        one_shot.show(report, self.output_format, **self._also(app))
        return one_shot.conclude(app, report)

    @contextmanager
    def _started(self, *, wanted: bool) -> Iterator[tuple[App, ProgressTracker, Bar]]:
        """Yield the parts of a run, and the bar if it is `wanted`; name the keys of no watch."""
        from watcher.observe import logs
        from watcher.operations.progress import ProgressTracker
        from watcher.wiring.app import App

        with (
            App(self.config, watches=self.names, backfill=self.request) as app,
            Bar(wanted=wanted) as bar,
        ):
            for bucket, key in self.outside or ():
                click.echo(f"outside every watch: oss://{bucket}/{printable(key)}", err=True)
            emit = _mute if bar.is_shown else logs.emit
            yield app, ProgressTracker(app.clock, emit=emit, show=bar.show), bar

    def _also(self, app: App) -> dict[str, object]:
        """Return the counts that a report of a list of keys has, too."""
        if self.outside is None:
            return {}
        return {"gone": len(app.gone), "outside": len(self.outside)}


def _asked(
    config: Config,
    names: tuple[str, ...],
    files_from: str | None,
    *,
    encoded: bool,
    filters: dict[str, Any],
) -> tuple[BackfillRequest, list[tuple[str, str]]]:
    """Return what is asked for, and the keys of a list that no chosen watch covers.

    Raises:
        UsageError: filters contradict each other, a bound or a line of the list is no key.
    """
    from watcher.cli import key_file
    from watcher.discovery.key_list import share_out
    from watcher.operations.backfill import BackfillRequest
    from watcher.rules.filters import Filters

    watches = {
        watch.name: (watch.bucket, watch.prefix) for watch in config.watches if watch.name in names
    }
    buckets = tuple(dict.fromkeys(bucket for bucket, _ in watches.values()))
    digest, shares = "", None
    outside: list[tuple[str, str]] = []
    if files_from is not None:
        named, digest = key_file.read(files_from, buckets=buckets, encoded=encoded)
        shares, outside = share_out(named, watches)
    bounds = {name: _bound(name, filters[name], encoded=encoded) for name in _BOUNDS}
    found = Filters(**filters | bounds, key_list=digest)
    if problem := found.contradiction():
        raise UsageError(
            f"{problem}: nothing is left", hint="Correct one of them, or leave it out."
        )
    return BackfillRequest(filters=found, keys=shares), outside


def _bound(name: str, text: str, *, encoded: bool) -> str:
    """Return the key that a bound names.

    Raises:
        UsageError: it names none.
    """
    from watcher.cli import key_file

    try:
        return key_file.bound(text, encoded=encoded)
    except ValueError as error:
        raise UsageError(
            f'--{name.replace("_", "-")} "{printable(text)}" {error}',
            hint="Odd keys are given percent-encoded, with --encoding-type url.",
        ) from None


def _manifest(
    address: str | None, files_from: str | None, *, encoded: bool
) -> tuple[str, str] | None:
    """Return the bucket and key of an inventory's manifest; None without an address.

    Raises:
        UsageError: the address is none, or a list of keys is given, too.
    """
    from watcher.cli import key_file

    if address is None:
        return None
    if files_from is not None:
        raise UsageError(
            "--files-from and --list-manifest-from each stand in for a listing",
            hint="Leave one of them out.",
        )
    try:
        return key_file.address(address, encoded=encoded)
    except ValueError as error:
        raise UsageError(
            f'--list-manifest-from "{printable(address)}": {error}',
            hint="Write oss://BUCKET/KEY, the key being that of the inventory's manifest.json.",
        ) from None


def _mute(*_: object, **__: object) -> None:
    """Say nothing: a terminal shows it."""
