"""Each way in which OSS fails us, as one of our errors.  Sources: OSS error table; oss2 2.19.1."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import oss2
import requests

from watcher.errors import AccountRefused, BucketRefused, CloudError, NotSent, Throttled

_SEE_RAM = "Grant oss:ListObjects on acs:oss:*:*:BUCKET to the RAM user or role (and oss:GetObject on BUCKET/*)."

_ACCOUNT = {
    "InvalidAccessKeyId": "The AccessKey ID does not exist or is disabled: check the credentials in use.",
    "SignatureDoesNotMatch": "The AccessKey secret is wrong: check the credentials in use.",
    "SecurityTokenExpired": "The STS token has expired: obtain a new one.",
    "InvalidSecurityToken": "The STS token is not valid: obtain a new one.",
    "RequestTimeTooSkewed": "The clock of this machine is off by more than 15 minutes: synchronise it (chrony, ntp).",
    "UserDisable": "The account is suspended, often for arrears: see the billing console.",
}
_BUCKET = {
    "NoSuchBucket": "Create the bucket, or correct `source` of the watch.",
    "AccessDenied": _SEE_RAM,
    "InvalidBucketName": "Correct `source` of the watch.",
}
_WRONG_REGION = "The bucket lies in another region: set [vod] region, or `endpoint` of the watch, to the bucket's own."
_THROTTLED = {
    "totalqpslimitexceeded",
    "metaoperationqpslimitexceeded",
    "serviceunavailable",
    "downloadtrafficratelimitexceeded",
    "qpslimitexceeded",
    "requesttimeout",
    "slowdown",
}


def as_cloud_error(error: Exception, *, bucket: str) -> CloudError:
    """Return what `error`, raised while talking to OSS about `bucket`, means to us; it holds no secret."""
    if isinstance(error, oss2.exceptions.RequestError):
        return _no_answer(error.exception, bucket)
    if isinstance(error, oss2.exceptions.ServerError):
        return _answered(error, bucket)
    if isinstance(error, requests.RequestException):
        return _no_answer(error, bucket)
    if isinstance(error, (ET.ParseError, ValueError, KeyError, TypeError, RuntimeError)):
        return CloudError(
            f"OSS answered for bucket {bucket} with a body that is no listing ({type(error).__name__})",
            hint="Look for a proxy or captive portal between this machine and OSS ([network] proxy).",
        )
    return CloudError(f"the call to OSS for bucket {bucket} failed ({type(error).__name__})")


def _no_answer(error: Exception, bucket: str) -> CloudError:
    if isinstance(error, requests.exceptions.SSLError):
        return NotSent(
            f"OSS could not be verified over TLS for bucket {bucket}",
            hint="Check the machine's CA certificates, [network] ca_bundle, and `endpoint` of the watch.",
        )
    kind = "did not answer in time" if isinstance(error, requests.Timeout) else "could not be reached"
    return NotSent(
        f"OSS {kind} for bucket {bucket} ({type(error).__name__})",
        hint="Check the network, DNS, [network] proxy, and `endpoint` of the watch.",
    )


def _answered(error: oss2.exceptions.ServerError, bucket: str) -> CloudError:
    code, message = str(error.code), str(error.message)
    sentence = f"OSS refused bucket {bucket}: {code or error.status}: {message[:300]} (RequestId {error.request_id})"
    if _names_another_region(code, message):
        return BucketRefused(sentence, hint=_WRONG_REGION, code=code, request_id=str(error.request_id))
    if code in _ACCOUNT:
        return AccountRefused(sentence, hint=_ACCOUNT[code], code=code, request_id=str(error.request_id))
    if code in _BUCKET:
        return BucketRefused(
            sentence, hint=_BUCKET[code].replace("BUCKET", bucket), code=code, request_id=str(error.request_id)
        )
    if code.lower() in _THROTTLED or error.status == 429:  # noqa: PLR2004 (Too Many Requests)
        return Throttled(
            sentence, hint="Lower list_calls_per_second of the watch.", code=code, request_id=str(error.request_id)
        )
    return CloudError(
        sentence,
        hint="Try again later; if it stays, ask OSS support with the RequestId.",
        code=code,
        request_id=str(error.request_id),
    )


def _names_another_region(code: str, message: str) -> bool:
    """Whether the bucket is served by another endpoint, or the V4 scope names another region."""
    lowered = message.lower()
    return "specified endpoint" in lowered or (
        code in {"InvalidArgument", "SignatureDoesNotMatch"} and "region" in lowered
    )
