"""The parts of all commands: the global options, the configuration they lead to, and the log."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from watcher.errors import ConfigError
from watcher.observe import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.config import Config
    from watcher.observe.outlet import Outlet

_SEARCHED = (Path("config/watcher.toml"), Path("/etc/oss-vod-watcher/watcher.toml"))


class _Stderr(TextIOBase):
    """Whatever stderr is at the moment: a live line on a terminal puts itself in its place."""

    @property
    def outlet(self) -> Outlet | None:
        """Where lines wait to be written."""
        return streams.lines()

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def fileno(self) -> int:
        return sys.__stderr__.fileno() if sys.__stderr__ else -1

    def isatty(self) -> bool:
        return sys.stderr.isatty()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The global options of one command."""

    config_file: str | None = None
    quiet: bool = False
    log_format: str | None = None
    log_level: str | None = None

    def config_path(self) -> Path:
        """Return the file to read.

        Raises:
            ConfigError: none was named, and none lies where one is looked for.
        """
        named = self.config_file or os.environ.get("OSS_VOD_WATCHER_CONFIG")
        if named:
            return Path(named)
        for path in _SEARCHED:
            if path.exists():
                return path
        from watcher.config.examples import CONFIG, example

        places = ", ".join(str(path) for path in _SEARCHED)
        problem = (
            f"looked at --config-file, $OSS_VOD_WATCHER_CONFIG, {places}. "
            f"Copy {example(CONFIG)} to config/watcher.toml and edit it."
        )
        hint = "Then run the command again, or name your file with --config-file."
        raise ConfigError("no configuration", (problem,), hint=hint)

    def load(self) -> Config:
        """Return the configuration, with the log set up as it and the options say.

        Raises:
            ConfigError: it has problems; the error lists all of them.
        """
        config = self.read()
        self.set_up_log_of(config)
        return config

    def read(self) -> Config:
        """Return the configuration.

        Raises:
            ConfigError: it has problems; the error lists all of them.
        """
        from watcher.config import load

        return load(self.config_path())

    def set_up_log_of(self, config: Config) -> None:
        """Send log lines to stderr as the configuration says; options win over it."""
        self.set_up_log(config.log.format, config.log.level)

    def set_up_log(self, log_format: str, level: str) -> None:
        """Send log lines to stderr; options win over the configuration."""
        from watcher.observe import log_setup

        log_setup.configure(
            format=self.log_format or log_format,
            level=self.log_level or level,
            stream=cast("TextIO", _Stderr()),
            quiet=self.quiet,
        )


def global_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command or a group the global options; the last one given wins."""
    for option in reversed(_GLOBAL_OPTIONS):
        command = option(command)
    return command


def _note(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keep the value of a global option that was given with this command."""
    if (
        option.name
        and context.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE
    ):
        context.obj = replace(
            context.obj or Invocation(), **cast("dict[str, Any]", {option.name: value})
        )


_GLOBAL_OPTIONS = (
    click.option(
        "-c",
        "--config-file",
        metavar="FILE",
        help=(
            "Default: $OSS_VOD_WATCHER_CONFIG, ./config/watcher.toml, "
            "/etc/oss-vod-watcher/watcher.toml."
        ),
        expose_value=False,
        callback=_note,
    ),
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        help="No log lines below warning. A terminal still shows the progress.",
        expose_value=False,
        callback=_note,
    ),
    click.option(
        "--log-format",
        type=click.Choice(["auto", "console", "json", "journal"]),
        help="Default: [log] format.",
        expose_value=False,
        callback=_note,
    ),
    click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        help="Default: [log] level.",
        expose_value=False,
        callback=_note,
    ),
)
