"""Symlinks: PutSymlink, GetSymlink, and the object that a read follows one to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from watcher.sandbox.bodies import Body, etag_of
from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.access import check_object
from watcher.sandbox.oss.answers import OssRefused, http_date
from watcher.sandbox.oss.checks import check_key
from watcher.sandbox.oss.headers import Shown
from watcher.sandbox.oss.writes import check_overwrite, facts_of

if TYPE_CHECKING:
    from watcher.sandbox.oss.operations import Call

SYMLINK: Final = "Symlink"
TARGET_HEADER: Final = "x-oss-symlink-target"


def put_symlink(call: Call) -> Answer:
    """Store a link; its target need not exist."""
    target = call.request.headers.get(TARGET_HEADER, "")
    if not target:
        raise OssRefused(400, "InvalidArgument", "The symlink target is missing.")
    check_key(_key_in(target))
    with call.store.atomic():
        check_overwrite(call)
        stored = call.store.put(
            call.bucket,
            call.key,
            Body(),
            replace(facts_of(call, kind=SYMLINK), symlink_target=target),
            etag=etag_of(target.encode("latin-1")),
        )
    return Answer(headers={"ETag": f'"{stored.etag}"'})


def get_symlink(call: Call) -> Answer:
    """Answer with the target of a link, and the metadata of the link itself."""
    found = call.store.get(call.bucket, call.key)
    if found.type != SYMLINK:
        raise OssRefused(400, "NotSymlink", "The object is not symlink")
    own = {name: value for name, value in found.headers.items() if name.startswith("x-oss-meta-")}
    return Answer(
        headers={
            **own,
            "ETag": f'"{found.etag}"',
            "Last-Modified": http_date(found.modified_at),
            TARGET_HEADER: found.symlink_target,
        }
    )


def shown_by(call: Call) -> Shown:
    """Return what a read of an object shows; a symlink leads to its target.

    Raises:
        OssRefused: the object or the target is not there, the signer may not read the target, or
            the target is a symlink.
    """
    own = call.store.get(call.bucket, call.key)
    if own.type != SYMLINK:
        return Shown(own=own, content=own)
    key = _key_in(own.symlink_target)
    check_object(call.principal, "GetObject", call.bucket.name, key)
    target = call.store.find(call.bucket, key)
    if target is None:
        raise OssRefused(
            404,
            "SymlinkTargetNotExist",
            "The symlink target object does not exist",
            ec="0026-00000012",
        )
    if target.type == SYMLINK:
        raise OssRefused(400, "InvalidTargetType", "The symlink target object type is invalid")
    return Shown(own=own, content=target)


def _key_in(target: str) -> bytes:
    return unquote_to_bytes(target.encode("latin-1"))
