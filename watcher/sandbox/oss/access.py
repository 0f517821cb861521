"""What the grants of a credential allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import OssRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.account import Principal

# The RAM action of each operation that is not called like it.
_ACTIONS: Final[Mapping[str, str]] = {
    "ListObjectsV2": "ListObjects",
    "DeleteMultipleObjects": "DeleteObject",
    "PutSymlink": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CopyObject": "PutObject",
    "GetSymlink": "GetObject",
    "GetObjectMeta": "GetObject",
    "HeadObject": "GetObject",
    "AppendObject": "PutObject",
    "InitiateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_CHECKED_BY_KEY: Final = frozenset({"DeleteMultipleObjects"})  # its body names the keys


def check_operation(principal: Principal, operation: str, bucket: str, key: bytes) -> None:
    """Check an operation on the bucket and the key that a request names.

    One on a bucket needs a grant of the whole bucket, one on the service no limit at all.

    Raises:
        OssRefused: no grant covers it.
    """
    if operation not in _CHECKED_BY_KEY:
        check_object(principal, operation, bucket, key)


def check_object(principal: Principal, operation: str, bucket: str, key: bytes) -> None:
    """Check an operation on one object; a key of b"" stands for the whole bucket.

    Raises:
        OssRefused: no grant covers it.
    """
    if principal.may_touch(bucket, key):
        return
    detail = {
        "AuthAction": f"oss:{_ACTIONS.get(operation, operation)}",
        "AuthPrincipalType": "AssumedRoleUser",
        "AuthPrincipalDisplayName": principal.access_key_id,
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "SessionPolicy",
    }
    raise OssRefused(
        403, "AccessDenied", "Access denied by authorizer's policy.", ec="0003-00000301",
        AccessDeniedDetail=detail,
    )  # fmt: skip
