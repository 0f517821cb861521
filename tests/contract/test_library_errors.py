"""`watcher.Vod` when a call fails: the class, the cure, and no secret anywhere."""

from __future__ import annotations

import gc
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.canned_vod import SECRETS, UPLOAD, UPLOAD_SECRETS, CannedVod, encoded
from watcher import Vod, redaction
from watcher.errors import (
    AccountRefused,
    ArgumentRefused,
    BucketRefused,
    CallRefused,
    CloudError,
    CredentialsMissing,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
    UsageError,
)
from watcher.uploads import VideoUpload
from watcher.wiring import library

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "https://b-1.oss-cn-shanghai.aliyuncs.com/a.mp4"


@pytest.fixture
def canned() -> Iterator[CannedVod]:
    with CannedVod() as server:
        yield server


@pytest.fixture
def vod(canned: CannedVod) -> Iterator[Vod]:
    with canned.client() as client:
        yield client


def refuse(canned: CannedVod, status: int, code: str, message: str = "no") -> None:
    canned.status = status
    refusal = {"RequestId": "R-9", "Code": code, "Message": message}
    canned.answers = dict.fromkeys(
        ("CreateUploadVideo", "RefreshUploadVideo", "GetURLUploadInfos", "RegisterMedia"), refusal
    )


@pytest.mark.parametrize(
    ("status", "code", "kind", "cure"),
    [
        (400, "Throttling.User", Throttled, "Wait, then repeat the call."),
        (503, "ServiceUnAvailable", Unreachable, "Wait, then repeat the call."),
        (404, "InvalidTemplateGroupId.NotFound", CallRefused, "Correct template_group_id ("),
        (404, "InvalidStorage.NotFound", CallRefused, "Correct storage_location: "),
        (400, "LengthExceededMax", CallRefused, ""),
        (404, "InvalidVideo.NotFound", CallRefused, ""),
        (403, "Forbidden.RAM", AccountRefused, "Grant vod:CreateUploadVideo on * "),
        (403, "OperationDenied.Suspended", AccountRefused, "The VOD service is suspended"),
        (404, "InvalidProtocol.NeedSsl", AccountRefused, "VOD requires https: write endpoint with"),
        (503, "AddVideoFailed", Unanswered, "VOD may hold a medium without a file now."),
    ],
)
def test_a_refusal_is_about_this_call(
    canned: CannedVod, status: int, code: str, kind: type[CloudError], cure: str
) -> None:
    refuse(canned, status, code)
    with canned.client() as vod, pytest.raises(CloudError) as caught:
        vod.create_upload_video("a.mp4")
    assert type(caught.value) is kind
    assert caught.value.hint.startswith(cure)
    assert caught.value.request_id == "R-9"
    assert kind is Unanswered or caught.value.code == code


def test_a_bucket_that_is_not_added_keeps_its_own_error(canned: CannedVod, vod: Vod) -> None:
    refuse(canned, 400, "InvalidParameter", "The storageLocation must be registered on VOD.")
    with pytest.raises(BucketRefused) as caught:
        vod.register_media([FILE])
    assert caught.value.hint.startswith("Add the bucket in the VOD console")


def test_a_failed_look_up_may_be_repeated(canned: CannedVod, vod: Vod) -> None:
    refuse(canned, 500, "InternalError")
    with pytest.raises(Unavailable) as caught:
        vod.get_url_upload_infos(job_ids=["j-1"])
    assert caught.value.transient


def test_a_lost_answer_says_how_to_go_on(canned: CannedVod, vod: Vod) -> None:
    refuse(canned, 500, "InternalError")
    with pytest.raises(Unanswered) as caught:
        vod.register_media([FILE])
    assert caught.value.hint == "Repeat the call: VOD registers each file once."


@pytest.mark.parametrize("missing", ["VideoId", "UploadAddress", "UploadAuth"])
def test_an_answer_without_what_is_needed_is_none(
    canned: CannedVod, vod: Vod, missing: str
) -> None:
    canned.answers["CreateUploadVideo"][missing] = None
    with pytest.raises(Unanswered, match=missing):
        vod.create_upload_video("a.mp4")


def test_jobs_without_ids_are_none(canned: CannedVod, vod: Vod) -> None:
    canned.answers["UploadMediaByURL"] = {"RequestId": "R", "UploadJobs": [{"SourceURL": "x"}]}
    with pytest.raises(Unanswered, match="names no jobs") as caught:
        vod.upload_media_by_url(["http://example.com/a.mp4"])
    assert "session_id" in caught.value.hint


def test_an_unreachable_vod_names_arguments_not_settings() -> None:
    with (
        Vod(region="cn-shanghai", endpoint="http://127.0.0.1:1", credentials=Provider()) as vod,
        pytest.raises(Unreachable) as caught,
    ):
        vod.create_upload_video("a.mp4")
    assert caught.value.hint == "Check the network, DNS, proxy and endpoint."


def test_a_host_is_not_taken_for_the_name_of_a_setting() -> None:
    hint = "From elsewhere set [vod] endpoint to https://vod.cn-shanghai.aliyuncs.com."
    shown = "From elsewhere set endpoint to https://vod.cn-shanghai.aliyuncs.com."
    assert library._TABLE.sub("", hint) == shown


