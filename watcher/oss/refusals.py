"""Reads refusals of OSS. No body and no header can make it fail.

oss2 parses error bodies itself and can raise UnicodeDecodeError, LookupError or ValueError there.
So oss2 sees good answers only.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import oss2
import urllib3

from watcher.redaction import service_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

_MOST_BYTES: Final = 4096  # of a body: the useful part is its beginning
_ERROR: Final = re.compile(rb"\A[^<]{0,9}(?:<\?xml[^<>]*\?>)?\s*<Error[\s>]")
_FIELD: Final = re.compile(rb"<(\w{1,40})>([^<]*)</\1>")
_SCOPE: Final = re.compile(rb"/\d{8}/([a-z0-9-]{1,40})/oss/aliyun_v4_request")
_GOOD: Final = 2  # first digit of the status


@dataclass(kw_only=True, eq=False)
class Refusal(Exception):
    """An answer without success, from OSS or from a proxy."""

    status: int
    headers: Mapping[str, str]
    code: str = ""  # "": the body does not come from OSS
    message: str = ""
    request_id: str = ""
    endpoint: str = ""  # where the bucket is served
    action: str = ""  # the denied action, e.g. oss:ListObjects
    denied: str = ""  # ExplicitDeny or ImplicitDeny
    signed_for: str = ""  # the region of the signature, if OSS quotes it


def read_refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Return the refusal in an answer of any content. A HEAD has its body in a header."""
    text = body[:_MOST_BYTES] or _from_header(headers.get("x-oss-err") or "")
    found = _fields(text)
    scope = _SCOPE.search(text)
    return Refusal(
        status=status,
        headers=headers,
        code=found.get("Code", ""),
        message=found.get("Message", ""),
        request_id=service_text(headers.get("x-oss-request-id") or found.get("RequestId", "")),
        endpoint=_if(r"[a-z0-9][a-z0-9.-]{3,200}", found.get("Endpoint", "")),
        action=_if(r"oss:\w{1,60}", found.get("AuthAction", "")),
        denied=_if(r"(?:Ex|Im)plicitDeny", found.get("NoPermissionType", "")),
        signed_for=scope[1].decode() if found and scope else "",
    )


def _fields(body: bytes) -> dict[str, str]:
    if not _ERROR.match(body):
        return {}
    fields = {name.decode(): value for name, value in reversed(_FIELD.findall(body))}
    texts = {name: value.decode("utf-8", "backslashreplace") for name, value in fields.items()}
    return {name: service_text(html.unescape(text).strip()) for name, text in texts.items()}


def _from_header(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii", "ignore"))[:_MOST_BYTES]
    except (binascii.Error, ValueError):
        return b""


def _if(pattern: str, text: str) -> str:
    return text if re.fullmatch(pattern, text) else ""


class Session(oss2.Session):  # type: ignore[misc]
    """Gives oss2 good answers, and raises `Refusal` for the others."""

    def __init__(self, *, pool_size: int) -> None:
        super().__init__(pool_size=pool_size)
        self._latest = threading.local()

    def drop(self) -> None:
        """Close this thread's latest good answer, after oss2 failed to parse it."""
        if answer := getattr(self._latest, "answer", None):
            answer.close()

    def do_request(self, req: oss2.http.Request, timeout: float) -> oss2.http.Response:
        """See `oss2.Session.do_request`."""
        answer = super().do_request(req, timeout)
        if answer.status // 100 == _GOOD:
            self._latest.answer = answer.response
            return answer
        raise read_refusal(answer.status, answer.headers, _beginning(answer.response))


def _beginning(answer: requests.Response) -> bytes:
    """Return the beginning of a body; b"" if it cannot be read. The status says enough."""
    try:
        body: bytes = answer.raw.read(_MOST_BYTES, decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        body = b""
    finally:
        answer.close()
    return body
