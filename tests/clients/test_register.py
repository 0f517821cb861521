"""The vendor's clients of VOD register files and ask for their media."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.clients.keys import odd_keys
from tests.clients.roster import vod_clients
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from tests.clients.conftest import Connected
    from watcher.sandbox import Sandbox

MOST_ITEMS = 10  # of one call


def file_url(key: str) -> str:
    return f"https://{BUCKET}.oss-cn-shanghai.aliyuncs.com/{quote(key)}"


def items_of(keys: list[str]) -> list[dict[str, str]]:
    return [
        {"FileURL": file_url(key), "Title": f"标题 {number}"} for number, key in enumerate(keys)
    ]


def registered(client: Connected, keys: list[str]) -> dict[str, Any]:
    """Register files, ten with each call, and return all media by their IDs."""
    media: dict[str, Any] = {}
    for at in range(0, len(keys), MOST_ITEMS):
        answer = client("register", items=items_of(keys[at : at + MOST_ITEMS]))
        assert not answer.get("FailedFileURLs")
        media |= {each["MediaId"]: each for each in answer["RegisteredMediaList"]}
    return media


@vod_clients()
def test_every_odd_key_is_registered_once(client: Connected, sandbox: Sandbox) -> None:
    keys = [key for key in odd_keys() if key.endswith(".mp4") and len(file_url(key)) <= 1024]
    sandbox.oss.fill(BUCKET, keys)

    first = registered(client, keys)
    again = registered(client, keys)

    assert len(first) == len(keys) > 40
    assert all(media["NewRegister"] for media in first.values())
    assert not any(media["NewRegister"] for media in again.values())
    assert again.keys() == first.keys()
    assert sandbox.vod.media.keys() == {(BUCKET, key) for key in keys}


@vod_clients()
def test_titles_arrive_as_they_were_sent(client: Connected, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    title = "第 1 集 + 100% & \"quotes\" 'more' \\ "

    client("register", items=[{"FileURL": file_url("a.mp4"), "Title": title}])

    assert sandbox.vod.media[BUCKET, "a.mp4"].title == title


@vod_clients()
def test_a_missing_file_is_refused_alone(client: Connected, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "there.mp4")

    answer = client("register", items=items_of(["there.mp4", "missing.mp4"]))

    assert len(answer["RegisteredMediaList"]) == 1
    (failed,) = answer["FailedFileURLs"]
    assert failed.endswith("/missing.mp4")
    assert sandbox.vod.media.keys() == {(BUCKET, "there.mp4")}


@vod_clients()
def test_registered_media_are_found_by_their_ids(client: Connected, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, ["a.mp4", "b.mp4"])
    ids = registered(client, ["a.mp4", "b.mp4"]).keys()

    answer = client("media", media_ids=[*ids, "0" * 32])

    assert {each["MediaId"] for each in answer["MediaInfos"]} == ids
    assert answer["NonExistMediaIds"] == ["0" * 32]
