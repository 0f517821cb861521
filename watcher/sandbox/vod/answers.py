"""VOD answers: JSON or XML, and errors in the RPC gateway's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import document, element
from watcher.sandbox.text import xml_text

_JSON: Final = "application/json;charset=utf-8"
_XML: Final = "text/xml;charset=utf-8"


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


def missing(name: str) -> VodRefused:
    """Return the refusal of a call without a mandatory parameter."""
    return VodRefused(400, f"Missing{name}", f"{name} is mandatory for this action.")


def not_valid(name: str) -> VodRefused:
    """Return the refusal of a call with a wrong value of a parameter."""
    return VodRefused(400, "InvalidParameter", f"The specified parameter {name} is not valid.")


def accepted(
    action: str, fields: Mapping[str, object], request_id: str, *, as_json: bool
) -> Answer:
    """Return the answer to a call that took effect, as JSON or XML."""
    return _answer(
        200, f"{action}Response", {"RequestId": request_id, **fields}, {}, as_json=as_json
    )


def refusal(refused: VodRefused, request_id: str, host: str, *, as_json: bool) -> Answer:
    """Return the answer to a refused call, as JSON or XML."""
    fields = {
        "RequestId": request_id,
        "HostId": host,
        "Code": refused.code,
        "Message": refused.message,
    }
    return _answer(refused.status, "Error", fields, refused.headers, as_json=as_json)


def _answer(
    status: int,
    root: str,
    fields: Mapping[str, object],
    headers: Mapping[str, str],
    *,
    as_json: bool,
) -> Answer:
    if as_json:
        content_type, body = _JSON, json.dumps(fields, ensure_ascii=False).encode()
    else:
        content_type, body = _XML, document(root, _inside(fields))
    return Answer(status=status, headers={"Content-Type": content_type, **headers}, body=body)


def _inside(fields: Mapping[str, object]) -> str:
    return "".join(_elements(name, value) for name, value in fields.items())


def _elements(name: str, value: object) -> str:
    """Return a value as XML. A list is one element for each item, without one around them."""
    if isinstance(value, list):
        return "".join(_elements(name, each) for each in value)
    if isinstance(value, Mapping):
        return f"<{name}>{_inside(value)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return element(name, xml_text(text))
