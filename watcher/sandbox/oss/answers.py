"""OSS answers: XML without a namespace, and errors in OSS's words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.ec import ec_of
from watcher.sandbox.text import key_bytes, xml_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODE: Final = re.compile(rb'<Code>([^<]*)</Code>|"Code": "([^"]*)"')

OWNER: Final = "<Owner><ID>1</ID><DisplayName>1</DisplayName></Owner>"


class OssRefused(Exception):
    """A request that OSS refuses; `details` become further elements of the error.

    `ec` says the reason where several have the same code.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        ec: str = "",
        headers: Mapping[str, str] | None = None,
        **details: str | Mapping[str, str],
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec or ec_of(code)
        self.headers = headers or {}
        self.details = details
        super().__init__(f"{code}: {message}")

    def body(self, request_id: str, host: str) -> bytes:
        """Return the error document."""
        fields = {
            "Code": self.code,
            "Message": self.message,
            "RequestId": request_id,
            "HostId": host,
            **self.details,
            "EC": self.ec,
            "RecommendDoc": f"https://api.aliyun.com/troubleshoot?q={self.ec}",
        }
        return document("Error", _elements(fields))


def _elements(fields: Mapping[str, str | Mapping[str, str]]) -> str:
    return "".join(
        element(name, xml_text(value))
        if isinstance(value, str)
        else f"<{name}>{_elements(value)}</{name}>"
        for name, value in fields.items()
    )


def invalid_argument(name: str, value: str, rule: str) -> OssRefused:
    """Return the refusal of an argument; the rule completes the sentence `Argument NAME ...`."""
    message = f"Argument {name} {rule}."
    return OssRefused(400, "InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def code_in(answer: Answer) -> str:
    """Return the error code in an answer of either service; "" if there is none."""
    found = _CODE.search(answer.body) if answer.status >= HTTPStatus.BAD_REQUEST else None
    return (found[1] or found[2] or b"").decode("ascii", "replace") if found else ""


def element(name: str, text: str | int) -> str:
    """Return one element with its text escaped."""
    return f"<{name}>{escape(str(text))}</{name}>"


def document(root: str, inside: str) -> bytes:
    """Return a whole document; surrogate escapes become their bytes."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inside}</{root}>'
    return key_bytes(text)


def xml(root: str, inside: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a document as an answer."""
    return Answer(
        headers={"Content-Type": "application/xml", **(headers or {})}, body=document(root, inside)
    )


def iso_date(at_ms: int) -> str:
    """Return an instant, in milliseconds since the epoch, as listings write it."""
    return second_text(datetime.fromtimestamp(at_ms // 1000, UTC))


def http_date(at_ms: int) -> str:
    """Return an instant, in milliseconds since the epoch, as headers write it."""
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC), usegmt=True)


def second_text(at: datetime) -> str:
    """Return an instant as OSS writes it: whole seconds, always with `.000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
