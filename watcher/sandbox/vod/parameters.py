"""How a request calls VOD: by which scheme, for which operation, and with which parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from watcher.sandbox.hosts import service_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.http_server import Request

CARRIERS: Final = ("query", "body")
"""Where a call may carry its own parameters."""
_MARKS: Final = frozenset(
    {
        "Action", "Version", "AccessKeyId", "SignatureMethod", "SignatureNonce",
        "SignatureVersion", "Timestamp",
    }
)  # fmt: skip
"""Parameters that VOD has and OSS has not."""


def is_vod_call(request: Request) -> bool:
    """Return whether a request is for VOD, be it a valid call or not."""
    named = service_at(request.host)
    if named is not None:
        return named == "vod"
    if request.path != b"/":
        return False
    if any(name.startswith("x-acs-") for name in request.headers):
        return True
    return not _MARKS.isdisjoint(name for name, _ in (*request.query, *request.form()))


def is_acs3(request: Request) -> bool:
    """Return whether a call is signed in its headers, by ACS3, and not by RPC 1.0."""
    signed = request.headers.get("authorization", "").startswith("ACS3-")
    return signed or "x-acs-signature-nonce" in request.headers


def parameters_of(request: Request) -> dict[str, str]:
    """Return all parameters of a call: of its query, and of a form or JSON in its body."""
    return {**dict(request.query), **dict(request.form()), **_json_parameters(request)}


def action_of(request: Request) -> str:
    """Return the name of the operation that a call asks for; "" if it names none."""
    return _common(request, "x-acs-action", "Action")


def version_of(request: Request) -> str:
    """Return the version of the API that a call asks for; "" if it names none."""
    return _common(request, "x-acs-version", "Version")


def nonce_of(request: Request) -> str:
    """Return the nonce of a call; "" if it has none."""
    return _common(request, "x-acs-signature-nonce", "SignatureNonce")


def wants_json(request: Request) -> bool:
    """Return whether the answer to a call is JSON, and not XML.

    XML is the default of RPC 1.0. A call by ACS3 gets JSON unless it asks for XML.
    """
    if wanted := parameters_of(request).get("Format", ""):
        return wanted.upper() == "JSON"
    return is_acs3(request) and "xml" not in request.headers.get("accept", "")


def carrier_of(request: Request) -> str:
    """Return where a call carries its own parameters: in the "query", or in a "body"."""
    return "body" if request.form() or _json_parameters(request) else "query"


def items_of(request: Request) -> tuple[Mapping[str, object], ...]:
    """Return the items of a RegisterMedia call as sent; none if they cannot be read."""
    try:
        found = parsed_json(parameters_of(request).get("RegisterMetadatas", ""))
    except ValueError:
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(each for each in found if isinstance(each, dict))


def parsed_json(text: str | bytes) -> Any:
    """Return the value of JSON.

    Raises:
        ValueError: it is none, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _common(request: Request, header: str, name: str) -> str:
    in_header = request.headers.get(header, "") if is_acs3(request) else ""
    return in_header or parameters_of(request).get(name, "")


def _json_parameters(request: Request) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return {}
    try:
        found = parsed_json(request.body)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: _text(value) for name, value in found.items() if value is not None}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
