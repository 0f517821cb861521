"""One client in a process of its own, and calls to it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.clients.drivers.loop import from_json, to_json
from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

APART: Final = Path(sys.prefix, "clients")
NODE: Final = CHECKOUT / "tests" / "clients" / "node"


def _python(driver: str, folder: Path = Path(sys.prefix)) -> tuple[str, ...]:
    return (str(folder / "bin" / "python"), "-m", f"tests.clients.drivers.{driver}")


COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "oss2": _python("oss2_driver"),
    "oss-v2": _python("oss_v2_driver", APART / "oss-v2"),
    "opendal": _python("opendal_driver"),
    "ossfs": _python("ossfs_driver", APART / "ossfs"),
    "ossfs-async": (*_python("ossfs_driver", APART / "ossfs"), "--async"),
    "vod20170321": _python("vod_driver"),
    "ali-oss": ("node", str(NODE / "ali_oss.js")),
    "pop-core": ("node", str(NODE / "pop_core.js")),
}


class Refused(Exception):
    """The service's answer, as the client showed it."""

    def __init__(self, *, status: int, code: str, message: str, ec: str = "") -> None:
        self.status = status
        self.code = code
        self.ec = ec
        super().__init__(f"{status} {code}: {message}")


class ClientProcess:
    """A client that answers calls until it is closed.

    It is out of step once a test gave up on an answer, which would be taken for the next one.
    """

    def __init__(self, driver: str, *, proxy_url: str) -> None:
        self.in_step = True
        self._process = subprocess.Popen(
            COMMANDS[driver],
            cwd=CHECKOUT,
            env={
                **os.environ,
                "NODE_PATH": str(APART / "node" / "node_modules"),
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
                "http_proxy": proxy_url,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def call(self, operation: str, **given: Any) -> Any:
        """Return what the client returned.

        Raises:
            Refused: the service refused the call.
            AssertionError: the client failed in another way; with its traceback.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"operation": operation, "given": given}, default=to_json)
        self.in_step = False
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answered = self._process.stdout.readline()
        self.in_step = bool(answered)
        assert answered, f"the client ended with status {self._process.wait()}"
        answer: dict[str, Any] = json.loads(answered, object_hook=from_json)
        if refused := answer.get("refused"):
            raise Refused(**refused)
        assert "done" in answer, answer["broken"]
        return answer["done"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if not self.in_step:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        """Return the process, which runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.close()
