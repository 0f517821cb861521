"""What the machine does not let us do now, it may in a moment."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from watcher.errors import MachineFailed

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 30  # about a second each
BUSY_S = 1.0  # SQLite's own wait for a lock: no longer, for nobody can interrupt it
_T = TypeVar("_T")


def patiently(
    work: Callable[[], _T],
    *,
    wait: Callable[[float], bool],
    failed: Callable[[MachineFailed], object] = lambda _: None,
    tries: int | None = TRIES,
) -> _T:
    """Do `work`, and again each second while the disk is full or fails or the ledger is locked.

    `wait(seconds)` returns whether to stop; `failed` is told of each try that failed; with `tries` None it goes on
    until it passes, else for half a minute.

    Raises:
        MachineFailed: it did not pass.
    """
    for n in itertools.count(1):
        try:
            return work()
        except MachineFailed as error:
            failed(error)
            if error.again_in_s is None or n == tries or wait(error.again_in_s):
                raise
    raise AssertionError  # the last try has returned or raised
