"""Start `python -m watcher` as a child process, without the half second of its imports.

The process is real: it has its own ID, streams, environment and signals, and ends as any other. A
start whose environment the interpreter itself reads takes a new interpreter, as does one that asks
`subprocess` for more than streams, a folder and an environment.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVER: Final = Path(__file__).with_name("warm_server.py")
PR_SET_CHILD_SUBREAPER: Final = 36
ONE_REQUEST: Final = threading.Lock()  # the answers name no request
# An interpreter, or a library at its import, reads these: no fork of another one does.
READ_AT_START: Final = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "TZ", "SSL_", "PROMETHEUS")


@functools.cache
def _server(_pid: int) -> socket.socket:
    """Return the way to the server of this test process, which ends with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, "-P", str(SERVER), str(theirs.fileno())],
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)} | measured(),
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def measured() -> dict[str, str]:
    """Return the variables by which `make coverage` measures processes."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


class WarmProcess(subprocess.Popen[Any]):
    """A `Popen` whose child is a fork of the server."""

    def _execute_child(self, args: Any, *given: Any) -> None:
        """Do what `Popen` does by fork and exec; its own parameters stand in this order."""
        cwd, env = given[4:6]
        pipes = given[9:15]
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        streams = [each if each >= 0 else n for n, each in enumerate((p2cread, c2pwrite, errwrite))]
        program, arguments = _program_of(args)
        request = {
            "program": program,
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "new_session": False,
        }
        with ONE_REQUEST:
            server = _server(os.getpid())
            socket.send_fds(server, [json.dumps(request).encode()], streams)
            self.pid = int(server.recv(32))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _program_of(command: Sequence[str]) -> tuple[str, list[str]]:
    """Return what the interpreter runs, and its arguments; no program: it takes an interpreter."""
    interpreter, option, name, *arguments = [*map(str, command), "", "", ""]
    arguments = arguments[:-3]
    if (interpreter, option, name) == (sys.executable, "-m", "watcher"):
        return name, arguments
    if (interpreter, option) == (sys.executable, "-P") and name.endswith(".py"):
        return name, arguments
    return "", []


def _is_ordinary(env: Mapping[str, str]) -> bool:
    return not any(
        name.startswith(READ_AT_START) and name != "PYTHONPATH" for name in env
    ) and env.get("PYTHONPATH", "") in {os.environ.get("PYTHONPATH", ""), str(CHECKOUT)}


def start(
    command: Sequence[str], *, env: Mapping[str, str], **options: Any
) -> subprocess.Popen[Any]:
    """Start a command as `subprocess.Popen` does; see the module for which are forks."""
    kind = WarmProcess if _program_of(command)[0] and _is_ordinary(env) else subprocess.Popen
    return kind(command, env=env, **options)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    given: bytes | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end as `subprocess.run` does, its output captured as bytes.

    `given` is what it reads from stdin.
    """
    if given is not None:
        options["stdin"] = subprocess.PIPE
    with start(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    ) as process:
        try:
            out, err = process.communicate(given, timeout=timeout)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)
