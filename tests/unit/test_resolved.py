"""The digests of a configuration, which processes of two versions compare."""

from __future__ import annotations

import pytest

from watcher.config.models import MediaSettings
from watcher.wiring.resolved import _as_json


@pytest.mark.parametrize(
    "media",
    [
        MediaSettings(),
        MediaSettings(title="片头 \x7f/\u2028", tags=("中", 'a"b'), cate_id=7),
        MediaSettings(cate_id="{dir}", user_data='{"a": "\\u0001 é"}', pattern=r"(?P<x>\d+)\\"),
    ],
)
def test_a_watch_s_media_are_written_as_pydantic_writes_them(media: MediaSettings) -> None:
    """A running daemon of another version publishes a digest of pydantic's text."""
    assert _as_json(media) == media.model_dump_json()
