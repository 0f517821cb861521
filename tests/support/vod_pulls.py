"""Jobs of UploadMediaByURL through the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.support.vod_uploads import ask
from watcher.sandbox.oss.objects import BucketFacts

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

PUBLIC = "public-bucket"
ENOUGH_S = 100  # for every status


def add_public_file(sandbox: Sandbox) -> None:
    """Add a bucket that anyone may read, with one file."""
    sandbox.oss.create_bucket(PUBLIC, facts=BucketFacts(acl="public-read"))
    sandbox.oss.put(PUBLIC, "a.mp4", b"12345")


def url_of(sandbox: Sandbox, key: str = "a.mp4") -> str:
    """Return the URL of a file that anyone may read."""
    return f"{sandbox.url}/{PUBLIC}/{quote(key)}"


def encoded(url: str) -> str:
    """Return a URL as UploadURLs has it."""
    return quote(url, safe="")


def submit(sandbox: Sandbox, *urls: str, **more: Any) -> list[str]:
    """Submit URLs, and return the job IDs in their order."""
    sent = ",".join(encoded(url) for url in urls)
    jobs = ask(sandbox, "UploadMediaByURL", UploadURLs=sent, **more)["UploadJobs"]
    assert len(jobs) == len(urls)
    return [str(job["JobId"]) for url in urls for job in jobs if job["SourceURL"] == url]


def infos(sandbox: Sandbox, *job_ids: str) -> list[Any]:
    """Return what VOD answers about jobs, in their order."""
    answer = ask(sandbox, "GetURLUploadInfos", JobIds=",".join(job_ids))
    by_id = {each["JobId"]: each for each in answer["URLUploadInfoList"]}
    return [by_id[job_id] for job_id in job_ids]


def ended(sandbox: Sandbox, url: str, **more: Any) -> Any:
    """Submit one URL, and return what VOD answers about the job in the end."""
    (job_id,) = submit(sandbox, url, **more)
    sandbox.clock_offset_s += ENOUGH_S
    (info,) = infos(sandbox, job_id)
    return info


def metadata(url: str, **more: Any) -> dict[str, Any]:
    """Return an item of UploadMetadatas."""
    return {"SourceURL": encoded(url), "Title": "title", **more}
