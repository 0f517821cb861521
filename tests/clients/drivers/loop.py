"""The client's side of the conversation: one JSON line for each call, one for each answer.

A driver runs in the environment of its client, so it imports nothing of the program.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

Refusal = dict[str, Any]


class Driver(Protocol):
    """One client. Every other public method is an operation."""

    def __init__(self, settings: Mapping[str, str]) -> None: ...

    @staticmethod
    def refusal(error: Exception) -> Refusal | None:
        """Return what the service answered, or None if `error` is no answer of a service."""
        ...


def serve(driver: type[Driver]) -> None:
    """Answer calls from standard input until it ends. `connect` makes a new client."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a client prints is no answer
    client: Any = None
    for line in sys.stdin:
        call = json.loads(line, object_hook=from_json)
        try:
            if call["operation"] == "connect":
                client = driver(call["given"])
                answer: dict[str, Any] = {"done": None}
            else:
                answer = {"done": getattr(client, call["operation"])(**call["given"])}
        except Exception as error:  # noqa: BLE001 - the test decides on it
            refused = driver.refusal(error)
            answer = {"refused": refused} if refused else {"broken": traceback.format_exc()}
        answers.write(json.dumps(answer, default=to_json) + "\n")
        answers.flush()


def to_json(value: object) -> object:
    """Return bytes as JSON can hold them."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(type(value).__name__)


def from_json(value: dict[str, Any]) -> object:
    """Return the bytes of what `to_json` made."""
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value
