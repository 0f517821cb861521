"""The command line: parse, call, print, exit status.

SDKs are imported only by commands that need them.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from watcher import __version__
from watcher.cli import audit, backfill, demo, export, ledger, retry, run, sandbox, scan, status
from watcher.cli.context import Invocation, global_options
from watcher.cli.output import printable_lines, say, show_error
from watcher.errors import LocalFailure, WatcherError
from watcher.observe import streams

if TYPE_CHECKING:
    from types import FrameType

_UNFORESEEN = _MACHINE_FAILED = 1
_SIGPIPE = 128 + signal.SIGPIPE
_SOON_S = 0.01  # by when the callback is over, most often


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@global_options
@click.version_option(__version__, prog_name="oss-vod-watcher")
@click.pass_context
def cli(context: click.Context) -> None:
    """Register every new object of an OSS bucket with ApsaraVideo VOD, exactly once.

    Exit status: 0 done; 1 unforeseen, the machine failed us, or a person said no to registering; 2
    usage, configuration or credentials, nothing was touched; 3 another `run` or process holds the
    lock; 4 the ledger is missing or cannot be trusted; 5 a cloud service refused or stayed
    unreachable, or the scan or audit is incomplete; 6 something became failed in this run, or an
    audit found objects unaccounted for; 130/143 interrupted.
    """
    context.obj = context.obj or Invocation()


for _command in (
    scan.scan,
    backfill.backfill,
    run.run,
    status.status,
    audit.audit,
    export.export,
    retry.retry,
    ledger.ledger,
    sandbox.sandbox,
    demo.demo,
):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run one command and exit with its status; a person sees sentences, never a traceback."""
    ours = streams.take_over()
    try:
        exit_status = run_command(sys.argv[1:])
    finally:
        ours.end()
    if exit_status == _SIGPIPE:
        _die_of_sigpipe()
    sys.exit(exit_status)


def run_command(arguments: list[str]) -> int:
    """Run one command; return its exit status (design 4.1)."""
    interrupts = _Interrupts()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupts)
        sys.unraisablehook = interrupts.note_unraisable
    try:
        return _with_result(_invoke(arguments))
    except WatcherError as error:
        show_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return _interrupted()
    except streams.ResultLost as lost:
        return _SIGPIPE if lost.reader_left else _result_lost(lost)
    except Exception as error:  # noqa: BLE001 (the one place: a bug ends neither in silence nor in a traceback)
        return _interrupted() if interrupts.came else _unforeseen(error)


def _with_result(exit_status: int) -> int:
    """Return the status of a command that has done its work, even if its output was lost."""
    sys.stdout.flush()
    result = streams.result()
    lost = result.lost if result else None
    if lost is None or lost.reader_left:
        return exit_status
    _result_lost(lost)
    return exit_status or _MACHINE_FAILED


def _result_lost(lost: streams.ResultLost) -> int:
    error = LocalFailure(
        f"the result cannot be written to stdout: {lost.why}",
        hint="What was done is in the ledger. Make room, or send stdout elsewhere.",
    )
    show_error(error)
    return error.exit_status


def _die_of_sigpipe() -> NoReturn:
    """End as programs do whose reader has left."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    sys.exit(_SIGPIPE)  # the signal is blocked


class _Interrupts:
    """Raises KeyboardInterrupt, and remembers it.

    pydantic's core wraps a KeyboardInterrupt in a SchemaError.
    """

    came = False
    _is_lost = False  # while `note_unraisable` runs: raised here, it would be lost again

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if not self._is_lost:
            raise KeyboardInterrupt

    def note_unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Repeat an interrupt that was lost where no exception can be raised.

        A callback of an import is such a place.
        """
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)
            return
        self._is_lost = True
        signal.signal(signal.SIGALRM, self._repeat)
        signal.setitimer(signal.ITIMER_REAL, _SOON_S)
        self._is_lost = False

    def _repeat(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_lost:  # the machine is slow
            signal.setitimer(signal.ITIMER_REAL, _SOON_S)
        else:
            signal.raise_signal(signal.SIGINT)


def _invoke(arguments: list[str]) -> int:
    try:
        exit_status = cli.main(args=arguments, prog_name="oss-vod-watcher", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    return int(exit_status or 0)


def _interrupted() -> int:
    if result := streams.result():
        result.given_up = True
    say("interrupted; what was done is in the ledger, run the command again to continue", err=True)
    return 128 + signal.SIGINT


def _unforeseen(error: Exception) -> int:
    import logging
    import traceback

    from watcher.redaction import redact

    click.echo(
        printable_lines(redact(f"error: unforeseen: {type(error).__name__}: {error}")), err=True
    )
    click.echo(
        "hint: this is a bug; run again with --log-level debug and report what it prints", err=True
    )
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        click.echo(redact("".join(traceback.format_exception(error))), err=True)
    return _UNFORESEEN
