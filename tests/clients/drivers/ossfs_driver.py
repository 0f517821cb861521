"""ossfs, the file system of fsspec: an older oss2, signature V1, lists by ListObjects.

With `--async` it is the file system on aiohttp.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

import oss2
import ossfs

from tests.clients.drivers.loop import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.clients.drivers.loop import Refusal


class OssFs:
    """One bucket as a folder."""

    kind: ClassVar[Any] = ossfs.OSSFileSystem

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._files = self.kind(
            endpoint=settings["endpoint"],
            key=settings["id"],
            secret=settings["secret"],
            token=settings["token"] or None,
            skip_instance_cache=True,
        )
        self._bucket = settings["bucket"]

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._files.pipe_file(self._path(key), body)

    def head(self, key: str) -> dict[str, Any]:
        return {"size": self._files.info(self._path(key))["size"]}

    def get(self, key: str) -> bytes:
        return bytes(self._files.cat_file(self._path(key)))

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return bytes(self._files.cat_file(self._path(key), start=first, end=last))

    def list_keys(self, page_size: int) -> list[str]:
        """List the whole tree, folder by folder; it chooses its own page size."""
        del page_size
        self._files.invalidate_cache()
        return [each.removeprefix(f"{self._bucket}/") for each in self._files.find(self._bucket)]

    def multipart(self, key: str, parts: list[bytes]) -> None:
        self._files.pipe_file(self._path(key), b"".join(parts))

    def append(self, key: str, pieces: list[bytes]) -> None:
        """Write a file piece by piece, as `open` does it."""
        for number, piece in enumerate(pieces):
            with self._files.open(self._path(key), "ab" if number else "wb") as file:
                file.write(piece)

    def copy(self, source: str, target: str) -> None:
        self._files.cp_file(self._path(source), self._path(target))

    def delete(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def delete_below(self, folder: str) -> None:
        self._files.rm(self._path(folder), recursive=True)

    @staticmethod
    def refusal(error: Exception) -> Refusal | None:
        if isinstance(error, FileNotFoundError) and error.__cause__ is None:  # not in the listing
            return {"status": 404, "code": "NoSuchKey", "message": str(error)}
        cause = error if isinstance(error, oss2.exceptions.ServerError) else error.__cause__
        if not isinstance(cause, oss2.exceptions.ServerError):
            return None
        return {"status": cause.status, "code": cause.code, "message": cause.message}


class AsyncOssFs(OssFs):
    """The same on aiohttp."""

    kind = ossfs.AioOSSFileSystem


if __name__ == "__main__":
    serve(AsyncOssFs if "--async" in sys.argv else OssFs)
