"""What all operations that store an object ask of their headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.checks import check_storage_class
from watcher.sandbox.oss.headers import kept_headers
from watcher.sandbox.oss.index import ObjectFacts

if TYPE_CHECKING:
    from watcher.sandbox.oss.operations import Call


def storage_class_of(call: Call) -> str:
    """Return the storage class that an upload asks for, or that of the bucket.

    Raises:
        OssRefused: there is no such class.
    """
    found = call.request.headers.get("x-oss-storage-class", call.bucket.facts.storage_class)
    check_storage_class(found)
    return found


def facts_of(call: Call, *, kind: str = "Normal") -> ObjectFacts:
    """Return the facts of the object that an upload asks for."""
    return ObjectFacts(
        type=kind, storage_class=storage_class_of(call), headers=kept_headers(call.request)
    )


def check_overwrite(call: Call) -> None:
    """Refuse to replace an object if the request forbids it."""
    forbidden = call.request.headers.get("x-oss-forbid-overwrite", "") == "true"
    if forbidden and call.store.find(call.bucket, call.key) is not None:
        raise OssRefused(
            409,
            "FileAlreadyExists",
            "The object you specified already exists and can not be overwritten.",
        )
