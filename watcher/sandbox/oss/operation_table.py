"""The operations of the local OSS by name, except those on the service and on new buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss import (
    archives,
    buckets,
    copies,
    listing,
    multipart,
    operations,
    part_uploads,
    symlinks,
)
from watcher.sandbox.oss.appending import append_object
from watcher.sandbox.oss.batch_delete import delete_objects
from watcher.sandbox.oss.upload_listing import list_multipart_uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.oss.operations import Operation

OPERATIONS: Final[Mapping[str, Operation]] = {
    "GetBucketInfo": buckets.get_bucket_info,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketAcl": buckets.get_bucket_acl,
    "PutBucketAcl": buckets.put_bucket_acl,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects_v2,
    "DeleteMultipleObjects": delete_objects,
    "ListMultipartUploads": list_multipart_uploads,
    "DeleteBucket": buckets.delete_bucket,
    "PutSymlink": symlinks.put_symlink,
    "CopyObject": copies.copy_object,
    "PutObject": operations.put_object,
    "GetSymlink": symlinks.get_symlink,
    "GetObject": operations.get_object,
    "GetObjectMeta": operations.get_object_meta,
    "HeadObject": operations.head_object,
    "AppendObject": append_object,
    "RestoreObject": archives.restore_object,
    "DeleteObject": operations.delete_object,
    "ListParts": multipart.list_parts,
    "UploadPart": part_uploads.upload_part,
    "UploadPartCopy": part_uploads.upload_part_copy,
    "InitiateMultipartUpload": multipart.initiate,
    "CompleteMultipartUpload": multipart.complete,
    "AbortMultipartUpload": multipart.abort,
}
COMPLETING: Final = frozenset({"PutObject", "CompleteMultipartUpload"})
"""The operations after which an object is whole."""
