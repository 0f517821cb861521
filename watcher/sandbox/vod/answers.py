"""VOD answers: JSON, and errors in the RPC gateway's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import document, element

if TYPE_CHECKING:
    from collections.abc import Mapping


class VodRefused(Exception):
    """A call that VOD refuses."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        super().__init__(f"{code}: {message}")


def accepted(fields: Mapping[str, object], request_id: str) -> Answer:
    """Return the answer to a call that took effect."""
    return _json(200, {"RequestId": request_id, **fields})


def refusal(refused: VodRefused, request_id: str, host: str, *, as_json: bool) -> Answer:
    """Return the answer to a refused call, as JSON or XML."""
    fields = {
        "RequestId": request_id,
        "HostId": host,
        "Code": refused.code,
        "Message": refused.message,
    }
    if as_json:
        return _json(refused.status, fields, refused.headers)
    body = document("Error", "".join(element(name, value) for name, value in fields.items()))
    headers = {"Content-Type": "text/xml;charset=utf-8", **refused.headers}
    return Answer(status=refused.status, headers=headers, body=body)


def _json(
    status: int, fields: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Answer:
    body = json.dumps(fields, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json;charset=utf-8", **(headers or {})}
    return Answer(status=status, headers=headers, body=body)
