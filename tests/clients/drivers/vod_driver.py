"""alibabacloud_vod20170321, the vendor's current VOD SDK: signature ACS3-HMAC-SHA256."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vod20170321 import models
from alibabacloud_vod20170321.client import Client

from tests.clients.drivers.loop import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.clients.drivers.loop import Refusal


class Vod:
    """One account."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._client = Client(
            Config(
                access_key_id=settings["id"],
                access_key_secret=settings["secret"],
                security_token=settings["token"] or None,
                endpoint=settings["endpoint"].partition("://")[2],
                protocol="http",
                region_id=settings["region"],
            )
        )

    def register(self, items: list[dict[str, str]]) -> Any:
        asked = models.RegisterMediaRequest(register_metadatas=json.dumps(items))
        return self._client.register_media(asked).body.to_map()

    def media(self, media_ids: list[str]) -> Any:
        asked = models.BatchGetMediaInfosRequest(media_ids=",".join(media_ids))
        return self._client.batch_get_media_infos(asked).body.to_map()

    @staticmethod
    def refusal(error: Exception) -> Refusal | None:
        if not isinstance(error, AlibabaCloudException):
            return None
        return {"status": error.status_code, "code": error.code, "message": error.message}


if __name__ == "__main__":
    serve(Vod)
