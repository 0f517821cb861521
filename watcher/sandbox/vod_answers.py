"""VOD answers: JSON, and errors in the words of the RPC gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from watcher.sandbox.oss_answers import document, element
from watcher.sandbox.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping


class VodRefused(Exception):
    """A call that VOD answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


def accepted(fields: Mapping[str, object], request_id: str) -> Answer:
    """Return the answer of a call that took effect."""
    return _json(200, {"RequestId": request_id, **fields})


def refusal(refused: VodRefused, request_id: str, host: str, *, as_json: bool) -> Answer:
    """Return an error, as XML unless JSON was asked for."""
    fields = {"RequestId": request_id, "HostId": host, "Code": refused.code, "Message": refused.message}
    if as_json:
        return _json(refused.status, fields)
    body = document("Error", "".join(element(name, value) for name, value in fields.items()))
    return Answer(status=refused.status, headers={"Content-Type": "text/xml;charset=utf-8"}, body=body)


def _json(status: int, fields: Mapping[str, object]) -> Answer:
    body = json.dumps(fields, ensure_ascii=False).encode()
    return Answer(status=status, headers={"Content-Type": "application/json;charset=utf-8"}, body=body)
