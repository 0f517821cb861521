"""`sandbox` and `demo`: a local OSS and VOD."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watcher.cli.invocation import global_options
from watcher.cli.output import give_up_when, table, work_comes_first
from watcher.errors import UsageError
from watcher.examples import CONFIG, example

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

BUCKET = "sandbox-bucket"


def _start(port: int, faults: Path | None = None) -> Sandbox:
    try:
        from watcher.sandbox import Sandbox
        from watcher.sandbox.fault_file import load
        from watcher.sandbox.faults import Faults

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


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option("--bucket", "buckets", multiple=True, metavar="NAME", default=(BUCKET,), help="May be repeated.")
@click.option("--samples", is_flag=True, help="Put the demo's sample objects into the first bucket.")
@click.option(
    "--faults", type=click.Path(path_type=Path), metavar="FILE", help="What goes wrong: TOML with [[fault]] tables."
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
        f'[[watch]]\nname = "{bucket}"\nsource = "oss://{bucket}/"\nendpoint = "{local.url}"\nstart = "all"\n'
        for bucket in buckets
    ]
    return "\n".join([*exports, "", f'[vod]\nendpoint = "{local.url}"\nregion = "{local.region}"\n', *watches])


def environment(local: Sandbox) -> dict[str, str]:
    """Return the variables with which the sandbox is signed for."""
    found = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": local.credentials.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": local.credentials.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": local.credentials.security_token,
    }
    return {name: value for name, value in found.items() if value}


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("state/demo"), show_default=True
)
@global_options
def demo(*, folder: Path) -> int:
    """Show the main job on the sandbox: sample objects, a scan, a second scan that finds nothing to do."""
    from watcher.sandbox.samples import put_samples

    work_comes_first()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "watcher.toml"
    for old in folder.glob("ledger.db*"):
        old.unlink()
    with _start(0) as local:
        local.oss.create_bucket(BUCKET)
        count = put_samples(local, BUCKET)
        click.echo(f"The sandbox runs at {local.url}; {count} objects lie in oss://{BUCKET}/.\n")
        config.write_text(f'[ledger]\npath = "ledger.db"\n\n{configuration(local, (BUCKET,))}', encoding="utf-8")
        env = os.environ | environment(local)
        for arguments in (["ledger", "init"], ["scan"]):
            _step(config, arguments, env)
        _show_entries(folder / "ledger.db")
        before = len(local.vod.journal)
        click.echo("Once more: nothing is new, so nothing is called.\n")
        status = _step(config, ["scan"], env)
        click.echo(f"RegisterMedia calls that the sandbox saw in the second scan: {len(local.vod.journal) - before}\n")
    program = _program()
    click.echo(f"The ledger is {folder / 'ledger.db'}.  Next:")
    click.echo(f"  {program} -c {config} status")
    click.echo(f"  {program} -c {config} export --output-format csv")
    click.echo(f"  cp {example(CONFIG)} config/watcher.toml    # then edit it for your own bucket")
    return status


def _step(config: Path, arguments: list[str], env: dict[str, str]) -> int:
    """Run one command of ours as a person would, and show it."""
    click.echo(f"$ oss-vod-watcher {' '.join(arguments)}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "watcher", "--quiet", "-c", str(config), *arguments]
    status = subprocess.run(command, env=env, check=False).returncode  # noqa: S603 (our own program)
    click.echo(f"(exit status {status})\n")
    return status


def _show_entries(ledger_path: Path) -> None:
    from watcher.ledger import LedgerReader

    with LedgerReader(ledger_path) as reader:
        rows = [
            (entry.key, entry.state, entry.media_id or f"{entry.reason}: {entry.message}")
            for entry in reader.entries(lambda *_: "")
        ]
    table("What the ledger holds", ("key", "state", "media ID, or why not"), rows)


def _program() -> str:
    started = Path(sys.argv[0])
    return os.path.relpath(started) if started.name == "oss-vod-watcher" and started.exists() else "oss-vod-watcher"
