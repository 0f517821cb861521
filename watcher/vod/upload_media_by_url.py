"""UploadMediaByURL: VOD fetches up to 20 files by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aliyunsdkvod.request.v20170321.UploadMediaByURLRequest import UploadMediaByURLRequest

from watcher.uploads.results import UrlUpload, UrlUploads
from watcher.vod.error_codes import UnknownOutcome
from watcher.vod.single_call import text, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.vod.single_call import SingleCalls

_HINT: Final = (
    "VOD may fetch the files already. Within 10 minutes, repeat the call with the same session_id: "
    "VOD refuses it if the first one arrived. Otherwise ask for the jobs by URL."
)


def upload_media_by_url(
    calls: SingleCalls, parameters: Mapping[str, str | int], given: Mapping[str, str]
) -> UrlUploads:
    """Return the answer; `given` is {URL as it was sent: URL of the caller}.

    Raises:
        CloudError: there is none, or it is a refusal.
    """
    try:
        answer = calls.ask(UploadMediaByURLRequest(), parameters)
        jobs = _jobs(answer, given)
    except UnknownOutcome as unknown:
        raise unanswered(unknown, _HINT) from None
    return UrlUploads(jobs=jobs, request_id=text(answer, "RequestId"))


def _jobs(answer: dict[str, Any], given: Mapping[str, str]) -> tuple[UrlUpload, ...]:
    listed = answer.get("UploadJobs")
    items = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    found = [(text(each, "JobId"), text(each, "SourceURL")) for each in items]
    if not found or not all(job_id for job_id, _ in found):
        raise UnknownOutcome("VOD's answer names no jobs", request_id=text(answer, "RequestId"))
    known = {url: url for url in given.values()} | dict(given)
    jobs = [
        UrlUpload(job_id=job_id, source_url=source, url=known.get(source, ""))
        for job_id, source in found
    ]
    order = {url: n for n, url in enumerate(given.values())}
    return tuple(sorted(jobs, key=lambda job: order.get(job.url, len(order))))
