"""Run the program, and kill it before its n-th step that changes a name of a ledger file.

Such a step makes, renames or removes a file.

`python -P tests/support/kill_at_rename.py N ARGUMENTS...`; N = 0 prints how many such steps there
are.  With NO_RENAMEAT2 set the kernel refuses renameat2(2), as file systems do that cannot rename
without replacing.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from typing import Any, Final

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_STEPS: Final = frozenset({"os.rename", "os.link", "os.remove", "os.truncate", "sqlite3.connect"})
_RENAMEAT2: Final = {"x86_64": 316, "aarch64": 276}
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_EINVAL: Final = 22


def refuse_renameat2() -> None:
    """Have the kernel answer EINVAL to it, by a filter of four instructions (seccomp(2))."""
    program = b"".join(
        struct.pack("HBBI", *step)
        for step in (
            (0x20, 0, 0, 0),  # the number of the call
            (0x15, 0, 1, _RENAMEAT2[platform.machine()]),
            (0x06, 0, 0, 0x0005_0000 | _EINVAL),
            (0x06, 0, 0, 0x7FFF_0000),
        )
    )
    held = ctypes.create_string_buffer(program)
    filters = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_SET_SECCOMP, _FILTER, filters, 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp here")


def main() -> None:
    """See the module."""
    last = int(sys.argv.pop(1))
    steps = 0

    def dies(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event != "open" and event not in _STEPS:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
            return
        if any(
            isinstance(each, str | bytes | os.PathLike) and b".db" in os.fsencode(each)
            for each in arguments
        ):
            steps += 1
            if steps == last:
                os._exit(9)

    if os.environ.get("NO_RENAMEAT2"):
        refuse_renameat2()
    from watcher.cli import run_command  # noqa: PLC0415 (after the filter)

    sys.addaudithook(dies)
    status = run_command(sys.argv[1:])
    if not last:
        print(f"steps: {steps}")  # noqa: T201
    sys.exit(status)


main()
