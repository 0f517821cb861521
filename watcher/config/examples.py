"""Where the example files lie: in the package of an installation, in config/ of a checkout."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
CONFIG = "watcher.example.toml"
FAULTS = "faults.example.toml"


def example(name: str) -> str:
    """Return the path of an example file, as short as it can be written here."""
    installed = _PACKAGE / "example_files" / name
    path = installed if installed.exists() else _PACKAGE.parent / "config" / name
    try:
        relative = os.path.relpath(path)
    except OSError:  # the working folder was removed
        return str(path)
    return str(path) if relative.startswith(os.pardir) else relative