class Provider:
    """Rotating credentials."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self) -> Any:
        from watcher import Credentials  # noqa: PLC0415 (as a caller may)

        self.asked += 1
        return Credentials(f"rotating-id-{self.asked}", f"rotating-secret-{self.asked}")


def test_a_provider_is_asked_before_each_call(canned: CannedVod) -> None:
    with canned.client(credentials=Provider()) as vod:
        vod.refresh_upload_video("v-1")
        vod.refresh_upload_video("v-1")
    ids = [call["AccessKeyId"] for call in canned.calls]
    assert ids == ["rotating-id-1", "rotating-id-2"]


def test_without_credentials_the_chain_of_the_program_is_asked(
    canned: CannedVod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id-of-the-environment")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-of-the-environment")
    with canned.client(credentials=None) as vod:
        vod.refresh_upload_video("v-1")
    assert canned.calls[-1]["AccessKeyId"] == "id-of-the-environment"


def test_no_error_repeats_a_secret(canned: CannedVod, vod: Vod) -> None:
    """Not even one that VOD repeats in its words, escaped, or where a message is cut."""
    hidden = [*SECRETS, *(quote(each, safe="") for each in SECRETS)]
    for secret in hidden:
        for message in (f"you sent {secret}", "x" * 490 + secret, f"SecurityToken={secret}"):
            refuse(canned, 400, "Strange", message)
            with pytest.raises(CloudError) as caught:
                vod.create_upload_video("a.mp4")
            seen: BaseException | None = caught.value
            while seen is not None:
                assert secret[:8] not in f"{seen} {seen!r} {vars(seen)}"
                seen = seen.__context__


def test_the_secrets_of_an_instance_are_known_to_it_alone(canned: CannedVod) -> None:
    before = repr(redaction._REDACTOR)
    with canned.client() as vod:
        vod.refresh_upload_video("v-1")
    assert repr(redaction._REDACTOR) == before
    assert redaction.redact(SECRETS[0]) == SECRETS[0]


def test_no_log_line_repeats_an_answer_or_a_signature(
    canned: CannedVod, vod: Vod, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even at the debug level of the libraries. Their other users keep their lines."""
    caplog.set_level(logging.DEBUG)
    for name in ("aliyunsdkcore", "aliyunsdkcore.client", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    vod.create_upload_video("a.mp4")
    refuse(canned, 400, "Strange")
    with pytest.raises(CallRefused):
        vod.create_upload_video("a.mp4")
    logging.getLogger("aliyunsdkcore.client").debug("a line of another user")
    assert [each.getMessage() for each in caplog.records] == ["a line of another user"]


@pytest.mark.parametrize(
    ("address", "auth"),
    [
        ("%%%", UPLOAD["UploadAuth"]),
        (UPLOAD["UploadAddress"], encoded(["upload-secret"])),
        (UPLOAD["UploadAddress"], encoded({"AccessKeySecret": "upload-secret"})),
        (encoded({"Bucket": "b"}), UPLOAD["UploadAuth"]),
    ],
    ids=["no Base64", "no object", "no key", "no endpoint"],
)
def test_a_credential_that_cannot_be_decoded_is_not_repeated(address: str, auth: str) -> None:
    made = VideoUpload(video_id="v", upload_address=address, upload_auth=auth, request_id="R")
    with pytest.raises(Unanswered) as caught:
        made.decoded()
    assert [secret for secret in UPLOAD_SECRETS if secret in str(caught.value)] == []


def test_closing_closes_the_connections(canned: CannedVod) -> None:
    gc.collect()  # an earlier test may have left a socket to the same port
    with canned.client() as vod:
        vod.refresh_upload_video("v-1")
        assert len(connections_to(canned)) == 1
    assert connections_to(canned) == []


def connections_to(canned: CannedVod) -> list[socket.socket]:
    """Return the open sockets of this process that are connected to the server."""
    found = []
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.family == socket.AF_INET:
            with suppress(OSError):
                if each.getpeername()[1] == canned.port:
                    found.append(each)
    return found


def test_a_closed_vod_makes_no_call(canned: CannedVod) -> None:
    vod = canned.client()
    vod.close()
    vod.close()
    with pytest.raises(UsageError, match="closed"):
        vod.refresh_upload_video("v-1")
    assert canned.calls == []


def test_a_refused_argument_makes_no_call(canned: CannedVod, vod: Vod) -> None:
    with pytest.raises(ArgumentRefused):
        vod.create_upload_video("a.exe")
    assert canned.calls == []


@pytest.mark.parametrize(
    ("options", "sentence", "cure"),
    [
        ({"region": "cn-hangzhou", "endpoint": ""}, "region: VOD has no documented", "in endpoint"),
        ({"region": "oss-cn-shanghai"}, "region: an OSS location", "cn-shanghai"),
        ({"endpoint": "http://vod.cn-shanghai.aliyuncs.com"}, "endpoint: http://", "https://"),
        (
            {"endpoint": "vod.cn-beijing.aliyuncs.com"},
            "endpoint: lies in cn-beijing, and region",
            "VOD takes",
        ),
        ({"proxy": "socks5://h:1"}, "proxy: not a proxy", "http://HOST:PORT"),
        ({"timeout_s": 0}, "timeout_s is 0", "above 0"),
        ({"ca_bundle": "/dev/null"}, "ca_bundle: holds no certificate", "PEM"),
        ({"ca_bundle": "none.pem"}, "ca_bundle: cannot be read (No such file", "PEM"),
    ],
)
def test_an_argument_of_the_class_is_checked(
    canned: CannedVod, options: dict[str, Any], sentence: str, cure: str
) -> None:
    with pytest.raises(ArgumentRefused) as caught:
        canned.client(**options)
    assert str(caught.value).startswith(sentence)
    assert cure in caught.value.hint


def test_no_credentials_at_all_are_an_error_of_the_account(canned: CannedVod) -> None:
    class Nothing:
        def get(self) -> Any:
            raise CredentialsMissing("none", hint="set some")

    with canned.client(credentials=Nothing()) as vod, pytest.raises(AccountRefused) as caught:
        vod.refresh_upload_video("v-1")
    assert (str(caught.value), caught.value.hint) == ("none", "set some")
