"""The page on the library, and the README's lines on it, do what they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.canned_vod import CannedVod
from tests.support.checkout import CHECKOUT
from tests.support.pages import README, sections
from watcher import errors
from watcher.uploads import MediaFile, MediaUrl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = CHECKOUT / "docs" / "library.md"
URL = "http://example.com/a.mp4"
FILE_URL = "https://b-1.oss-cn-shanghai.aliyuncs.com/a.mp4"


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedVod]:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id-of-the-environment")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-of-the-environment")
    with CannedVod() as server:
        server.answers["UploadMediaByURL"] = {"RequestId": "R", "UploadJobs": [{"JobId": "j"}]}
        server.answers["GetURLUploadInfos"] = {"RequestId": "R"}
        server.answers["RegisterMedia"] = {"RequestId": "R"}
        yield server


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_the_programs_of_a_page_run(canned: CannedVod, page: Path) -> None:
    blocks = [block for each in sections(page) for block in each.blocks]
    programs = [block.text for block in blocks if block.language == "python"]
    for program in programs:
        exec(program.replace('"cn-shanghai"', f'"cn-shanghai", endpoint="{canned.url}"'), {})  # noqa: S102
    assert len(canned.calls) == len(programs) > 0


def operations() -> list[tuple[str, str]]:
    """Return (operation, line) of the table."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| `(vod\..+)` \|$", PAGE.read_text(), re.MULTILINE)
    return [(name, line) for name, line in rows]


def test_each_line_of_the_table_makes_the_call_beside_it(canned: CannedVod) -> None:
    names: dict[str, Any] = {
        "MediaFile": MediaFile,
        "MediaUrl": MediaUrl,
        "url": URL,
        "file_url": FILE_URL,
        "video_id": "v-1",
    }
    with canned.client() as vod:
        for _, line in operations():
            eval(line, {"vod": vod, **names})  # noqa: S307
    assert [call["Action"] for call in canned.calls] == [name for name, _ in operations()]
    assert len(operations()) == 7


def test_each_error_of_the_table_exists() -> None:
    (section,) = [each for each in sections(PAGE) if each.title == "Checks and errors"]
    named = re.findall(r"^\| (`.*?) \|", section.text, re.MULTILINE)
    words = [word for cell in named for word in re.findall(r"`(\w+)`", cell)]
    known = [word for word in words if word not in {"ValueError", "watcher"}]
    assert known
    assert [word for word in known if not hasattr(errors, word)] == []
