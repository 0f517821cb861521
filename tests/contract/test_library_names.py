"""`from watcher import Vod`: loaded when it is named, and typed for the caller."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import watcher
from tests.support.checkout import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = {"watcher.wiring.library", "watcher.uploads", "watcher.vod", "watcher.credentials"}
OF_THE_CLOUD = {"aliyunsdkcore", "aliyunsdkvod", "requests", "urllib3", "oss2"}
NOT_FOR_A_LIBRARY = {
    *("watcher.config", "watcher.ledger", "watcher.wiring.app", "watcher.observe"),
    *("pydantic", "click", "sqlite3", "oss2", "alibabacloud_credentials"),
}


def loaded_by(code: str, folder: Path) -> set[str]:
    """Return the modules that a new interpreter has after `code`."""
    printing = f"{code}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", printing]
    return set(subprocess.check_output(command, cwd=folder, text=True).split())


def test_importing_the_package_loads_none_of_the_library(tmp_path: Path) -> None:
    modules = loaded_by("import watcher; watcher.__version__", tmp_path)
    assert modules & (LIBRARY | OF_THE_CLOUD) == set()
    assert {name for name in modules if name.startswith("watcher.")} == set()


def test_naming_the_class_loads_the_library_and_nothing_of_the_program(tmp_path: Path) -> None:
    """It needs no configuration either, nor a home directory."""
    modules = loaded_by("from watcher import Vod; Vod(region='cn-shanghai').close()", tmp_path)
    assert modules >= LIBRARY
    assert modules & NOT_FOR_A_LIBRARY == set()


def test_no_other_name_appears() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Vid'"):
        watcher.Vid  # type: ignore[attr-defined]  # noqa: B018
    assert set(watcher.__all__) == {"Credentials", "Vod", "__version__"}


def checked(code: str, folder: Path) -> str:
    """Return what mypy says of a caller's file, as strict as it can."""
    (folder / "caller.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "caller.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


RIGHT = """
from datetime import datetime
from watcher import Credentials, Vod
from watcher.uploads import MediaFile, MediaUrl, UrlUpload, VideoUpload

with Vod(region="cn-shanghai", credentials=Credentials("id", "secret")) as vod:
    made: VideoUpload = vod.create_upload_video("a.mp4", title="t", tags=["a"], cate_id=1)
    until: datetime | None = made.decoded().expires_at
    jobs: tuple[UrlUpload, ...] = vod.upload_media_by_url([MediaUrl("http://h/a.mp4")]).jobs
    ids: list[str] = [each.media_id for each in vod.register_media([MediaFile("u")]).registered]
"""
WRONG = """
from watcher import Vod

vod = Vod(region=1)
vod.create_upload_video("a.mp4", titel="t")
vod.create_upload_video("a.mp4", cate_id="1")
vod.create_upload_video("a.mp4").image_id
vod.create_upload_video("a.mp4").video_id = "x"
vod.upload("a.mp4")
"""


@pytest.mark.long
def test_a_caller_is_type_checked(tmp_path: Path) -> None:
    assert (CHECKOUT / "watcher" / "py.typed").exists()
    assert "Success: no issues found" in checked(RIGHT, tmp_path)
    said = checked(WRONG, tmp_path)
    assert {int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line} == {
        *range(4, 10)
    }
