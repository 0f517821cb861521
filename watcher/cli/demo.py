"""`demo`: the main job on the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from watcher.cli.context import global_options
from watcher.cli.output import table, work_comes_first
from watcher.cli.sandbox import BUCKET, _start, configuration, environment


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("state/demo"),
    show_default=True,
)
@global_options
def demo(*, folder: Path) -> int:
    """Show the main job on the sandbox.

    Sample objects, a scan, a second scan that finds nothing to do.
    """
    # Imported late: the package loads pydantic, which `--help` does without.
    from watcher.config.examples import CONFIG, example
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
        config.write_text(
            f'[ledger]\npath = "ledger.db"\n\n{configuration(local, (BUCKET,))}', encoding="utf-8"
        )
        env = os.environ | environment(local)
        for arguments in (["ledger", "init"], ["scan"]):
            _step(config, arguments, env)
        _show_entries(folder / "ledger.db")
        before = len(local.vod.journal)
        click.echo("Once more: nothing is new, so nothing is called.\n")
        status = _step(config, ["scan"], env)
        click.echo(
            "RegisterMedia calls that the sandbox saw in the second scan: "
            f"{len(local.vod.journal) - before}\n"
        )
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
    from watcher.ledger.sqlite import LedgerReader

    with LedgerReader(ledger_path) as reader:
        rows = [
            (entry.key, entry.state, entry.media_id or f"{entry.reason}: {entry.message}")
            for entry in reader.entries(lambda *_: "")
        ]
    table("What the ledger holds", ("key", "state", "media ID, or why not"), rows)


def _program() -> str:
    started = Path(sys.argv[0])
    return (
        os.path.relpath(started)
        if started.name == "oss-vod-watcher" and started.exists()
        else "oss-vod-watcher"
    )
