"""Keys that are allowed and odd, by the reason for which some client cannot send or list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ODD_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": (
        "a.mp4", "A.MP4", "a b.mp4", "a+b.mp4", "a%b.mp4", "100%.mp4", "%41.mp4", "a%2Fb.mp4",
        "%252F.mp4", "a%20b.mp4", "a&b=c.mp4", "&amp;.mp4", "<a>.mp4", "a#b.mp4", "a?b=c.mp4",
        "?acl.mp4", "a'b.mp4", 'a"b.mp4', "back\\slash.mp4", "[a]{b}.mp4", "a^`|~.mp4",
        "a:b;c,d.mp4", "a*b!(c)$@.mp4", "a=.mp4", "..hidden.mp4", ".leading.mp4", "...",
        "dir/.a.mp4", "dir/a.mp4", "dir/sub/a b+c.mp4", "视频/第 1 集.mp4", "視頻：《甲》.mp4",
        "𠮷.mp4", "🎬.mp4", "👩\u200d👩\u200d👧/🎞\ufe0f.mp4", "é.mp4", "e\u0301.mp4",
        "\uffee.mp4", "ﷺ.mp4", "عربي.mp4", "a\u00a0b.mp4", "a\u2028b.mp4",
        "x" * 900 + ".mp4", "长" * 339 + ".mp4",
    ),
    "control": ("\x01.mp4", "a\x1fb.mp4", "tab\t.mp4", "a\rb.mp4", "line\nbreak.mp4", "a\x7fb.mp4"),
    "edge blank": (" leading.mp4", "trailing.mp4 ", "\u3000.mp4\u3000"),
    "folder": ("folder/", "视频 夹/"),
    "slashes": ("a//b.mp4", "dir///a.mp4"),
}  # fmt: skip


def odd_keys(*, without: frozenset[str] = frozenset()) -> list[str]:
    """Return all odd keys but those of some groups, in no order that helps a service."""
    keys = [key for group, keys in ODD_KEYS.items() if group not in without for key in keys]
    return keys[1::2] + keys[::2]


def in_order(keys: list[str]) -> list[str]:
    """Return keys as a listing orders them: by their UTF-8 bytes."""
    return sorted(keys, key=str.encode)
