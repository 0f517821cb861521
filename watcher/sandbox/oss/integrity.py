"""Check that a body arrived as it was sent, and show what a client needs to check the same.

`x-oss-hash-crc64ecma` stands in answers only. No page of the service says what a request with it
means, so such a request is not offered.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import OssRefused

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request

CRC64: Final = "x-oss-hash-crc64ecma"
_MD5: Final = "content-md5"


def check_md5(request: Request) -> None:
    """Refuse a body that is not the one whose Content-MD5 was sent.

    Raises:
        OssRefused: the header is no MD5, or that of another body.
    """
    sent = request.headers.get(_MD5)
    if sent is None:
        return
    digest = request.content.digest.md5
    if sent != base64.b64encode(digest).decode("ascii"):
        raise OssRefused(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


def require_md5(request: Request) -> None:
    """Refuse a request without Content-MD5.

    Raises:
        OssRefused: it was not sent.
    """
    if _MD5 not in request.headers:
        raise OssRefused(
            400, "MissingArgument", "Missing Some Required Arguments.", ec="0016-00000606",
            ArgumentName="Content-MD5",
        )  # fmt: skip
