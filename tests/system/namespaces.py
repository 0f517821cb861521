"""Network and mount namespaces with a resolver of their own: nothing but loopback is reached."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.privileged import needs_root
from tests.system.machine import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOLVER = Path(__file__).with_name("resolver.py")


@contextlib.contextmanager
def with_resolver(folder: Path, *names: str) -> Iterator[list[str]]:
    """Make namespaces in which these names alone exist; yield the words that enter them."""
    needs_root("make a network namespace")
    unshare, nsenter = _tool("unshare"), _tool("nsenter")
    command = [unshare, "--mount", "--net", sys.executable, "-P", str(RESOLVER), str(folder)]
    with subprocess.Popen([*command, *names], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "ready\n", "the resolver ended"
            yield [nsenter, f"--target={server.pid}", "--mount", "--net", "--"]
        finally:
            server.kill()


def _tool(name: str) -> str:
    if not (found := shutil.which(name)):
        lacking(f"needs {name} (apt-get install util-linux)")
    return found
