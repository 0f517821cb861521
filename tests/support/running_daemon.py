"""A daemon in a process of its own: what it says, line by line, and how it is asked."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from tests.support import warm_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.workspace import Workspace

SOON_S = 30.0  # what a test waits for comes long before, or not at all


class Running:
    """One `run`; leaving the block kills it."""

    def __init__(self, workspace: Workspace, *, env: dict[str, str] | None = None) -> None:
        self.workspace = workspace
        self.events: list[dict[str, Any]] = []
        self.other: list[str] = []  # lines that are no events
        self._listen = ""
        self._process = warm_start.start(
            workspace.command("run"),
            cwd=workspace.folder,
            env=workspace.env | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """See that nothing is left of it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
        assert not any("Traceback" in line for line in self.other), "\n".join(self.other)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                self.events.append(json.loads(line))
            else:
                self.other.append(line.rstrip())

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; return its exit status."""
        self.send(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; return its exit status."""
        status = self._process.wait(SOON_S)
        self._reader.join()
        return status

    def logged(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the events of that name and with those fields so far."""
        return [
            each
            for each in list(self.events)
            if each["event"] == event
            and all(each.get(name) == value for name, value in fields.items())
        ]

    def until_logged(self, event: str, *, times: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait until an event was logged so often; return the last of them."""
        self.until(lambda: len(self.logged(event, **fields)) >= times, f"{event} {fields}")
        return self.logged(event, **fields)[-1]

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait until something is true of it."""
        deadline = time.monotonic() + SOON_S  # noqa: TID251 (a real process keeps real time)
        while not true():
            said = "\n".join(self.other) + "\n".join(
                f"{e['at']} {e['event']}" for e in self.events[-20:]
            )
            assert self._process.poll() is None, f"ended before: {what}\n{said}"
            assert time.monotonic() < deadline, f"never came: {what}\n{said}"  # noqa: TID251
            time.sleep(0.02)  # noqa: TID251

    def get(self, path: str) -> tuple[int, str]:
        """Ask its page; return the status and the body."""
        self._listen = self._listen or self.until_logged("daemon.ready")["listen"]
        try:
            with urllib.request.urlopen(f"http://{self._listen}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
