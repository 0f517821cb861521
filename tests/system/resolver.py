"""A name server on loopback in namespaces of its own, for `tests/system/namespaces.py` alone.

Usage: `unshare --mount --net python resolver.py FOLDER NAME...`. Each name leads to 127.0.0.1, and
`*.NAME` stands for one label before it. No other name exists. Prints a line when it is ready.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

FILES: Final = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1
TYPE_A, CLASS_IN = 1, 1
AUTHORITATIVE_ANSWER: Final = 0x8580  # a response, recursion was wanted and is available
NO_SUCH_NAME: Final = 3


def raise_loopback() -> None:
    """Switch the namespace's loopback on, as `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def take_over_names(folder: Path) -> None:
    """Put our own files in the place of those that the C library reads."""
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="ascii")
        command = ["mount", "--bind", str(folder / name), f"/etc/{name}"]
        subprocess.run(command, check=True)


def answer(question: bytes, names: set[str]) -> bytes:
    """Return the answer to a query of one question."""
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    asked = question[12 : at + 5]
    (kind,) = struct.unpack("!H", question[at + 1 : at + 3])
    known = ".".join(labels) in names or ".".join(["*", *labels[1:]]) in names
    records = b""
    if known and kind == TYPE_A:
        records = struct.pack("!HHHIH4s", 0xC00C, TYPE_A, CLASS_IN, 60, 4, bytes([127, 0, 0, 1]))
    flags = AUTHORITATIVE_ANSWER | (0 if known else NO_SUCH_NAME)
    return (
        question[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0) + asked + records
    )


def serve(names: set[str]) -> None:
    """Answer until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        print("ready", flush=True)  # noqa: T201
        while True:
            question, client = server.recvfrom(512)
            server.sendto(answer(question, names), client)


if __name__ == "__main__":
    raise_loopback()
    take_over_names(Path(sys.argv[1]))
    serve(set(sys.argv[2:]))
