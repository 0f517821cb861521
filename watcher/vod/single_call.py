"""One call that stands alone: its answer, or an error in its own terms.

Calls of the daemon share options, bucket and quota, so some of its errors stop all of them. Here
the same refusal is about this call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CallRefused,
    CloudError,
    Throttled,
    Unanswered,
    Unreachable,
)
from watcher.rules.batching import MAX_QUERY_BYTES, encoded_bytes
from watcher.vod.error_codes import OF_THE_WATCH, UnknownOutcome, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aliyunsdkcore.request import RpcRequest

    from watcher.vod.client import VodClient

_STORAGE_CURE: Final = (
    "Correct storage_location: Media Management > Storage of the VOD console has the valid ones."
)
_AGAIN: Final = "Wait, then repeat the call."


class SingleCalls:
    """Makes calls that stand alone. Threads may share it."""

    def __init__(self, client: VodClient, masked: Callable[[str], str]) -> None:
        self._client = client
        self._masked = masked  # takes the secrets in use out of a service's words

    def ask(self, request: RpcRequest, parameters: Mapping[str, str | int]) -> dict[str, Any]:
        """Send once, and return the answer. Long parameters go in the form body.

        Raises:
            CloudError: the call had no effect.
            UnknownOutcome: the call may have taken effect.
        """
        in_body = sum(encoded_bytes(str(value)) for value in parameters.values()) > MAX_QUERY_BYTES
        for name, value in parameters.items():
            (request.add_body_params if in_body else request.add_query_param)(name, value)
        try:
            return read(self._client.call(request), masked=self._masked)
        except CloudError as error:
            raise _of_this_call(error, request.get_action_name()) from None


def unanswered(unknown: UnknownOutcome, hint: str) -> Unanswered:
    """Return the error for a call that may have taken effect; the hint says how to go on."""
    return Unanswered(str(unknown), hint=hint, request_id=unknown.request_id)


def text(answer: Mapping[str, Any], name: str) -> str:
    """Return a text or number of an answer as text; "" if there is none."""
    value = answer.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def needed(answer: Mapping[str, Any], *names: str) -> list[str]:
    """Return texts that an answer must have.

    Raises:
        UnknownOutcome: one is missing.
    """
    found = [text(answer, name) for name in names]
    if not all(found):
        missing = names[found.index("")]
        raise UnknownOutcome(f"VOD's answer has no {missing}", request_id=text(answer, "RequestId"))
    return found


def _of_this_call(error: CloudError, action: str) -> CloudError:
    match error:
        case Throttled():
            error.hint = _AGAIN
        case Unreachable() if error.code != "NotSent":
            error.hint = _AGAIN
        case AccountRefused() if OF_THE_WATCH in error.hint:
            return _refused(error, error.hint.replace(OF_THE_WATCH, ""))
        case AccountRefused():
            error.hint = error.hint.replace("RegisterMedia", action)
        case BucketRefused() if action != "RegisterMedia":
            return _refused(error, _STORAGE_CURE)
        case _:
            pass
    return error


def _refused(error: CloudError, hint: str) -> CallRefused:
    return CallRefused(str(error), hint=hint, code=error.code, request_id=error.request_id)
