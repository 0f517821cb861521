"""Start the program many times and import it once: each start is a fork of this process.

Usage: `python -P tests/support/warm_server.py DESCRIPTOR`, by `warm_start` alone.

A request on the socket is one line of JSON and three descriptors, the new process's standard
streams. The answer is its process ID. The server's own child ends at once, so the kernel hands the
new process to the nearest "subreaper": the test process, which then waits for a child of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import time
from typing import Any

import watcher

LONGEST_REQUEST = 1 << 20


def load_program() -> None:
    """Import all that a command may import, the sandbox excepted."""
    for module in pkgutil.walk_packages(watcher.__path__, "watcher."):
        if not module.name.startswith(("watcher.sandbox", "watcher.__main__")):
            importlib.import_module(module.name)
    gc.freeze()


def serve(channel: socket.socket) -> dict[str, Any] | None:
    """Answer requests; return None at their end, and in each new process what it is to run."""
    while True:
        message, streams, _, _ = socket.recv_fds(channel, LONGEST_REQUEST, 3)
        if not message:
            return None
        reads, writes = os.pipe()
        if not (middle := os.fork()):
            if not (child := os.fork()):
                channel.close()
                os.close(reads)
                os.close(writes)
                put_streams(streams)
                return dict(json.loads(message))
            os.write(writes, str(child).encode())
            os._exit(0)
        os.waitpid(middle, 0)
        for descriptor in (*streams, writes):
            os.close(descriptor)
        with os.fdopen(reads, "rb") as answer:
            channel.sendall(answer.read())


def put_streams(descriptors: list[int]) -> None:
    """Make the descriptors the standard streams, opened as the interpreter opens them."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number, inheritable=True)
        os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        new = open(  # noqa: SIM115 (a descriptor, for as long as the process lives)
            number,
            "r" if number == 0 else "w",
            encoding=old.encoding,
            errors=old.errors,
            closefd=False,
            buffering=1 if number and (number == 2 or os.isatty(number)) else -1,
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def do_nothing() -> None:
    pass


def become(request: dict[str, Any]) -> None:
    """Run the program in this process, as its own interpreter would."""
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}
    os.environ.clear()
    os.environ.update(coerced | request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    if request["new_session"]:
        os.setsid()
    # The program unfreezes what it froze.  Its last collection would then copy all of the server.
    gc.unfreeze = do_nothing
    sys.argv = [request["program"], *request["arguments"]]
    if request["program"] == "watcher":
        runpy.run_module("watcher", run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(request["program"], run_name="__main__")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one at the keyboard is for the test process
    load_program()
    if wanted := serve(socket.socket(fileno=int(sys.argv[1]))):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        become(wanted)
