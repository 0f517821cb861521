"""Upload addresses, and the temporary credentials that may write to one object each."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

from watcher.sandbox.account import Grant
from watcher.sandbox.text import utc_second

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from watcher.sandbox.account import Account
    from watcher.sandbox.vod.media import Media
    from watcher.sandbox.vod.options import VodOptions

_PLAYLIST: Final = ".m3u8"


class UploadCredentials:
    """Issues credentials for the objects of media."""

    def __init__(
        self, account: Account, options: VodOptions, region: str, oss_endpoint: Callable[[], str]
    ) -> None:
        self._account = account
        self._options = options
        self._region = region
        self._oss_endpoint = oss_endpoint

    def fields_for(self, media: Media, now: datetime) -> dict[str, object]:
        """Return the address of the object of a media, and a new credential for it alone.

        That of a playlist is for the slices beside it, too.
        """
        address = {
            "Endpoint": self._oss_endpoint(),
            "Bucket": media.bucket,
            "FileName": media.key,
        }
        keys = media.key
        if media.key.endswith(_PLAYLIST):
            address["ObjectPrefix"] = f"{media.key.rpartition('/')[0]}/"
            keys = f"{address['ObjectPrefix']}*"
        lifetime_s = self._options.credential_s
        grant = Grant(bucket=media.bucket, keys=keys.encode())
        issued = self._account.issue(now, lifetime_s, [grant])
        assert issued.expires_at is not None  # noqa: S101 - every issued credential expires
        auth = {
            "SecurityToken": issued.security_token,
            "AccessKeyId": issued.access_key_id,
            "ExpireUTCTime": utc_second(issued.expires_at),
            "AccessKeySecret": issued.access_key_secret,
            "Expiration": str(int(lifetime_s)),
            "Region": self._region,
        }
        return {"UploadAddress": _encoded(address), "UploadAuth": _encoded(auth)}


def _encoded(fields: Mapping[str, str]) -> str:
    return base64.b64encode(json.dumps(fields, ensure_ascii=False).encode()).decode("ascii")
