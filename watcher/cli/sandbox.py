"""`sandbox`: a local OSS and VOD."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watcher.cli.context import global_options
from watcher.cli.output import give_up_when, work_comes_first
from watcher.errors import UsageError

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

BUCKET = "sandbox-bucket"


def _start(port: int, faults: Path | None = None) -> Sandbox:
    try:
        from watcher.sandbox import Sandbox
        from watcher.sandbox.faults import Faults
        from watcher.sandbox.faults.file import load

        return Sandbox(port=port, hook=Faults(*(load(faults) if faults else ())))
    except ImportError as error:
        raise UsageError(
            f"the sandbox needs packages that are not installed ({error.name})",
            hint="pip install 'oss-vod-watcher[sandbox]'",
        ) from error
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used: {error.strerror}",
            hint="Name another --port, or leave it out for any free one.",
        ) from error


def _bucket_names(
    _context: click.Context, _option: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    from watcher.config.parsers import location

    for name in names:
        try:
            valid = location(f"oss://{name}").prefix == ""
        except ValueError:
            valid = False
        if not valid:
            raise click.BadParameter(
                f'"{name}" is not a bucket\'s name: 3 to 63 lower-case letters, digits and '
                "hyphens, no hyphen at either end."
            )
    return names


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option(
    "--bucket",
    "buckets",
    multiple=True,
    metavar="NAME",
    default=(BUCKET,),
    callback=_bucket_names,
    help="May be repeated.",
)
@click.option(
    "--samples", is_flag=True, help="Put the demo's sample objects into the first bucket."
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What goes wrong: TOML with [[fault]] tables.",
)
@global_options
def sandbox(*, port: int, buckets: tuple[str, ...], samples: bool, faults: Path | None) -> None:
    """Run a local OSS and VOD until stopped.

    Prints a configuration that points to them; its first lines are the environment to export.
    """
    from watcher.clock import SystemClock
    from watcher.sandbox.samples import put_samples

    with _start(port, faults) as local, SystemClock() as clock:
        clock.stop_on_signals()
        work_comes_first()
        give_up_when(lambda: clock.stopping)
        for bucket in buckets:
            local.oss.create_bucket(bucket)
        if samples:
            put_samples(local, buckets[0])
        click.echo(configuration(local, buckets))
        sys.stdout.flush()
        while not clock.wait(3600):
            pass


def configuration(local: Sandbox, buckets: tuple[str, ...]) -> str:
    """Return a ready configuration for the sandbox, with the environment to export as comments."""
    exports = [f"# export {name}={value}" for name, value in environment(local).items()]
    watches = [
        f'[[watch]]\nname = "{bucket}"\nsource = "oss://{bucket}/"\nendpoint = "{local.url}"\n'
        'start = "all"\n'
        for bucket in buckets
    ]
    return "\n".join(
        [*exports, "", f'[vod]\nendpoint = "{local.url}"\nregion = "{local.region}"\n', *watches]
    )


def environment(local: Sandbox) -> dict[str, str]:
    """Return the variables with which the sandbox is signed for."""
    found = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": local.credentials.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": local.credentials.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": local.credentials.security_token,
    }
    return {name: value for name, value in found.items() if value}
