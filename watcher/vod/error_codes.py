"""All answers and failures of VOD, classified once: by code first, by HTTP status as fallback.

Sources: VOD error tables (doc ids 52839, 52841), the RPC gateway's common errors. Codes are
compared without regard to letter case: VOD writes `ServiceUnAvailable`, the gateway
`ServiceUnavailable`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CallRefused,
    CloudError,
    Throttled,
    Unreachable,
)
from watcher.redaction import service_text
from watcher.rules.backoff import asked_rest_s
from watcher.rules.reachable import LOGIN, WANTS_LOGIN
from watcher.vod.client import HttpAnswer, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KEY = "check the credentials in use (AccessKey ID and secret, or STS token)"
OF_THE_WATCH = " of the watch"
"""The end of a cure that names an option: all calls of a watch share it."""

_RAM = "grant vod:RegisterMedia on * to the RAM user or role"
ACCOUNT_CURES = {
    "InvalidAccessKeyId": _KEY,
    "SignatureDoesNotMatch": "the AccessKey secret is wrong: " + _KEY,
    "IncompleteSignature": _KEY,
    "InvalidAccessKeySecret": _KEY,
    "InvalidSecurityToken": "the STS token is expired or wrong: " + _KEY,
    "MissingSecurityToken": _KEY,
    "InvalidTimeStamp": (
        "the clock of this machine is off by more than 15 minutes: synchronise it (chrony, ntp)"
    ),
    "Forbidden": _RAM,
    "NoPermission": _RAM,
    "OperationDenied.Suspended": (
        "the VOD service is suspended, often for arrears: see the billing console"
    ),
    "OperationDenied": "open ApsaraVideo VOD for this account in the VOD console",
    "InvalidTemplateGroupId": (
        "correct template_group_id of the watch (VOD console: Media Processing > Transcoding)"
    ),
    "InvalidWorkflow": (
        "correct workflow_id of the watch (VOD console: Media Processing > Workflows)"
    ),
    "InvalidUserData": "correct user_data of the watch",
    "InvalidProtocol": "VOD requires https: write [vod] endpoint with https://, or leave it out",
    "InvalidApi": "the endpoint knows no RegisterMedia: check [vod] region and endpoint",
    "InvalidProduct": "the endpoint is not VOD's: check [vod] endpoint",
    "InvalidRegion": "VOD does not serve this region: check [vod] region",
}
"""Global for the account: prefix of the code -> the cure. The longest prefix wins."""


def _word(name: str) -> re.Pattern[str]:
    """Return a pattern for a parameter's name as a word, not as part of a path or file name."""
    return re.compile(rf"(?<![\w./%-]){name}(?![\w./%-]\w)", re.IGNORECASE)


_OPTIONS = {
    "template_group_id": _word("template ?group ?id"),
    "workflow_id": _word("workflow ?id"),
    "user_data": _word("user ?data"),
}
_STORAGE = _word("storage ?location")
_URL = re.compile(r"\S+://\S+")  # a file name may look like a parameter's name
# Request timeout, conflict, too early: they say nothing about a file.
_NOT_THE_CONTENT = {408, 409, 425}
IMAGE_WRAPPER = "CreateUploadImageResponse"  # around all fields, says one page of the reference
# An answer of VOD has at least one of these fields.
_ANSWER_FIELDS = {"RequestId", "RegisteredMediaList", "FailedFileURLs", IMAGE_WRAPPER}
_NO_EFFECT = {"ServiceUnavailable", "SignatureNonceUsed"}
_MOST_DEEP = 10
_BUCKET_CURE = (
    "Add the bucket in the VOD console (Configuration Management > Media Management > Storage), in "
    "the same region."
)


class UnknownOutcome(Exception):
    """The call was sent, and no trustworthy answer came. Never leaves this package."""

    def __init__(self, sentence: str, *, request_id: str = "", refused: bool = False) -> None:
        self.request_id = request_id
        self.refused = refused  # True: a 4xx status, without a code of VOD
        super().__init__(sentence)


