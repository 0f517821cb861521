"""oss2, the SDK of this program, with signature V1 or V4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2
from oss2.credentials import StaticCredentialsProvider

from tests.clients.drivers.loop import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.clients.drivers.loop import Refusal


class Oss2:
    """One bucket."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        provider = StaticCredentialsProvider(
            settings["id"], settings["secret"], settings["token"] or None
        )
        signed = {"V1": oss2.ProviderAuth, "V4": oss2.ProviderAuthV4}[settings["signature"]]
        self._bucket = oss2.Bucket(
            signed(provider),
            settings["endpoint"],
            settings["bucket"],
            region=settings["region"],
            is_path_style=settings["style"] == "path",
        )

    def put(self, key: str, body: bytes) -> str:
        return str(self._bucket.put_object(key, body).etag)

    def head(self, key: str) -> dict[str, Any]:
        found = self._bucket.head_object(key)
        return {"size": found.content_length, "etag": found.etag}

    def get(self, key: str) -> bytes:
        return bytes(self._bucket.get_object(key).read())

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return bytes(self._bucket.get_object(key, byte_range=(first, last)).read())

    def list_keys(self, page_size: int) -> list[str]:
        return [each.key for each in oss2.ObjectIteratorV2(self._bucket, max_keys=page_size)]

    def list_keys_v1(self, page_size: int) -> list[str]:
        return [each.key for each in oss2.ObjectIterator(self._bucket, max_keys=page_size)]

    def page(self, version: int, given: dict[str, Any]) -> dict[str, Any]:
        given = dict(given)
        after = given.pop("after")
        if version == 1:
            del given["encoding_type"]  # it always asks for "url"
            found = self._bucket.list_objects(marker=given.pop("next") or after, **given)
            following = found.next_marker
        else:
            found = self._bucket.list_objects_v2(
                start_after=after, continuation_token=given.pop("next"), **given
            )
            following = found.next_continuation_token
        return {
            "keys": [each.key for each in found.object_list],
            "prefixes": list(found.prefix_list),
            "next": following if found.is_truncated else "",
        }

    def multipart(self, key: str, parts: list[bytes]) -> None:
        encoded = {"encoding-type": "url"}  # or the answer is no XML for some keys
        upload = self._bucket.init_multipart_upload(key, params=encoded).upload_id
        sent = [
            oss2.models.PartInfo(number, self._bucket.upload_part(key, upload, number, part).etag)
            for number, part in enumerate(parts, 1)
        ]
        self._bucket.complete_multipart_upload(key, upload, sent)

    def copy(self, source: str, target: str) -> None:
        self._bucket.copy_object(self._bucket.bucket_name, source, target)

    def delete(self, key: str) -> None:
        self._bucket.delete_object(key)

    def delete_many(self, keys: list[str]) -> None:
        self._bucket.batch_delete_objects(keys)

    def presign(self, method: str, key: str, expires_s: int) -> dict[str, Any]:
        url = self._bucket.sign_url(method, key, expires_s, slash_safe=True)
        return {"url": url, "headers": {}}

    @staticmethod
    def refusal(error: Exception) -> Refusal | None:
        if not isinstance(error, oss2.exceptions.ServerError):
            return None
        return {
            "status": error.status,
            "code": error.code,
            "ec": error.ec,
            "message": error.message,
        }


if __name__ == "__main__":
    serve(Oss2)
