"""Files with one watch, and the problems that `load` finds in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from watcher import config
from watcher.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

WATCH = {"name": '"videos"', "source": '"oss://my-bucket/videos/"', "start": '"all"'}
AT = 'watch[0] "videos": '


def problems(path: Path, text: str | bytes) -> tuple[str, ...]:
    """Return what `load` objects to in a file."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert all(line.isprintable() for line in caught.value.problems)
    return caught.value.problems


def one_watch(**keys: str) -> str:
    """Return a watch with some keys other than usual; "" leaves a key out."""
    return "[[watch]]\n" + "".join(
        f"{key} = {value}\n" for key, value in (WATCH | keys).items() if value
    )
