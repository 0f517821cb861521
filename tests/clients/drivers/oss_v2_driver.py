"""alibabacloud-oss-v2, the vendor's second SDK, with signature V1 or V4."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import alibabacloud_oss_v2 as oss

from tests.clients.drivers.loop import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.clients.drivers.loop import Refusal


class OssV2:
    """One bucket."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        config = oss.config.load_default()
        config.credentials_provider = oss.credentials.StaticCredentialsProvider(
            settings["id"], settings["secret"], settings["token"] or None
        )
        config.region = settings["region"]
        config.endpoint = settings["endpoint"]
        config.signature_version = settings["signature"].lower()
        config.use_path_style = settings["style"] == "path"
        config.retry_max_attempts = 1
        self._client = oss.Client(config)
        self._bucket = settings["bucket"]

    def put(self, key: str, body: bytes) -> str:
        done = self._client.put_object(oss.PutObjectRequest(self._bucket, key, body=body))
        return str(done.etag).strip('"')

    def head(self, key: str) -> dict[str, Any]:
        found = self._client.head_object(oss.HeadObjectRequest(self._bucket, key))
        return {"size": found.content_length, "etag": str(found.etag).strip('"')}

    def get(self, key: str) -> bytes:
        with self._client.get_object(oss.GetObjectRequest(self._bucket, key)).body as body:
            return bytes(body.read())

    def get_range(self, key: str, first: int, last: int) -> bytes:
        asked = oss.GetObjectRequest(self._bucket, key, range_header=f"bytes={first}-{last}")
        with self._client.get_object(asked).body as body:
            return bytes(body.read())

    def list_keys(self, page_size: int) -> list[str]:
        return self._walk(
            self._client.list_objects_v2_paginator(limit=page_size),
            oss.ListObjectsV2Request(self._bucket),
        )

    def list_keys_v1(self, page_size: int) -> list[str]:
        return self._walk(
            self._client.list_objects_paginator(limit=page_size),
            oss.ListObjectsRequest(self._bucket),
        )

    @staticmethod
    def _walk(paginator: Any, request: Any) -> list[str]:
        pages = paginator.iter_page(request)
        return [each.key for page in pages for each in page.contents or ()]

    def page(self, version: int, given: dict[str, Any]) -> dict[str, Any]:
        given = {name: value or None for name, value in given.items()}
        after, token = given.pop("after"), given.pop("next")
        if version == 1:
            asked = oss.ListObjectsRequest(self._bucket, marker=token or after, **given)
            found: Any = self._client.list_objects(asked)
            following = found.next_marker
        else:
            asked = oss.ListObjectsV2Request(
                self._bucket, start_after=after, continuation_token=token, **given
            )
            found = self._client.list_objects_v2(asked)
            following = found.next_continuation_token
        return {
            "keys": [each.key for each in found.contents or ()],
            "prefixes": [each.prefix for each in found.common_prefixes or ()],
            "next": following if found.is_truncated else "",
        }

    def multipart(self, key: str, parts: list[bytes]) -> None:
        started = self._client.initiate_multipart_upload(
            oss.InitiateMultipartUploadRequest(self._bucket, key)
        )
        sent = []
        for number, part in enumerate(parts, 1):
            done = self._client.upload_part(
                oss.UploadPartRequest(
                    self._bucket, key, part_number=number, upload_id=started.upload_id, body=part
                )
            )
            sent.append(oss.UploadPart(part_number=number, etag=done.etag))
        self._client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                self._bucket,
                key,
                upload_id=started.upload_id,
                complete_multipart_upload=oss.CompleteMultipartUpload(parts=sent),
            )
        )

    def copy(self, source: str, target: str) -> None:
        self._client.copy_object(
            oss.CopyObjectRequest(
                self._bucket, target, source_bucket=self._bucket, source_key=source
            )
        )

    def delete(self, key: str) -> None:
        self._client.delete_object(oss.DeleteObjectRequest(self._bucket, key))

    def delete_many(self, keys: list[str]) -> None:
        named = [oss.DeleteObject(key=key) for key in keys]
        self._client.delete_multiple_objects(
            oss.DeleteMultipleObjectsRequest(self._bucket, objects=named)
        )

    def presign(self, method: str, key: str, expires_s: int) -> dict[str, Any]:
        kind = {"GET": oss.GetObjectRequest, "PUT": oss.PutObjectRequest}[method]
        made = self._client.presign(kind(self._bucket, key), expires=timedelta(seconds=expires_s))
        return {"url": made.url, "headers": dict(made.signed_headers or {})}

    @staticmethod
    def refusal(error: Exception) -> Refusal | None:
        if not isinstance(error, oss.exceptions.OperationError):
            return None
        answer = error.unwrap()
        if not isinstance(answer, oss.exceptions.ServiceError):
            return None
        return {
            "status": answer.status_code,
            "code": answer.code,
            "ec": answer.ec,
            "message": answer.message,
        }


if __name__ == "__main__":
    serve(OssV2)
