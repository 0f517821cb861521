"""Calls that get no answer until the test lets them go: no test guesses how long it needs one."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from tests.support.running_daemon import SOON_S
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.sandbox import Sandbox


@contextlib.contextmanager
def held_calls(
    sandbox: Sandbox, operation: str, *others: Fault, **when: Any
) -> Iterator[Callable[[], None]]:
    """Hold the calls of an operation; yield what lets them go.

    `others` are faults that stay in force.  With `effect="none"` the calls are reset in the end, so
    that nobody gets an answer before the block ends.
    """
    let_go = threading.Event()

    def hold(_request: object) -> None:
        assert let_go.wait(2 * SOON_S), f"{operation} was held to the end"

    sandbox.hook = Faults(*others, Fault(operation=operation, kind="call", callback=hold, **when))
    try:
        yield let_go.set
    finally:
        let_go.set()
        sandbox.hook = Faults(*others)
