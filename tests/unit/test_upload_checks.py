"""What `watcher.Vod` refuses or cuts before any call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from watcher.errors import ArgumentRefused
from watcher.uploads import MediaFile, MediaUrl, checks, parameters, urls

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "https://b-1.oss-cn-shanghai.aliyuncs.com"


def video(file_name: str = "a.mp4", **fields: Any) -> dict[str, str | int]:
    return parameters.video(file_name, fields)  # type: ignore[arg-type]


def test_nothing_empty_is_sent() -> None:
    assert video() == {"FileName": "a.mp4", "Title": "a"}


@pytest.mark.parametrize(
    ("file_name", "title"),
    [
        ("/opt/a b.tar.MP4", "a b.tar"),
        (r"D:\films\片.mov", "片"),
        ("😀.mp4", ".mp4"),
        (".mp4", ".mp4"),
    ],
)
def test_a_title_that_is_not_given_comes_from_the_name(file_name: str, title: str) -> None:
    assert video(file_name)["Title"] == title


def test_titles_and_descriptions_are_cut_by_bytes_to_whole_characters() -> None:
    cut = video(title="集" * 100 + "\n", description="说😀" * 600)
    assert cut["Title"] == "集" * 42
    assert cut["Description"] == "说" * 341


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tags": ["x"] * 17}, "There are 17 tags and VOD takes 16"),
        ({"tags": ["集" * 11]}, "is longer than the 32 bytes VOD takes"),
        ({"tags": ["{集集集集集集集集集集集}"]}, "is longer than the 32 bytes VOD takes"),
        ({"tags": ["a,b"]}, "a tag cannot hold a comma"),
        ({"tags": ["a", " "]}, "a tag is empty"),
        ({"tags": "ab"}, "tags is one text"),
        ({"cate_id": -1}, "-1 is no category"),
        ({"cate_id": True}, "True is no category"),
        ({"cover_url": "x" * 1025}, "longer than the 1024 bytes"),
        ({"file_size_bytes": -1}, "-1 is no size"),
        ({"reference_id": "short"}, "reference_id is not 6 to 64 letters"),
        ({"reference_id": "spaced id"}, "reference_id is not 6 to 64 letters"),
        ({"reference_id": "x" * 65}, "reference_id is not 6 to 64 letters"),
        ({"user_data": "[1]"}, "user_data is JSON, but not an object"),
        ({"user_data": "{"}, "user_data is not JSON"),
        ({"title": "\ud800"}, "title is not valid Unicode"),
        ({"workflow_id": "a\nb"}, "workflow_id has a control character"),
        ({"app_id": 7}, "app_id is no text: int"),
    ],
)
def test_a_field_beyond_a_limit_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentRefused) as caught:
        video(**fields)
    assert sentence in str(caught.value)


def test_a_refusal_is_a_value_error_too_and_exits_as_usage() -> None:
    with pytest.raises(ValueError, match="no category") as caught:
        video(cate_id=-1)
    assert isinstance(caught.value, ArgumentRefused)
    assert caught.value.exit_status == 2


def test_no_refusal_repeats_the_signature_of_a_url() -> None:
    signed = (
        f"{HOST}/a.mp4?OSSAccessKeyId=STS.abcdefgh&Signature=abcdefgh%3D&security-token=abcdefgh"
    )
    for refused in (
        lambda: urls.submission([signed, signed]),
        lambda: parameters.media([signed, signed]),
        lambda: parameters.media([signed + "x" * 1024]),
        lambda: urls.escaped(signed.replace("https", "ftp")),
        lambda: urls.escaped(signed + "\n"),
        lambda: urls.submission(signed),
    ):
        with pytest.raises(ArgumentRefused) as caught:
            refused()
        assert "abcdefgh" not in caught.value.with_hint


def test_a_field_that_does_not_exist_is_refused_and_not_ignored() -> None:
    with pytest.raises(TypeError, match="'titel'"):
        video(titel="x")


@pytest.mark.parametrize("name", ["a", "a.exe", "a.png", "mp4", "a.mp4/b", "", "a\x00.mp4"])
def test_a_video_has_an_extension_that_vod_takes(name: str) -> None:
    with pytest.raises(ArgumentRefused):
        video(name)


@pytest.mark.parametrize("name", ["a.MP3", "a.ts", "x/a.m3u8"])
def test_audio_and_playlists_are_videos(name: str) -> None:
    assert video(name)["FileName"] == name


def test_a_refresh_takes_one_id() -> None:
    for ids in (("", ""), ("v-1", "my-own-id")):
        with pytest.raises(ArgumentRefused, match="one of the two"):
            parameters.refreshed(*ids)


@pytest.mark.parametrize(
    ("image_type", "image_ext", "name", "sent"),
    [
        ("default", "", "", ""),
        ("cover", "JPG", "", "JPG"),
        ("cover", ".png", "a.gif", "png"),
        ("default", "", "a.webp", "webp"),
        ("default", "", "a", None),
        ("default", "bmp", "", None),
        ("", "png", "", None),
        ("other", "png", "", None),
    ],
)
def test_an_image_has_a_type_and_an_extension(
    image_type: str, image_ext: str, name: str, sent: str | None
) -> None:
    fields: Any = {"original_file_name": name}
    if sent is None:
        with pytest.raises(ArgumentRefused):
            parameters.image(image_type, image_ext, fields)
    else:
        assert parameters.image(image_type, image_ext, fields).get("ImageExt", "") == sent


@pytest.mark.parametrize(
    ("business_type", "media_ext", "is_taken"),
    [
        ("watermark", "gif", True),
        ("watermark", "srt", False),
        ("subtitle", "SRT", True),
        ("subtitle", "png", False),
        ("material", "zip", True),
        ("material", "exe", False),
        ("poster", "png", False),
        ("watermark", "", False),
    ],
)
def test_an_asset_has_an_extension_of_its_type(
    business_type: str, media_ext: str, *, is_taken: bool
) -> None:
    if is_taken:
        assert parameters.attached(business_type, media_ext, {})["MediaExt"] == media_ext
    else:
        with pytest.raises(ArgumentRefused):
            parameters.attached(business_type, media_ext, {})


def test_an_asset_has_at_most_five_categories() -> None:
    with pytest.raises(ArgumentRefused, match="6 elements, and VOD takes 5"):
        parameters.attached("watermark", "gif", {"cate_ids": range(1, 7)})


@pytest.mark.parametrize(
    "media",
    [
        [],
        [f"http://h/{n}.mp4" for n in range(21)],
        ["http://h/a.mp4"] * 2,
        ["h/a.mp4"],
        ["ftp://h/a.mp4"],
        ["http:///a.mp4"],
        ["http://[/a.mp4"],
        ["http://h/a"],
        ["http://h/?name=a.mp4"],
        ["http://h/\ud800.mp4"],
        "http://h/a.mp4",
        [MediaUrl("http://h/a.mp4", file_extension="exe")],
        [MediaUrl("http://h/a.mp4", file_size_bytes=20 * 1024**3 + 1)],
        [MediaUrl("http://h/a.mp4", tags=["a,b"])],
    ],
)
def test_urls_that_vod_would_not_fetch_are_refused(media: Sequence[str | MediaUrl]) -> None:
    with pytest.raises(ArgumentRefused):
        urls.submission(media)


@pytest.mark.parametrize(
    "url",
    [
        "http://h/a.mp4",
        "https://h/a%2Cb,c d.mp4?x=1&y=2#z",
        "https://h/片 😀+.mp4",
    ],
)
def test_a_url_comes_back_from_its_escaped_form(url: str) -> None:
    sent, given = urls.submission([url])
    (item,) = json.loads(str(sent["UploadMetadatas"]))
    assert item["SourceURL"] == sent["UploadURLs"]
    assert given == {sent["UploadURLs"]: url}
    assert "," not in str(sent["UploadURLs"])


def test_a_file_extension_serves_a_url_without_one() -> None:
    sent, _ = urls.submission([MediaUrl("http://h/watch", file_extension=".MP4")])
    (item,) = json.loads(str(sent["UploadMetadatas"]))
    assert (item["FileExtension"], item["Title"]) == ("MP4", "watch")


@pytest.mark.parametrize(
    ("job_ids", "media_urls"),
    [
        ([], []),
        (["j"], ["http://h/a.mp4"]),
        ([str(n) for n in range(11)], []),
        ([], [f"http://h/{n}.mp4" for n in range(11)]),
        (["j,k"], []),
        ([""], []),
        ("j", []),
        ([], "http://h/a.mp4"),
    ],
)
def test_jobs_are_asked_for_by_ten_ids_or_ten_urls(
    job_ids: Sequence[str], media_urls: Sequence[str]
) -> None:
    with pytest.raises(ArgumentRefused):
        urls.asked(job_ids, media_urls)


@pytest.mark.parametrize("region", ["cn-hongkong", "eu-central-1", "ap-southeast-5"])
def test_urls_are_fetched_in_five_regions(region: str) -> None:
    checks.url_region("cn-shanghai")
    with pytest.raises(ArgumentRefused, match="fetches no URLs"):
        checks.url_region(region)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [f"{HOST}/{n}.mp4" for n in range(11)],
        [f"{HOST}/a.mp4"] * 2,
        [f"{HOST}/a b.mp4", f"{HOST}/a%20b.mp4"],
        ["oss://b-1/a.mp4"],
        [f"{HOST}/{'x' * 1024}.mp4"],
        f"{HOST}/a.mp4",
        [MediaFile(f"{HOST}/a.mp4", tags="ab")],
    ],
)
def test_files_that_cannot_be_registered_by_one_call_are_refused(
    files: Sequence[str | MediaFile],
) -> None:
    with pytest.raises(ArgumentRefused):
        parameters.media(files)


def test_the_title_of_a_registered_file_is_its_stem_unescaped() -> None:
    (medium,) = parameters.media([f"{HOST}/x/%E7%89%87%201.mp4"])
    assert medium.title == "片 1"


def test_options_of_a_call_are_checked() -> None:
    given: parameters.CallFields = {"template_group_id": "t", "user_data": "{}", "app_id": ""}
    assert parameters.whole_call(given) == {"TemplateGroupId": "t", "UserData": "{}"}
    with pytest.raises(ArgumentRefused):
        parameters.whole_call({"user_data": "x"})


def test_a_session_id_has_up_to_50_characters() -> None:
    assert checks.identifier("session_id", "x" * 50, checks.SESSION_ID) == "x" * 50
    with pytest.raises(ArgumentRefused, match="is not 1 to 50 letters"):
        checks.identifier("session_id", "x" * 51, checks.SESSION_ID)
