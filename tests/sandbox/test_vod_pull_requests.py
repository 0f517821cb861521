"""The parameters of UploadMediaByURL and GetURLUploadInfos, and what is answered to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.acs3 import acs3_call
from tests.support.vod_pulls import (
    ENOUGH_S,
    PUBLIC,
    add_public_file,
    encoded,
    ended,
    infos,
    metadata,
    submit,
    url_of,
)
from tests.support.vod_uploads import ask, refusal

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


@pytest.fixture
def public(sandbox: Sandbox) -> Sandbox:
    """A sandbox with a file that anyone may read."""
    add_public_file(sandbox)
    return sandbox


@pytest.mark.parametrize(
    "key", ["a,b.mp4", "a b+c.mp4", "视频/第 1 集.mp4", "100%2C.mp4", "a?b#c.mp4"]
)
def test_each_url_is_decoded_once(public: Sandbox, key: str) -> None:
    public.oss.put(PUBLIC, key, b"the one")
    url = url_of(public, key)
    info = ended(public, url)
    assert (info["Status"], info["UploadURL"], info["FileSize"]) == ("SUCCESS", url, "7")


def test_the_words_about_a_url_are_found_by_the_same_string(public: Sandbox) -> None:
    for key in ("b.mp4", "c.mp4"):
        public.oss.put(PUBLIC, key)
    one, other, third = (url_of(public, key) for key in ("a.mp4", "b.mp4", "c.mp4"))
    given = [
        metadata(one, Description="d", Tags="a,b", CateId="7", WorkflowId="w", FileSize="99"),
        {**metadata(other), "SourceURL": other},  # not as it stands in UploadURLs
        metadata(third, CateId=8, TemplateGroupId="own"),
    ]
    jobs = submit(
        public, one, other, third,
        UploadMetadatas=json.dumps(given), TemplateGroupId="outer",
    )  # fmt: skip
    (first, _, _) = infos(public, *jobs)
    assert first["FileSize"] == "99"
    public.clock_offset_s = ENOUGH_S
    media = [public.vod.table.find(info["MediaId"]) for info in infos(public, *jobs)]
    assert [
        each and (each.title, each.description, each.tags, each.cate_id, each.workflow_id)
        for each in media
    ] == [("title", "d", "a,b", 7, "w"), ("b.mp4", "", "", 0, ""), ("title", "", "", 8, "")]
    assert [each and each.template_group_id for each in media] == ["outer", "outer", "own"]


def test_a_raw_url_in_both_places_is_taken_too(public: Sandbox) -> None:
    url = url_of(public)
    given = json.dumps([{"SourceURL": url, "Title": "raw"}])
    (job,) = ask(public, "UploadMediaByURL", UploadURLs=url, UploadMetadatas=given)["UploadJobs"]
    public.clock_offset_s = ENOUGH_S
    (info,) = infos(public, job["JobId"])
    media = public.vod.table.find(info["MediaId"])
    assert (info["UploadURL"], media and media.title) == (url, "raw")


def test_the_extension_that_a_call_names_wins(public: Sandbox) -> None:
    public.oss.put(PUBLIC, "no-extension")
    url = url_of(public, "no-extension")
    sent = {"UploadURLs": encoded(url)}
    assert refusal(public, "UploadMediaByURL", **sent) == (400, "InvalidParameter.UploadURLs")
    for source, extension in ((url, "mov"), (url_of(public), "flv")):
        given = json.dumps([metadata(source, FileExtension=extension)])
        info = ended(public, source, UploadMetadatas=given)
        media = public.vod.table.find(info["MediaId"])
        assert media
        assert media.key.endswith(f".{extension}")


def test_at_most_20_urls_are_submitted_in_a_call(public: Sandbox) -> None:
    urls = [url_of(public)] * 20
    assert len(ask(
        public, "UploadMediaByURL", UploadURLs=",".join(map(encoded, urls))
    )["UploadJobs"]) == 20  # fmt: skip
    wrong = [",".join(map(encoded, [*urls, urls[0]])), "nonsense.mp4", "ftp%3A%2F%2Fa%2Fb.mp4",
             encoded(urls[0]) + ",", "http://[/a.mp4", "http:///a.mp4"]  # fmt: skip
    for each in wrong:
        assert refusal(public, "UploadMediaByURL", UploadURLs=each) == (
            400, "InvalidParameter.UploadURLs",
        )  # fmt: skip
    assert refusal(public, "UploadMediaByURL") == (400, "MissingUploadURLs")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Title": "影" * 43}, "LengthExceededMax"),
        ({"Title": ""}, "MissingTitle"),
        ({"Title": "🎬"}, "IllegalCharacters"),
        ({"SourceURL": ""}, "MissingSourceURL"),
        ({"Description": "x" * 1025}, "LengthExceededMax"),
        ({"Tags": ",".join("x" * 17)}, "TagsExceededMax"),
        ({"CateId": "x"}, "InvalidParameter"),
        ({"Tags": ["a"]}, "InvalidParameter"),
        ({"TemplateGroupId": "unknown"}, "InvalidTemplateGroupId.NotFound"),
    ],
)
def test_the_words_about_a_url_have_limits(
    public: Sandbox, fields: dict[str, Any], code: str
) -> None:
    public.vod.options.template_groups = frozenset()
    url = url_of(public)
    given = json.dumps([{**metadata(url), **fields}])
    found = refusal(public, "UploadMediaByURL", UploadURLs=encoded(url), UploadMetadatas=given)
    assert found[1] == code


@pytest.mark.parametrize("text", ["nonsense", "{}", "[1]"])
def test_the_words_about_urls_are_a_list_in_json(public: Sandbox, text: str) -> None:
    found = refusal(
        public, "UploadMediaByURL", UploadURLs=encoded(url_of(public)), UploadMetadatas=text
    )
    assert found == (400, "InvalidParameter")


def test_a_session_id_is_used_once_in_ten_minutes(public: Sandbox) -> None:
    given = {"UploadURLs": encoded(url_of(public)), "SessionId": "x" * 50}
    ask(public, "UploadMediaByURL", **given)
    public.clock_offset_s = 595
    assert refusal(public, "UploadMediaByURL", **given) == (400, "InvalidParameter")
    public.vod.options.used_session_code = "SessionIdRepeated"
    assert refusal(public, "UploadMediaByURL", **given) == (400, "SessionIdRepeated")
    public.clock_offset_s = 601
    ask(public, "UploadMediaByURL", **given)
    for wrong in ("x" * 51, "a b"):
        found = refusal(public, "UploadMediaByURL", **{**given, "SessionId": wrong})
        assert found == (400, "InvalidParameter")


@pytest.mark.parametrize("as_text", [False, True])
def test_jobs_and_urls_that_are_unknown_are_listed(public: Sandbox, *, as_text: bool) -> None:
    public.vod.options.non_exists_as_text = as_text
    (known,) = submit(public, url_of(public))
    unknown = encoded(url_of(public, "视频,.mp4"))
    for given, absent in (
        ({"JobIds": f"a,{known},b,a"}, ["a", "b"]),
        ({"UploadURLs": f"{unknown},{encoded(url_of(public))}"}, [unknown]),
    ):
        answer = ask(public, "GetURLUploadInfos", **given)
        assert [each["JobId"] for each in answer["URLUploadInfoList"]] == [known]
        assert answer["NonExists"] == (json.dumps(absent) if as_text else absent)


def test_jobs_win_over_urls(public: Sandbox) -> None:
    (known,) = submit(public, url_of(public))
    answer = ask(public, "GetURLUploadInfos", JobIds="a", UploadURLs=encoded(url_of(public)))
    assert (answer["URLUploadInfoList"], answer["NonExists"]) == ([], ["a"])
    assert infos(public, known)


@pytest.mark.parametrize("name", ["JobIds", "UploadURLs"])
def test_at_most_ten_are_asked_for_in_a_call(public: Sandbox, name: str) -> None:
    ask(public, "GetURLUploadInfos", **{name: ",".join("abcdefghij")})
    for wrong in (",".join("abcdefghijk"), "a,", ","):
        assert refusal(public, "GetURLUploadInfos", **{name: wrong}) == (400, "InvalidParameter")
    assert refusal(public, "GetURLUploadInfos") == (400, "MissingJobIds")


def test_an_answer_has_at_most_100_records(public: Sandbox) -> None:
    sent = ",".join([encoded(url_of(public))] * 20)
    for _ in range(6):
        ask(public, "UploadMediaByURL", UploadURLs=sent)
    answer = ask(public, "GetURLUploadInfos", UploadURLs=encoded(url_of(public)))
    assert len(answer["URLUploadInfoList"]) == 100


@pytest.mark.parametrize("decoded_urls", [False, True])
def test_urls_are_answered_decoded_or_as_they_were_sent(
    public: Sandbox, *, decoded_urls: bool
) -> None:
    public.vod.options.decodes_job_urls = decoded_urls
    url = url_of(public)
    (job,) = ask(public, "UploadMediaByURL", UploadURLs=encoded(url))["UploadJobs"]
    (info,) = infos(public, job["JobId"])
    assert job["SourceURL"] == info["UploadURL"] == (url if decoded_urls else encoded(url))


def test_pulls_have_quotas_of_a_second_and_of_a_day(public: Sandbox) -> None:
    given = {"UploadURLs": encoded(url_of(public))}
    public.vod.daily_quotas["UploadMediaByURL"] = 2
    for _ in range(2):
        ask(public, "UploadMediaByURL", **given)
    assert refusal(public, "UploadMediaByURL", **given) == (400, "Throttling.User")
    public.vod.quotas["GetURLUploadInfos"] = 1
    ask(public, "GetURLUploadInfos", **given)
    assert refusal(public, "GetURLUploadInfos", **given) == (400, "Throttling.User")


def test_an_answer_in_xml_has_an_element_for_each_job(public: Sandbox) -> None:
    given = {"UploadURLs": encoded(url_of(public)), "Format": "XML"}
    job = acs3_call(public, "UploadMediaByURL", given).text
    assert "<UploadJobs><JobId>" in job
    xml = acs3_call(public, "GetURLUploadInfos", {**given, "JobIds": "unknown"}).text
    assert "<NonExists>unknown</NonExists>" in xml


@pytest.mark.parametrize("carrier", ["query", "form", "json"])
def test_a_call_by_acs3_is_answered_alike(public: Sandbox, carrier: str) -> None:
    given = {"UploadURLs": encoded(url_of(public))}
    (job,) = acs3_call(public, "UploadMediaByURL", given, carrier=carrier).json()["UploadJobs"]
    (info,) = infos(public, job["JobId"])
    assert info["UploadURL"] == url_of(public)
