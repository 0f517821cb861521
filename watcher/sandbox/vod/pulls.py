"""UploadMediaByURL and GetURLUploadInfos: VOD pulls files by URL.

A job reaches each status by the services' clock. The work for a status that is due is done when VOD
gets its next call, of whichever operation.
"""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from watcher.sandbox.vod.answers import VodRefused
from watcher.sandbox.vod.media import Kind, Status
from watcher.sandbox.vod.pull_jobs import STEPS, SUCCEEDED, PullFailed, PullJob, PullStatus
from watcher.sandbox.vod.pull_requests import asked_for, pull_items_in, session_id_in
from watcher.sandbox.vod.sources import new_media, take_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from watcher.sandbox.bodies import Body
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.vod.calls import Call
    from watcher.sandbox.vod.media import MediaTable
    from watcher.sandbox.vod.options import VodOptions
    from watcher.sandbox.vod.pull_requests import PullItem
    from watcher.sandbox.vod.storage import Storage

REGIONS: Final = frozenset(
    {"cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1", "us-west-1"}
)
"""Those in which UploadMediaByURL exists."""
MAX_RECORDS: Final = 100  # in one answer
SESSION: Final = timedelta(minutes=10)
"""How long a SessionId may not be used again."""


class Pulls:
    """All jobs of one sandbox."""

    def __init__(
        self,
        store: ObjectStore,
        storage: Storage,
        table: MediaTable,
        options: VodOptions,
        download: Callable[[str], Body],
    ) -> None:
        self._store = store
        self._storage = storage
        self._table = table
        self._options = options
        self._download = download
        self._jobs: dict[str, PullJob] = {}
        self._open: list[PullJob] = []
        self._sessions: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def submit(self, call: Call) -> dict[str, object]:
        """Begin a job for each URL of a call, also for one that was pulled before.

        Raises:
            VodRefused: a parameter is not valid, or the SessionId was used a short time ago.
        """
        items = pull_items_in(call.parameters, self._options)
        session_id = session_id_in(call.parameters)
        jobs = [self._new_job(call, number, item) for number, item in enumerate(items)]
        with self._lock:
            self._check_session(session_id, call.at)
            if not call.deviation.dry_run:
                self._sessions[session_id] = call.at
                self._jobs.update((job.job_id, job) for job in jobs)
                self._open += jobs
        shown = [{"JobId": job.job_id, "SourceURL": self._shown_url(job)} for job in jobs]
        return {"UploadJobs": shown[::-1]}  # no document promises an order

    def get_infos(self, call: Call) -> dict[str, object]:
        """Return the facts of the newest jobs asked for, and the IDs or URLs that no job has.

        Raises:
            VodRefused: a parameter is not valid.
        """
        name, wanted = asked_for(call.parameters)
        with self._lock:
            found = {each: self._find(name, each) for each in wanted}
            jobs = {job.job_id: job for of_one in found.values() for job in of_one}
            newest = sorted(jobs.values(), key=lambda job: job.created_at, reverse=True)
            infos = [job.facts(self._shown_url(job)) for job in newest[:MAX_RECORDS]]
        absent = [each for each, of_one in found.items() if not of_one]
        as_text = self._options.non_exists_as_text
        return {
            "URLUploadInfoList": infos,
            "NonExists": json.dumps(absent, ensure_ascii=False) if as_text else absent,
        }

    def advance(self, now: datetime) -> None:
        """Do the work that was due until an instant."""
        with self._lock:
            for job in self._open:
                while job.ended_at is None and (due_at := self._due_at(job)) <= now:
                    self._take_step(job, due_at)
            self._open = [job for job in self._open if job.ended_at is None]

    def _new_job(self, call: Call, number: int, item: PullItem) -> PullJob:
        media_id, location = call.new_id(2 * number), call.parameters.get("StorageLocation", "")
        key = f"sv/{media_id[:16]}/{media_id}.{item.extension}"
        return PullJob(
            job_id=call.new_id(2 * number + 1),
            media_id=media_id,
            item=item,
            place=self._storage.place_at(location, key),
            location=location,
            size_bytes=item.size_bytes,
            created_at=call.at,
        )

    def _check_session(self, session_id: str, now: datetime) -> None:
        used_at = self._sessions.get(session_id) if session_id else None
        if used_at is not None and now < used_at + SESSION:
            raise VodRefused(
                400,
                self._options.used_session_code,
                "The specified SessionId was used within the last 10 minutes.",
            )

    def _find(self, name: str, wanted: str) -> list[PullJob]:
        """Return the job with an ID, or those with a URL."""
        if name == "JobIds":
            return [self._jobs[wanted]] if wanted in self._jobs else []
        url = unquote(wanted, errors="surrogateescape")
        return [job for job in self._jobs.values() if job.item.url == url]

    def _shown_url(self, job: PullJob) -> str:
        return job.item.url if self._options.decodes_job_urls else job.item.sent_url

    def _due_at(self, job: PullJob) -> datetime:
        """Return when a job reaches its next status."""
        return job.created_at + timedelta(seconds=(job.step + 1) * self._options.pull_step_s)

    def _take_step(self, job: PullJob, at: datetime) -> None:
        job.step += 1
        status = STEPS[job.step]
        downloads = status is PullStatus.DOWNLOAD_SUCCESS
        try:
            if downloads:
                job.body = self._downloaded(job)
                job.size_bytes = len(job.body)
            elif status is PullStatus.UPLOADING:
                self._begin_upload(job, at)
            elif status is PullStatus.UPLOAD_SUCCESS:
                self._upload(job, at)
        except PullFailed as failed:
            failure = PullStatus.DOWNLOAD_FAIL if downloads else PullStatus.UPLOAD_FAIL
            job.end(failure, at, failed.code, failed.message)
            return
        job.status = status
        if status is PullStatus.SUCCESS:
            job.end(status, at, SUCCEEDED)

    def _downloaded(self, job: PullJob) -> Body:
        body = self._download(job.item.url)
        if len(body) > self._options.max_pull_bytes:
            raise PullFailed("FileSizeExceeded", "The size of the file exceeds the upper limit.")
        return body

    def _begin_upload(self, job: PullJob, at: datetime) -> None:
        item = job.item
        job.media = new_media(
            job.media_id, Kind.VIDEO, job.place, item.about, item.treatment, at=at
        )
        self._table.upload(job.media)

    def _upload(self, job: PullJob, at: datetime) -> None:
        """Store the file.

        Raises:
            PullFailed: the storage address is gone.
        """
        assert job.media is not None and job.body is not None  # noqa: S101, PT018 - two steps before
        try:
            self._storage.place_at(job.location, job.place.key)
        except VodRefused as refused:
            job.media.set_status(Status.UPLOAD_FAIL, at)
            raise PullFailed(refused.code, refused.message) from refused
        bucket = self._store.bucket(job.place.bucket)
        stored = self._store.put(bucket, job.place.key.encode(), job.body)
        job.body = None
        take_source(job.media, stored, self._options, at=at)
