"""The file name extensions that VOD takes, by kind of media."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_VIDEO: Final = """
    mp4 ts 3gp mpg mpeg mpe dat vob asf avi wmv flv f4v rm rmvb mov mkv m3u8 dv gif m2t m4v mj2
    mjpeg mts ogg qt swf webm
"""
_AUDIO: Final = "mp3 wma wav aac ra m4a flac ape ac3 amr caf acm"
OF_VIDEOS: Final = frozenset((_VIDEO + _AUDIO).split())
"""Of videos and audio files."""
OF_IMAGES: Final = frozenset({"png", "jpg", "jpeg", "gif", "heic", "webp"})
OF_ATTACHED_MEDIA: Final[Mapping[str, frozenset[str]]] = {
    "watermark": frozenset({"png", "gif", "apng", "mov"}),
    "subtitle": frozenset({"srt", "ass", "stl", "ttml", "vtt"}),
    "material": frozenset({"jpg", "gif", "png", "mp4", "mat", "zip", "apk"}),
}
"""By business type."""
_SEPARATORS: Final = re.compile(r"[/\\]")


def extension_of(name: str) -> str:
    """Return the extension of a file name in lower case; "" if it has none.

    The name may be a path, also one of Windows.
    """
    _, dot, extension = _SEPARATORS.split(name)[-1].rpartition(".")
    return extension.lower() if dot else ""
