"""The documented limits of the parameters of uploads, and the errors beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.acs3 import acs3_call
from tests.support.vod_uploads import ATTACHED, CREATE, VIDEO, ask, key_in, refusal
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.vod.extensions import OF_ATTACHED_MEDIA, OF_IMAGES, OF_VIDEOS

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

ALL = pytest.mark.parametrize("action", CREATE)
VIDEO_ACTION, IMAGE_ACTION, ATTACHED_ACTION = CREATE


def wrong(sandbox: Sandbox, action: str, **given: object) -> tuple[int, str]:
    """Return the refusal of a call whose other parameters are right."""
    return refusal(sandbox, action, **{**CREATE[action], **given})


@pytest.mark.parametrize(
    ("action", "name"),
    [(VIDEO_ACTION, "FileName"), (VIDEO_ACTION, "Title"), (IMAGE_ACTION, "ImageType"),
     (ATTACHED_ACTION, "BusinessType")],
)  # fmt: skip
def test_a_mandatory_parameter_must_be_there(sandbox: Sandbox, action: str, name: str) -> None:
    rest = {each: value for each, value in CREATE[action].items() if each != name}
    assert refusal(sandbox, action, **rest) == (400, f"Missing{name}")


@ALL
@pytest.mark.parametrize(
    ("right", "beyond", "code"),
    [
        ({"Title": "影" * 42 + "xy"}, {"Title": "影" * 43}, "LengthExceededMax"),
        ({"Description": "x" * 1024}, {"Description": "x" * 1025}, "LengthExceededMax"),
        ({"Tags": "x" * 32}, {"Tags": "影" * 11}, "LengthExceededMax"),
        ({"Tags": ",".join("x" * 16)}, {"Tags": ",".join("x" * 17)}, "TagsExceededMax"),
        ({"Title": "标题 (1)"}, {"Title": "🎬"}, "IllegalCharacters"),
        ({"Description": "a b"}, {"Description": "a\tb"}, "IllegalCharacters"),
        ({"Tags": "a,b"}, {"Tags": "a,👍"}, "IllegalCharacters"),
        ({"UserData": '{"Extend": "x"}'}, {"UserData": "nonsense"}, "InvalidParameter"),
        ({"UserData": "{}"}, {"UserData": "[]"}, "InvalidParameter"),
        ({"UserData": '{"Extend": "%s"}' % ("x" * 510)},
         {"UserData": '{"Extend": "%s"}' % ("x" * 511)}, "LengthExceededMax"),
    ],
)  # fmt: skip
def test_texts_have_limits(
    sandbox: Sandbox, action: str, right: dict[str, str], beyond: dict[str, str], code: str
) -> None:
    ask(sandbox, action, **{**CREATE[action], **right})
    assert wrong(sandbox, action, **beyond) == (400, code)


@pytest.mark.parametrize(
    ("action", "given"),
    [
        (VIDEO_ACTION, {"Title": "影" * 128}),
        (VIDEO_ACTION, {"Description": "影" * 1024}),
        (IMAGE_ACTION, {"Title": "影" * 128}),
        (IMAGE_ACTION, {"Tags": "影" * 32}),
        (ATTACHED_ACTION, {"Tags": "影" * 32}),
    ],
)
def test_characters_may_be_counted_where_the_documents_say_so(
    sandbox: Sandbox, action: str, given: dict[str, str]
) -> None:
    assert wrong(sandbox, action, **given)[1] == "LengthExceededMax"
    sandbox.vod.options.unit = "characters"
    ask(sandbox, action, **{**CREATE[action], **given})
    (name, text) = next(iter(given.items()))
    assert wrong(sandbox, action, **{name: f"{text}影"})[1] == "LengthExceededMax"


def test_the_title_of_an_attached_media_is_counted_in_bytes(sandbox: Sandbox) -> None:
    sandbox.vod.options.unit = "characters"
    assert wrong(sandbox, ATTACHED_ACTION, Title="影" * 43)[1] == "LengthExceededMax"


@pytest.mark.parametrize(
    ("action", "given"),
    [
        (VIDEO_ACTION, {"FileSize": "-1"}),
        (VIDEO_ACTION, {"FileSize": "1.5"}),
        (VIDEO_ACTION, {"CateId": "x"}),
        (VIDEO_ACTION, {"ReferenceId": "short"}),
        (VIDEO_ACTION, {"ReferenceId": "x" * 65}),
        (VIDEO_ACTION, {"ReferenceId": "my own 1"}),
        (IMAGE_ACTION, {"ImageType": "poster"}),
        (IMAGE_ACTION, {"ImageExt": "bmp"}),
        (IMAGE_ACTION, {"OriginalFileName": "a.bmp"}),
        (IMAGE_ACTION, {"CateId": "1,2"}),
        (ATTACHED_ACTION, {"BusinessType": "poster"}),
        (ATTACHED_ACTION, {"FileSize": "x"}),
        (ATTACHED_ACTION, {"CateIds": "1,2,3,4,5,6"}),
        (ATTACHED_ACTION, {"CateIds": "1,x"}),
    ],
)
def test_a_value_that_means_nothing_is_refused(
    sandbox: Sandbox, action: str, given: dict[str, Any]
) -> None:
    assert wrong(sandbox, action, **given) == (400, "InvalidParameter")


def test_values_at_their_limits_are_taken(sandbox: Sandbox) -> None:
    for reference_id in ("x" * 6, "A-z_0" * 12 + "9876"):
        ask(sandbox, VIDEO_ACTION, **VIDEO, ReferenceId=reference_id)
    ask(sandbox, ATTACHED_ACTION, **ATTACHED, CateIds="1,2,3,4,5", FileSize="0")


@pytest.mark.parametrize("name", ["a", "a.", "a.txt", "dir.mp4/a", "dir.mp4\\a", "a.png"])
def test_a_video_needs_the_extension_of_one(sandbox: Sandbox, name: str) -> None:
    found = wrong(sandbox, VIDEO_ACTION, FileName=name)
    assert found == (400, "InvalidFileName.Extension")


def test_every_documented_extension_is_taken(sandbox: Sandbox) -> None:
    sandbox.vod.quotas.clear()
    sandbox.vod.calls_per_second = 1000
    for extension in OF_VIDEOS:
        answer = ask(sandbox, VIDEO_ACTION, Title="t", FileName=f"a.{extension.upper()}")
        assert key_in(answer).endswith(f".{extension}")
    for extension in OF_IMAGES:
        ask(sandbox, IMAGE_ACTION, ImageType="cover", ImageExt=extension)
    for kind, extensions in OF_ATTACHED_MEDIA.items():
        for extension in extensions:
            ask(sandbox, ATTACHED_ACTION, BusinessType=kind, MediaExt=extension)


@pytest.mark.parametrize(
    "given",
    [
        {"BusinessType": "watermark", "MediaExt": "srt"},
        {"BusinessType": "subtitle", "MediaExt": "png"},
        {"BusinessType": "material", "MediaExt": "mkv"},
        {"BusinessType": "material", "FileName": "a"},
        {"BusinessType": "subtitle", "MediaExt": "png", "FileName": "a.srt"},
    ],
)
def test_an_attached_media_needs_an_extension_of_its_kind(
    sandbox: Sandbox, given: dict[str, str]
) -> None:
    assert refusal(sandbox, ATTACHED_ACTION, **given) == (400, "InvalidParameter")


def test_a_template_group_may_have_to_exist(sandbox: Sandbox) -> None:
    sandbox.vod.options.template_groups = frozenset({"known"})
    for group in ("known", "VOD_NO_TRANSCODE"):
        ask(sandbox, VIDEO_ACTION, **VIDEO, TemplateGroupId=group)
    found = wrong(sandbox, VIDEO_ACTION, TemplateGroupId="unknown")
    assert found == (404, "InvalidTemplateGroupId.NotFound")


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        (VIDEO_ACTION, 403, "Forbidden.InitFailed"),
        (VIDEO_ACTION, 503, "AddVideoFailed"),
        ("RefreshUploadVideo", 400, "InvalidVideo.Damaged"),
    ],
)
def test_an_error_without_a_documented_cause_is_a_fault(
    sandbox: Sandbox, action: str, status: int, code: str
) -> None:
    sandbox.hook = Faults(Fault(kind="server_error", operation=action, status=status, code=code))
    given = CREATE.get(action, {"VideoId": "x"})
    assert refusal(sandbox, action, **given) == (status, code)


@pytest.mark.parametrize(("effect", "media"), [("before", 1), ("after", 1), ("none", 0)])
@ALL
def test_an_answer_that_is_lost_leaves_one_media_or_none(
    sandbox: Sandbox, action: str, effect: Any, media: int
) -> None:
    sandbox.hook = Faults(Fault(kind="truncated", operation=action, effect=effect))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        ask(sandbox, action, **CREATE[action])
    deadline = sandbox.clock.monotonic() + 5
    while len(sandbox.vod.table.uploads) != media and sandbox.clock.monotonic() < deadline:
        sandbox.clock.wait(0.01)
    assert len(sandbox.vod.table.uploads) == media


def test_an_answer_before_its_effect_has_the_id_that_follows(sandbox: Sandbox) -> None:
    sandbox.hook = Faults(Fault(kind="truncated", operation=VIDEO_ACTION, effect="after"))
    half = acs3_call(sandbox, VIDEO_ACTION, VIDEO).text
    deadline = sandbox.clock.monotonic() + 5
    while not sandbox.vod.table.uploads and sandbox.clock.monotonic() < deadline:
        sandbox.clock.wait(0.01)
    (media,) = sandbox.vod.table.uploads.values()
    assert f'"VideoId": "{media.media_id}"' in half


@ALL
def test_each_operation_has_a_quota_of_its_own(sandbox: Sandbox, action: str) -> None:
    sandbox.vod.quotas.update(dict.fromkeys(CREATE, 1))
    ask(sandbox, action, **CREATE[action])
    assert wrong(sandbox, action) == (400, "Throttling.User")
    for other in set(CREATE) - {action}:
        ask(sandbox, other, **CREATE[other])
