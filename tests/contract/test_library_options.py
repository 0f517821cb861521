"""The options of `watcher.Vod` that say how its calls travel."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.canned_vod import CannedVod
from watcher.errors import Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = "http://127.0.0.1:1"  # nothing listens there


@pytest.fixture
def canned() -> Iterator[CannedVod]:
    with CannedVod() as server:
        yield server


def test_calls_go_through_a_proxy_and_no_log_line_has_their_signature(
    canned: CannedVod, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with canned.client(endpoint=ELSEWHERE, proxy=canned.url) as vod:
        assert vod.refresh_upload_video("v-1").video_id == "v-1"
    assert len(canned.calls) == 1
    assert "Signature" not in caplog.text


def test_a_proxy_of_the_environment_is_used_if_asked_for(
    canned: CannedVod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", canned.url)
    with canned.client(endpoint=ELSEWHERE, proxy="env") as vod:
        assert vod.refresh_upload_video("v-1").video_id == "v-1"


def test_a_proxy_of_the_environment_is_not_used_otherwise(
    canned: CannedVod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", ELSEWHERE)
    with canned.client() as vod:
        assert vod.refresh_upload_video("v-1").video_id == "v-1"


def test_a_service_that_does_not_answer_is_given_up_after_the_timeout(canned: CannedVod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            canned.client(endpoint=endpoint, timeout_s=0.1) as vod,
            pytest.raises(Unanswered, match="no answer came") as caught,
        ):
            vod.refresh_upload_video("v-1")
    assert caught.value.hint == "Repeat the call: it changes nothing of the medium."