def read(exchange: HttpAnswer | NoAnswer, *, masked: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    `masked` takes more secrets out of the words that errors repeat than `service_text` knows.

    Raises:
        CloudError: one of its subclasses. The call had no effect.
        UnknownOutcome: the call may have taken effect.
    """
    if isinstance(exchange, NoAnswer):
        raise _unanswered(exchange)
    body = _object(exchange.body)
    if exchange.status == WANTS_LOGIN:
        raise _unanswered(NoAnswer(sent=False, what=LOGIN[0], hint=LOGIN[1]))
    if 200 <= exchange.status < 300:  # noqa: PLR2004 (success, as HTTP has it)
        if body is None:
            raise UnknownOutcome(
                "VOD's answer is not JSON. Look for a proxy or captive portal in between."
            )
        if not body.keys() & _ANSWER_FIELDS:
            raise UnknownOutcome("the answer is JSON, but not VOD's. Look for a proxy in between.")
        return body
    raise classify(
        status=exchange.status,
        code=_words(body or {}, "Code", masked),
        message=_words(body or {}, "Message", masked),
        request_id=_words(body or {}, "RequestId", masked),
        retry_after_s=asked_rest_s(exchange.headers),
    )


_SLOWER = "The rate falls and recovers by itself. Other software shares the quota of the account."


def classify(
    *, status: int, code: str, message: str, request_id: str = "", retry_after_s: float = 0.0
) -> CloudError | UnknownOutcome:
    """Return the error for a refusal. Its class says whom it stops, and if it had no effect."""
    lowered = code.lower()
    if lowered.startswith("signaturedoesnotmatch"):
        message = "the signature does not match"  # VOD's message repeats the signed text
    words = _URL.sub(" ", message)
    sentence = (
        f"VOD refused the call: {code or f'HTTP {status}'}: {message} (RequestId "
        f"{request_id or 'none'})"
    )
    facts: dict[str, Any] = {
        "code": code or f"HTTP{status}",
        "request_id": request_id,
        "retry_after_s": retry_after_s,
    }
    if lowered.startswith("throttling") or status == 429:  # noqa: PLR2004 (Too Many Requests)
        return Throttled(sentence, hint=_SLOWER, **facts)
    if lowered in {known.lower() for known in _NO_EFFECT}:
        return Unreachable(sentence, hint="The program retries by itself.", **facts)
    if _STORAGE.search(words) or lowered.startswith("invalidstorage"):
        return BucketRefused(sentence, hint=_BUCKET_CURE, **facts)
    cure = _account_cure(lowered, words) or (_RAM if status in {401, 403} and code else "")
    if cure and status < 500:  # noqa: PLR2004 (server errors)
        return AccountRefused(sentence, hint=f"{cure[0].upper()}{cure[1:]}.", **facts)
    refused = 400 <= status < 500 and status not in _NOT_THE_CONTENT  # noqa: PLR2004 (client errors)
    if refused and code:
        return CallRefused(sentence, **facts)
    return UnknownOutcome(
        f"VOD answered {code or 'without a code'} (HTTP {status}, RequestId "
        f"{request_id or 'none'})",
        request_id=request_id,
        refused=refused,
    )


def _account_cure(code: str, message: str) -> str:
    known = max(
        (prefix for prefix in ACCOUNT_CURES if code.startswith(prefix.lower())), key=len, default=""
    )
    if known:
        return ACCOUNT_CURES[known]
    named = next((key for key, word in _OPTIONS.items() if word.search(message)), "")
    return f"correct {named}{OF_THE_WATCH}" if named else ""


def _unanswered(exchange: NoAnswer) -> CloudError | UnknownOutcome:
    if exchange.sent:
        return UnknownOutcome(f"the call was sent and no answer came ({exchange.what})")
    if exchange.over_tls:
        return Unreachable(
            f"VOD could not be verified over TLS ({exchange.what})",
            hint=exchange.hint
            or "Check the machine's CA certificates, [network] ca_bundle and [vod] endpoint.",
            code="NotSent",
        )
    return Unreachable(
        f"VOD could not be reached ({exchange.what})",
        hint=exchange.hint or "Check the network, DNS, [network] proxy and [vod] endpoint.",
        code="NotSent",
    )


def request_id_of(body: dict[str, Any]) -> str:
    """Return the RequestId of an answer, or "" if it has none."""
    return _words(body, "RequestId")


def _words(body: dict[str, Any], name: str, masked: Callable[[str], str] = str) -> str:
    value = body.get(name)
    if not isinstance(value, str | int | float) or not value:
        return ""
    return service_text(masked(str(value)))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    return found if isinstance(found, dict) and _is_flat(found) else None


def _is_flat(body: dict[str, Any]) -> bool:
    """Whether the nesting is no deeper than in any answer of VOD, so that recursion is safe."""
    level: list[Any] = [body]
    for _ in range(_MOST_DEEP):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
    return not level


_RETRIED = "retried without end, after growing waits; no attempt counts"


def table() -> Iterator[tuple[str, str, str]]:
    """Yield (answer of VOD, class, reaction) for the documentation."""
    yield from _of_transient_errors()
    yield from _of_single_files()
    for code, cure in ACCOUNT_CURES.items():
        yield f"`{code}*`", "global for the account", f"calls stop, exit 5: {cure}"
    yield "401, 403 with any other code", "global for the account", f"calls stop, exit 5: {_RAM}"
    yield (
        "an error that names `TemplateGroupId`, `WorkflowId` or `UserData`",
        "global for the account",
        "calls stop, exit 5: correct that setting of the watch",
    )
    yield (
        "the bucket is not added to VOD (`storageLocation`)",
        "global for one bucket",
        _BUCKET_CURE,
    )
    yield (
        "50 different files of one bucket refused, none accepted between",
        "global for one bucket",
        "calls for the bucket stop; none of these refusals counts; one file at a time is a probe",
    )
    yield (
        "three calls in a row not sent or not answered",
        "unreachable",
        "calls stop, probes at most 60 s apart; a one-shot gives up after 30 s, exit 5",
    )


def _of_transient_errors() -> Iterator[tuple[str, str, str]]:
    yield "no connection (DNS, refused, TLS)", "transient: not sent", _RETRIED
    yield (
        "`Throttling*`, 429",
        "transient: throttled",
        f"{_RETRIED}; the rate falls by itself; `Retry-After` is honoured",
    )
    codes = ", ".join(f"`{code}`" for code in sorted(_NO_EFFECT))
    yield codes, "transient: no effect", _RETRIED


def _of_single_files() -> Iterator[tuple[str, str, str]]:
    yield (
        "sent, and a timeout, a reset, 5xx, HTML, a broken or foreign body",
        "unknown outcome",
        (
            "retried without end; `NewRegister` says whether VOD knew the file already; no attempt "
            "counts"
        ),
    )
    yield (
        "the file is in neither list of the answer, or its URL is spelled in another way",
        "unknown outcome",
        (
            "retried in a call of its own, where the answer can mean no other file; no attempt "
            "counts"
        ),
    )
    yield (
        "the file is in `FailedFileURLs`",
        "permanent for one object",
        (
            "HEAD on the object for the reason; one more call with this file alone; `failed` after "
            "`max_attempts` refusals"
        ),
    )
    yield (
        "any other 4xx with a code, such as `InvalidParameter`, `IllegalCharacters`",
        "permanent for one object",
        (
            "the call is halved until the bad file stands alone, which is `failed`; the others are "
            "registered"
        ),
    )
