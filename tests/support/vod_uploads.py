"""Calls of the six upload operations through the real SDK, and uploads with their credentials."""

from __future__ import annotations

import base64
import importlib
import json
from typing import TYPE_CHECKING, Any

import oss2
import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException

from tests.support.vod_calls import client

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

VIDEO = {"FileName": "a.mp4", "Title": "title"}
IMAGE = {"ImageType": "default"}
ATTACHED = {"BusinessType": "watermark", "MediaExt": "png"}
CREATE = {
    "CreateUploadVideo": VIDEO,
    "CreateUploadImage": IMAGE,
    "CreateUploadAttachedMedia": ATTACHED,
}
ID = {
    "CreateUploadVideo": "VideoId",
    "CreateUploadImage": "ImageId",
    "CreateUploadAttachedMedia": "MediaId",
}


def ask(sandbox: Sandbox, action: str, **given: object) -> Any:
    """Make one call with the setters of the real SDK, and return its answer."""
    module = importlib.import_module(f"aliyunsdkvod.request.v20170321.{action}Request")
    call = getattr(module, f"{action}Request")()
    call.set_accept_format("JSON")
    call.set_endpoint(sandbox.host)
    for name, value in given.items():
        getattr(call, f"set_{name}")(value)
    return json.loads(client(sandbox).do_action_with_exception(call))


def created(sandbox: Sandbox, action: str = "CreateUploadVideo", **more: Any) -> Any:
    """Create a media, and return the answer."""
    return ask(sandbox, action, **{**CREATE[action], **more})


def refusal(sandbox: Sandbox, action: str, **given: object) -> tuple[int, str]:
    """Return status and code of a refused call."""
    with pytest.raises(ServerException) as refused:
        ask(sandbox, action, **given)
    return refused.value.get_http_status(), str(refused.value.get_error_code())


def decoded(text: str) -> dict[str, str]:
    """Return an UploadAddress or an UploadAuth."""
    fields: dict[str, str] = json.loads(base64.b64decode(text))
    return fields


def upload_client(answer: dict[str, str], bucket: str = "") -> oss2.Bucket:
    """Return the real SDK's client with the address and the credential of an answer."""
    address, auth = decoded(answer["UploadAddress"]), decoded(answer["UploadAuth"])
    sts = oss2.StsAuth(auth["AccessKeyId"], auth["AccessKeySecret"], auth["SecurityToken"])
    return oss2.Bucket(sts, address["Endpoint"], bucket or address["Bucket"])


def key_in(answer: dict[str, str]) -> str:
    """Return the key that an answer gives."""
    return decoded(answer["UploadAddress"])["FileName"]


def put(answer: dict[str, str], body: bytes = b"12345") -> None:
    """Upload the file of a media."""
    upload_client(answer).put_object(key_in(answer), body)


def video_status(sandbox: Sandbox, video_id: str) -> str:
    """Return the status of a video as VOD answers it."""
    (one,) = ask(sandbox, "GetVideoInfos", VideoIds=video_id)["VideoList"]
    return str(one["Status"])
