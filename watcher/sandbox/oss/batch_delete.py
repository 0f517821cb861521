"""DeleteMultipleObjects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.access import check_object
from watcher.sandbox.oss.answers import OssRefused, xml
from watcher.sandbox.oss.encoding import KeyEncoding
from watcher.sandbox.oss.integrity import require_md5
from watcher.sandbox.oss.request_xml import body_tree, malformed
from watcher.sandbox.text import key_bytes

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.operations import Call

MAX_DELETED: Final = 1000  # by one request


def delete_objects(call: Call) -> Answer:
    """Delete the objects that the body names, whether they exist or not."""
    encoding = KeyEncoding(call.request)
    require_md5(call.request)
    keys, quiet = _wanted(call.request)
    for key in keys:
        check_object(call.principal, "DeleteObject", call.bucket.name, key)
    for key in keys:
        call.store.delete(call.bucket, key)
    if quiet:
        return Answer()
    deleted = (f"<Deleted>{encoding.element('Key', key)}</Deleted>" for key in keys)
    return xml("DeleteResult", encoding.shown + "".join(deleted))


def _wanted(request: Request) -> tuple[list[bytes], bool]:
    """Return the keys to delete, and whether the answer is to be empty.

    Raises:
        OssRefused: the body does not say it, names too many keys, or names a version.
    """
    tree = body_tree(request)
    nodes = tree.findall("Object")
    keys = [node.findtext("Key") or "" for node in nodes]
    quiet = tree.findtext("Quiet", "false").strip().lower()
    if tree.tag != "Delete" or quiet not in {"true", "false"} or len(keys) > MAX_DELETED:
        raise malformed()
    if not keys:
        raise malformed(ec="0016-00000615")
    if not all(keys):
        raise malformed(ec="0016-00000613")
    if any(node.findtext("VersionId") for node in nodes):
        raise OssRefused(501, "NotImplemented", "The sandbox does not offer versions.")
    return [key_bytes(key) for key in keys], quiet == "true"
