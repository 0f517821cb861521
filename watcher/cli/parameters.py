"""Types of options that our own parsers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from watcher.rules.units import parse_duration_ms, parse_size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable


class Parsed(click.ParamType[Any]):
    """A value that one of our own parsers reads."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value; fail with the sentence of the parser."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f'"{value}": {error}', param, ctx)


DURATION: Final = Parsed("duration", parse_duration_ms)  # milliseconds
SIZE: Final = Parsed("size", parse_size_bytes)  # bytes
