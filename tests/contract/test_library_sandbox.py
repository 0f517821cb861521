"""`watcher.Vod` against the sandbox: uploads end to end, jobs to their end, many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import oss2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.vod_pulls import ENOUGH_S, PUBLIC, add_public_file, url_of
from tests.support.vod_uploads import video_status
from tests.support.workspace import BUCKET
from watcher import Credentials, Vod
from watcher.errors import AccountRefused, ArgumentRefused, CallRefused, CloudError, Throttled
from watcher.sandbox.vod import extensions, pulls
from watcher.uploads import MediaUrl, checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.sandbox import Sandbox
    from watcher.uploads.results import Upload

HOST = f"https://{BUCKET}.oss-cn-shanghai.aliyuncs.com"
ODD = "片 a,b+%2C&x.mp4"


def put(upload: Upload, body: bytes) -> None:
    """Upload as an OSS client does, by nothing but what was decoded."""
    place = upload.decoded()
    keys = oss2.StsAuth(place.access_key_id, place.access_key_secret, place.security_token)
    bucket = oss2.Bucket(keys, place.endpoint, place.bucket)
    with closing(bucket.session.session):
        bucket.put_object(place.object_key, body)


@pytest.fixture
def vod(sandbox: Sandbox) -> Iterator[Vod]:
    given = Credentials(sandbox.access_key_id, sandbox.access_key_secret)
    with Vod(region="cn-shanghai", credentials=given, endpoint=sandbox.url) as client:
        yield client


def test_the_sandbox_registers_what_its_bucket_has(sandbox: Sandbox, vod: Vod) -> None:
    sandbox.oss.fill(BUCKET, ["a b.mp4", "片.mp4"])
    wanted = [f"{HOST}/a%20b.mp4", f"{HOST}/%E7%89%87.mp4", f"{HOST}/none.mp4"]
    first, again = vod.register_media(wanted), vod.register_media(wanted)
    assert [each.file_url for each in first.registered] == wanted[:2]
    assert [each.media_id for each in first.registered] == [e.media_id for e in again.registered]
    assert {each.new_register for each in first.registered} == {True}
    assert {each.new_register for each in again.registered} == {False}
    assert first.failed_file_urls == (wanted[2],)


def test_threads_share_one_and_each_gets_its_own_answer(sandbox: Sandbox, vod: Vod) -> None:
    sandbox.vod.calls_per_second = 10_000
    keys = [f"{n}.mp4" for n in range(100)]
    sandbox.oss.fill(BUCKET, keys)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda key: vod.register_media([f"{HOST}/{key}"]), keys))
    assert [each.registered[0].file_url for each in found] == [f"{HOST}/{key}" for key in keys]
    assert len({each.registered[0].media_id for each in found}) == len(keys)


def test_two_with_different_accounts_do_not_meet(sandbox: Sandbox, vod: Vod) -> None:
    sandbox.oss.fill(BUCKET, ["a.mp4"])
    other = Credentials("another-id", "another-secret")
    with Vod(region="cn-shanghai", credentials=other, endpoint=sandbox.url) as stranger:
        with pytest.raises(AccountRefused):
            stranger.register_media([f"{HOST}/a.mp4"])
        assert vod.register_media([f"{HOST}/a.mp4"]).registered


def test_a_video_is_uploaded_by_its_credential(sandbox: Sandbox, vod: Vod) -> None:
    made = vod.create_upload_video("/films/a.mp4", template_group_id="VOD_NO_TRANSCODE")
    assert video_status(sandbox, made.video_id) == "Uploading"
    put(made, b"12345")
    assert video_status(sandbox, made.video_id) == "Normal"
    place = made.decoded()
    assert sandbox.oss.body(place.bucket, place.object_key) == b"12345"
    assert place.expires_at is not None
    assert place.lifetime_s == 3000
    assert 2900 < (place.expires_at - datetime.now(UTC)).total_seconds() < 3010  # noqa: TID251


def test_a_refreshed_credential_has_the_same_place_and_other_keys(vod: Vod) -> None:
    made = vod.create_upload_video("a.mp4", reference_id="my-own-id")
    for again in (
        vod.refresh_upload_video(made.video_id),
        vod.refresh_upload_video(reference_id="my-own-id"),
    ):
        assert (again.video_id, again.upload_address) == (made.video_id, made.upload_address)
        assert again.decoded().security_token != made.decoded().security_token
        put(again, b"12345")


def test_an_image_and_assets_are_uploaded(sandbox: Sandbox, vod: Vod) -> None:
    made: list[Upload] = [
        vod.create_upload_image("cover", "jpg", title="t", tags=["a"]),
        vod.create_upload_image(original_file_name="a.webp"),
        vod.create_upload_attached_media("watermark", "gif", title="this is a sample"),
        vod.create_upload_attached_media("subtitle", file_name="a.srt", cate_ids=[1, 2]),
    ]
    for each in made:
        put(each, b"12345")
        place = each.decoded()
        assert sandbox.oss.body(place.bucket, place.object_key) == b"12345"
    endings = [each.decoded().object_key.rpartition(".")[2] for each in made]
    assert endings == ["jpg", "webp", "gif", "srt"]


def presigned(sandbox: Sandbox, key: str) -> str:
    """Return the URL of a private object that may be read for ten minutes."""
    sandbox.oss.put(BUCKET, key, b"private")
    auth = oss2.Auth(sandbox.access_key_id, sandbox.access_key_secret)
    return str(oss2.Bucket(auth, sandbox.url, BUCKET).sign_url("GET", key, 600))


@pytest.mark.parametrize("decodes", [True, False])
@pytest.mark.parametrize("as_text", [True, False])
def test_urls_arrive_as_meant_whatever_form_the_answers_have(
    sandbox: Sandbox, vod: Vod, *, decodes: bool, as_text: bool
) -> None:
    sandbox.vod.options.decodes_job_urls = decodes
    sandbox.vod.options.non_exists_as_text = as_text
    add_public_file(sandbox)
    sandbox.oss.put(PUBLIC, ODD, b"odd")
    odd, plain = url_of(sandbox, ODD), url_of(sandbox)
    signed = presigned(sandbox, ODD)  # its query has escaped characters
    done = vod.upload_media_by_url([odd, MediaUrl(plain, title="T"), signed])
    assert [job.url for job in done.jobs] == [odd, plain, signed]
    ids = [job.job_id for job in done.jobs]
    sandbox.clock_offset_s = ENOUGH_S
    found = vod.get_url_upload_infos(job_ids=[*ids, "another"])
    assert {job.job_id: job.status for job in found.jobs} == dict.fromkeys(ids, "SUCCESS")
    assert {job.job_id: job.file_size_bytes for job in found.jobs}[ids[0]] == 3
    assert all(job.has_ended and job.media_id and job.completed_at for job in found.jobs)
    assert found.not_found == ("another",)
    by_url = vod.get_url_upload_infos(media_urls=[odd, f"{plain}?never=a,b"])
    assert [job.job_id for job in by_url.jobs] == ids[:1]
    assert by_url.not_found == (f"{plain}?never=a,b",)


def test_a_job_that_fails_says_why(sandbox: Sandbox, vod: Vod) -> None:
    (job,) = vod.upload_media_by_url(["http://example.com/a.mp4"], user_data="{}").jobs
    sandbox.clock_offset_s = ENOUGH_S
    (found,) = vod.get_url_upload_infos(job_ids=[job.job_id]).jobs
    assert (found.status, found.has_failed) == ("DOWNLOAD_FAIL", True)
    assert found.error_code != "200"
    assert found.error_message


def test_a_used_session_id_is_refused(vod: Vod) -> None:
    vod.upload_media_by_url(["http://example.com/a.mp4"], session_id="s-1")
    with pytest.raises(CallRefused):
        vod.upload_media_by_url(["http://example.com/a.mp4"], session_id="s-1")


def refused(call: Any) -> str:
    """Return class and code of a refused call."""
    with pytest.raises(CloudError) as caught:
        call()
    return f"{type(caught.value).__name__} {caught.value.code}"


def test_documented_refusals_are_about_the_call(sandbox: Sandbox, vod: Vod) -> None:
    sandbox.vod.options.template_groups = frozenset()
    vod.create_upload_video("a.mp4", reference_id="my-own-id")
    assert [
        refused(lambda: vod.create_upload_video("a.mp4", template_group_id="none")),
        refused(lambda: vod.create_upload_video("a.mp4", storage_location="none")),
        refused(lambda: vod.create_upload_video("a.mp4", reference_id="my-own-id")),
        refused(lambda: vod.refresh_upload_video("none")),
        refused(lambda: vod.create_upload_image(storage_location="none")),
    ] == [
        "CallRefused InvalidTemplateGroupId.NotFound",
        "CallRefused InvalidStorage.NotFound",
        "CallRefused InvalidParameter",
        "CallRefused InvalidVideo.NotFound",
        "CallRefused InvalidStorage.NotFound",
    ]


def test_beyond_its_quota_a_call_is_throttled(sandbox: Sandbox, vod: Vod) -> None:
    sandbox.vod.quotas["CreateUploadImage"] = 0
    with pytest.raises(Throttled):
        vod.create_upload_image()


def test_limits_are_those_of_the_sandbox() -> None:
    """Two tables that were written from the same references."""
    assert checks.MEDIA_EXTENSIONS == extensions.OF_VIDEOS
    assert checks.IMAGE_EXTENSIONS == extensions.OF_IMAGES
    assert checks.ATTACHED_EXTENSIONS == extensions.OF_ATTACHED_MEDIA
    assert set(checks.URL_REGIONS) == pulls.REGIONS


WORDS = st.fixed_dictionaries(
    {
        "title": st.text(max_size=200),
        "description": st.text(max_size=600),
        "tags": st.lists(st.text(max_size=12), max_size=17),
    }
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS, name=st.text(max_size=60))
def test_what_passes_our_checks_passes_those_of_vod(
    sandbox: Sandbox, vod: Vod, words: Any, name: str
) -> None:
    sandbox.vod.calls_per_second = 10_000
    sandbox.vod.quotas.clear()
    with suppress(ArgumentRefused):
        assert vod.create_upload_video(f"{name}.mp4", **words).video_id
        assert vod.upload_media_by_url([MediaUrl("http://h/a.mp4", **words)]).jobs
