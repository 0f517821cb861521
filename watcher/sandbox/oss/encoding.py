"""Keys in answers, percent-encoded where the request asks for it (`encoding-type=url`)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from watcher.sandbox.oss.answers import OssRefused, element
from watcher.sandbox.text import key_text

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request


class KeyEncoding:
    """How the keys in one answer are written."""

    def __init__(self, request: Request) -> None:
        """Read the parameter `encoding-type`.

        Raises:
            OssRefused: it asks for another encoding than `url`.
        """
        asked_for = request.parameter("encoding-type") or ""
        if asked_for not in {"", "url"}:
            raise OssRefused(
                400, "InvalidArgument", "Invalid Encoding Method specified in Request."
            )
        self._encodes = asked_for == "url"

    @property
    def shown(self) -> str:
        """The element that names the encoding, if there is one."""
        return element("EncodingType", "url") if self._encodes else ""

    def element(self, name: str, key: bytes) -> str:
        """Return one element with a key."""
        return element(name, quote(key, safe="") if self._encodes else key_text(key))
