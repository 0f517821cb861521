"""Retry while the disk is full or the ledger is locked."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from watcher.errors import LocalFailure

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 30  # about a second each
BUSY_S = 1.0  # SQLite's own wait for a lock: short, because nothing can interrupt it
_T = TypeVar("_T")


def retry_busy(
    work: Callable[[], _T],
    *,
    wait: Callable[[float], bool],
    failed: Callable[[LocalFailure], object] = lambda _: None,
    tries: int | None = TRIES,
) -> _T:
    """Return the result of `work()`; retry about once a second while the machine refuses it.

    Args:
        work: called again after a `LocalFailure` that may pass, such as a full disk or a lock.
        wait: takes seconds, returns whether to stop.
        failed: called with each failure.
        tries: the most calls of `work`; None for no limit.

    Raises:
        LocalFailure: the last failure, when `work` does not succeed.
    """
    for n in itertools.count(1):
        try:
            return work()
        except LocalFailure as error:
            failed(error)
            if error.again_in_s is None or n == tries or wait(error.again_in_s):
                raise
    raise AssertionError  # the last try has returned or raised
