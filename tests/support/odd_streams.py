"""Standard streams as programs meet them: closed, full, gone, stalled."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import IO, TYPE_CHECKING, Any, Final

from tests.support import warm_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import ExitStack

    from tests.support.workspace import Workspace

STREAMS: Final = ("stdin", "stdout", "stderr")
SOON_S: Final = 60.0
STOPS_S: Final = 10.0  # after a signal: five seconds and a call, on a machine that has other work
STATES: Final = ("closed", "full", "gone", "stalled")


class Reader:
    """The far end of a stalled pipe: it holds as many bytes as the pipe does, and reads none."""

    def __init__(self) -> None:
        self._reads, self.writes = os.pipe()
        os.set_blocking(self.writes, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writes, b"\n" * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writes, b"\n")
        os.set_blocking(self.writes, True)

    def read(self) -> str:
        """Read all that comes from now on, to the end; nobody else may hold the other end."""
        self.let_go()
        with os.fdopen(os.dup(self._reads), "rb") as stream:
            return stream.read().decode().lstrip("\n")

    def read_ready(self) -> bytes:
        """Read what is there."""
        return os.read(self._reads, 1 << 20)

    def let_go(self) -> None:
        """Close our copy of the end that the program writes to."""
        if self.writes >= 0:
            os.close(self.writes)
            self.writes = -1

    def close(self) -> None:
        self.let_go()
        os.close(self._reads)


@contextlib.contextmanager
def stream_in(state: str, number: int) -> Iterator[int]:
    """Yield a descriptor that is in this state as stream `number`; a closed one is closed later."""
    if state in {"closed", "full"}:
        with open("/dev/full" if state == "full" else os.devnull, "r+b", buffering=0) as device:  # noqa: PTH123
            yield device.fileno()
    elif state == "gone" or number == 0:
        reads, writes = os.pipe()
        ours, theirs = (writes, reads) if number == 0 else (reads, writes)
        if state == "gone":
            os.close(ours)
        yield theirs
        os.close(theirs)
        if state != "gone":
            os.close(ours)
    else:
        with contextlib.closing(Reader()) as reader:
            yield reader.writes


def start(
    workspace: Workspace,
    arguments: Sequence[str],
    *,
    out: int | IO[bytes],
    err: int | IO[bytes],
    given: int | IO[bytes] = subprocess.DEVNULL,
    closed: Sequence[int] = (),
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command with these streams, some of them closed."""

    def close() -> None:
        for number in closed:
            os.close(number)

    command, full_env = workspace.command(*arguments), workspace.env | (env or {})
    if not closed:
        return warm_start.start(
            command, cwd=workspace.folder, env=full_env, stdin=given, stdout=out, stderr=err
        )
    return subprocess.Popen(
        command,
        cwd=workspace.folder,
        env=full_env,
        stdin=given,
        stdout=out,
        stderr=err,
        preexec_fn=close,  # noqa: PLW1509 (nothing else closes the streams of a child)
    )


def quiet(text: str) -> bool:
    """Whether nothing in it speaks of a bug."""
    return not any(word in text for word in ("Traceback", "unforeseen", "bug", "Exception ignored"))


def waits(true: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + SOON_S  # noqa: TID251 (a real process keeps real time)
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"  # noqa: TID251
        time.sleep(0.02)  # noqa: TID251


class Odd:
    """Runs commands of a workspace with one stream in a state, the others in files."""

    def __init__(self, workspace: Workspace, stack: ExitStack) -> None:
        self.workspace = workspace
        self._stack = stack
        self.begun: list[subprocess.Popen[bytes]] = []

    def begin(
        self, stream: str, state: str, *arguments: str, **more: Any
    ) -> subprocess.Popen[bytes]:
        number = STREAMS.index(stream)
        given: dict[str, Any] = {"given": subprocess.DEVNULL}
        for name, key in (("stdout", "out"), ("stderr", "err")):
            given[key] = self._stack.enter_context((self.workspace.folder / name).open("wb"))
        key = ("given", "out", "err")[number]
        given[key] = self._stack.enter_context(stream_in(state, number))
        closed = (number,) if state == "closed" else ()
        self.begun.append(start(self.workspace, arguments, closed=closed, **given, **more))
        return self.begun[-1]

    def run(self, stream: str, state: str, *arguments: str) -> int:
        """Return the exit status."""
        return self.begin(stream, state, *arguments).wait(SOON_S)

    def said(self, stream: str) -> str:
        return (self.workspace.folder / stream).read_text()
