"""OpenDAL's native OSS service: Rust, signature V1, lists by ListObjectsV2."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import opendal

from tests.clients.drivers.loop import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.clients.drivers.loop import Refusal

STATUS = re.compile(r"status: (\d{3})")
CODE = re.compile(r'\bcode: "(\w+)"')


class OpenDal:
    """One bucket."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        given = {"security_token": settings["token"]} if settings["token"] else {}
        self._operator = opendal.Operator(
            "oss",
            bucket=settings["bucket"],
            endpoint=settings["endpoint"],
            addressing_style=settings["style"],
            access_key_id=settings["id"],
            access_key_secret=settings["secret"],
            **given,
        )

    def put(self, key: str, body: bytes) -> None:
        self._operator.write(key, body)

    def head(self, key: str) -> dict[str, Any]:
        found = self._operator.stat(key)
        return {"size": found.content_length, "etag": str(found.etag).strip('"')}

    def get(self, key: str) -> bytes:
        return bytes(self._operator.read(key))

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return bytes(self._operator.read(key, offset=first, size=last - first + 1))

    def list_keys(self, page_size: int) -> list[str]:
        found = self._operator.list("", recursive=True, limit=page_size)
        return [each.path for each in found]

    def multipart(self, key: str, parts: list[bytes]) -> None:
        self._operator.write(key, b"".join(parts), chunk=len(parts[0]))

    def copy(self, source: str, target: str) -> None:
        self._operator.copy(source, target)

    def delete(self, key: str) -> None:
        self._operator.delete(key)

    def delete_below(self, folder: str) -> None:
        """Delete a folder; it asks for many objects at a time."""
        self._operator.remove_all(folder)

    def presign(self, method: str, key: str, expires_s: int) -> dict[str, Any]:
        made = asyncio.run(self._presigned(method, key, expires_s))
        return {"url": made.url, "headers": dict(made.headers)}

    async def _presigned(self, method: str, key: str, expires_s: int) -> Any:
        operator = self._operator.to_async_operator()
        if method == "GET":
            return await operator.presign_read(key, expires_s)
        return await operator.presign_write(key, expires_s)

    @staticmethod
    def refusal(error: Exception) -> Refusal | None:
        status, code = STATUS.search(str(error)), CODE.search(str(error))
        if status is None:
            return None
        return {
            "status": int(status[1]),
            "code": code[1] if code else "",
            "message": str(error),
        }


if __name__ == "__main__":
    serve(OpenDal)
