"""Sample objects with realistic names, for the demo and the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

REFUSED = "incoming/damaged.mp4"

MEDIA = (
    "incoming/2026-11-25/camera-01.mp4",
    "incoming/2026-11-25/camera-02.MOV",
    "incoming/2026-11-25/camera-03.Mp4",
    "incoming/interview (final).mp4",
    "incoming/50% off + more.mp4",
    "incoming/Q&A #3 [rough cut].mov",
    "incoming/what? really!.webm",
    "incoming/it's {done}.mkv",
    'incoming/director\'s "cut".m4v',
    "视频/第 1 集.MP4",
    "视频/第 2 集.mp4",
    "视频/预告片🎬.mp4",
    "视频/𠮷野家 采访.flv",
    "音频/片头曲.mp3",
    "音频/旁白.WAV",
    "partners/acme/2022/2/9/a.mp4",
    "partners/acme/2022/2/10/a.mp4",
    "partners/zeta/a.mp4",
    "zoë – naïve café.mp4",
    "a=b;c,d@e.mp4",
    REFUSED,
)
OTHERS = (
    "incoming/notes.txt",
    "incoming/thumbs.db",
    "incoming/still.jpg",
    "hls/live/slice-0001.ts",
    "hls/live/slice-0002.ts",
    "hls/live/slice-0003.ts",
)


def put_samples(sandbox: Sandbox, bucket: str) -> int:
    """Put the samples into `bucket`, make VOD refuse one, and return how many there are."""
    for key in (*MEDIA, *OTHERS):
        sandbox.oss.put(bucket, key, body=f"sample of {key}".encode())
    sandbox.oss.put(bucket, "incoming/", body=b"")
    sandbox.oss.put(bucket, "incoming/empty.mp4", body=b"")
    sandbox.oss.put(bucket, "archive/2019.mp4", body=b"sample", storage_class="Archive")
    sandbox.vod.refuse(bucket, REFUSED)
    return len(MEDIA) + len(OTHERS) + 3
