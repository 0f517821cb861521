"""RestoreObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.request_xml import body_tree
from watcher.sandbox.oss.restore import ARCHIVES, Restore, order_in, restore_for

if TYPE_CHECKING:
    from watcher.sandbox.oss.operations import Call


def restore_object(call: Call) -> Answer:
    """Begin to make an archived object readable, or keep a readable one so for longer."""
    archive = ARCHIVES.get(call.store.get(call.bucket, call.key).storage_class)
    if archive is None:
        raise OssRefused(
            400, "OperationNotSupported", "The operation is not supported for this object's class."
        )
    order = order_in(body_tree(call.request) if call.request.body else None, archive)

    def change(before: Restore | None) -> Restore:
        return restore_for(
            order, archive, before, now_ms=call.now_ms, takes_s=call.options.restore_takes_s
        )

    before = call.store.restore(call.bucket, call.key, change)
    readable = before is not None and before.is_readable(call.now_ms)
    headers = {"x-oss-object-restore-priority": order.tier} if order.tier else {}
    return Answer(status=200 if readable else 202, headers=headers)
