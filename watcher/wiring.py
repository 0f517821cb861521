"""Config -> App: the only place that picks adapters."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Self

from watcher import credentials
from watcher.calling import Calling, Group, Policy
from watcher.clock import SystemClock
from watcher.ledger import Ledger, LedgerReader, ProcessLock
from watcher.limits import Isolation, Pace, RateLimit
from watcher.model import BucketSpec, CallOptions, Entry, Media, ObjectInfo, WatchSpec
from watcher.observe import logs
from watcher.observe.redaction import remember
from watcher.oss import BucketSource, connect
from watcher.register import Registering
from watcher.rehearse import Rehearsal
from watcher.rules.file_url import FileUrlForm
from watcher.rules.metadata import Templates
from watcher.rules.selection import Rules
from watcher.scan import Scan, Watched
from watcher.turn import TurnReport, take_turn
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.config import Config, Watch
    from watcher.ports import Progress
    from watcher.scan import Records

MAX_QUERY_BYTES = 8_000  # of encoded RegisterMetadatas, when they travel in the URL
PATIENCE_S = 30.0


class App:
    """Everything that one command needs, built from one configuration."""

    def __init__(self, config: Config, *, watches: Sequence[str]) -> None:
        self.config = config
        self.clock = SystemClock()
        self._watches = {watch.name: watch for watch in config.watches}
        self._chosen = tuple(name for name in self._watches if name in watches)
        self._rules = {watch.name: _rules(watch) for watch in config.watches}
        self._templates = {watch.name: _templates(watch) for watch in config.watches}
        self._forms = {watch.bucket: _form(watch, config) for watch in config.watches}
        self._credentials = credentials.chain(
            profile=config.credentials.profile,
            env=os.environ,
            home=Path.home(),
            proxies=self._proxies(),
            learnt=lambda found: remember(found.access_key_secret, found.security_token),
        )
        self._sources = {name: self._source(self._watches[name]) for name in self._chosen}

    def __enter__(self) -> Self:
        """Let signals stop the work."""
        self.clock.stop_on_signals()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        self.clock.close()

    def turn(self, progress: Progress) -> TurnReport:
        """Take one turn; register only if no other process does.

        Raises:
            WatcherError: nothing, or not all, could be done; what was done is in the ledger.
        """
        path = self.config.ledger_path
        self._credentials.get()  # absent credentials are told before anything is touched
        with ProcessLock(path) as lock, Ledger(path, lock, wait=self.clock.wait) as ledger:
            owner = lock.try_acquire()
            recovered = ledger.queue.recover(now_ms=self.clock.now_ms()) if owner else 0
            if recovered:
                logs.emit(logs.LEDGER_RECOVERED, entries=recovered)
            ledger.intake.adopt(self._bucket_specs(), self._watch_specs(), config_path=str(self.config.path))
            if owner and (recovered or not ledger.intake.is_assigned):
                ledger.intake.reassign(self._owner, now_ms=self.clock.now_ms())
            registering, limit, close = self._registering(ledger, progress) if owner else (None, None, _nothing)
            try:
                report = take_turn(
                    self._scans(ledger.intake, progress),
                    registering,
                    clock=self.clock,
                    pending=ledger.queue.pending,
                    undecided=lambda: ledger.queue.undecided(self._chosen),
                )
            finally:
                close()
            report.registered.register_calls = limit.calls if limit else 0
            report.registering_pid = None if owner else lock.owner_pid()
        return report

    def rehearse(self, progress: Progress, show: Callable[[str, str], None]) -> tuple[TurnReport, Rehearsal]:
        """List and decide for real, write nothing; return what was listed and what would be done."""
        self._credentials.get()
        with LedgerReader(self.config.ledger_path) as reader:
            reader.refuse_other_forms(self._bucket_specs(), config_path=str(self.config.path))
            rehearsal = Rehearsal(
                reader,
                groups=self._groups(),
                owner=self._owner,
                describe=self._describe,
                max_bytes=self._max_bytes(),
                show=show,
            )
            rehearsal.begin()
            report = take_turn(
                self._scans(rehearsal, progress),
                None,
                clock=self.clock,
                pending=lambda: sum(row.pending + row.claimed for row in reader.status()),
                undecided=lambda: 0,
            )
        return report, rehearsal

    def _scans(self, records: Records, progress: Progress) -> list[Scan]:
        names = list(self._watches)
        return [
            Scan(
                self._watched(name),
                earlier=[
                    self._watched(other)
                    for other in names[: names.index(name)]
                    if self._watches[other].bucket == self._watches[name].bucket
                ],
                source=self._sources[name],
                records=records,
                clock=self.clock,
                emit=logs.emit,
                progress=progress.listed,
            )
            for name in self._chosen
        ]

    def _watched(self, name: str) -> Watched:
        watch = self._watches[name]
        return Watched(
            name=name,
            source_url=f"oss://{watch.bucket}/{watch.prefix}",
            rules=self._rules[name],
            start=watch.start,
            report_overwritten=watch.on_overwrite == "report",
        )

    def _registering(self, ledger: Ledger, progress: Progress) -> tuple[Registering, RateLimit, Callable[[], None]]:
        vod = self.config.vod
        client = VodClient(
            region=vod.region,
            endpoint=vod.endpoint,
            credentials=self._credentials,
            timeout_s=vod.timeout_s,
            concurrent_calls=vod.concurrent_calls,
            proxies=self._proxies(),
            no_proxy=self._no_proxy(),
            ca_bundle=self.config.network.ca_bundle,
        )
        logs.tame_sdk_loggers()
        limit = RateLimit(
            VodRegistrar(client, in_body=vod.parameters_in == "body"),
            calls_per_second=vod.calls_per_second,
            clock=self.clock,
            lowered=lambda rate: logs.emit(logs.THROTTLE_LOWERED, calls_per_second=round(rate, 2)),
        )
        policy = self._policy()
        calling = Calling(
            ledger.queue,
            Isolation(limit),
            describe=self._describe,
            head=self._head,
            clock=self.clock,
            jitter=random.random,
            policy=policy,
            emit=logs.emit,
        )
        registering = Registering(
            ledger.queue,
            calling,
            groups=self._groups(),
            describe=self._describe,
            clock=self.clock,
            policy=policy,
            progress=progress.registered,
        )
        return registering, limit, client.close

    def _policy(self) -> Policy:
        retry = self.config.retry
        return Policy(
            max_attempts=retry.max_attempts,
            first_delay_ms=retry.first_delay_ms,
            max_delay_ms=retry.max_delay_ms,
            max_bytes=self._max_bytes(),
            concurrent_calls=self.config.vod.concurrent_calls,
            patience_s=PATIENCE_S,
        )

    def _max_bytes(self) -> int | None:
        return MAX_QUERY_BYTES if self.config.vod.parameters_in == "query" else None

    def _groups(self) -> list[Group]:
        """Return the chosen watches by bucket and call-level options."""
        found: dict[tuple[str, CallOptions], list[str]] = {}
        for name in self._chosen:
            watch = self._watches[name]
            options = CallOptions(
                template_group_id=watch.media.template_group_id,
                workflow_id=watch.media.workflow_id,
                user_data=watch.media.user_data,
            )
            found.setdefault((watch.bucket, options), []).append(name)
        return [Group(bucket=b, watches=tuple(names), options=options) for (b, options), names in found.items()]

    def _describe(self, entry: Entry) -> Media:
        return self._templates[entry.watch].describe(
            entry.key,
            bucket=entry.bucket,
            size_bytes=entry.size_bytes,
            modified_at_ms=entry.modified_at,
            tz=self.config.timezone,
            file_url=self._forms[entry.bucket].url(entry.bucket, entry.key),
        )

    def _owner(self, bucket: str, key: str, size_bytes: int) -> str | None:
        """Return the first watch whose present rules select a pending entry."""
        return next(
            (n for n, w in self._watches.items() if w.bucket == bucket and self._rules[n].owns_entry(key, size_bytes)),
            None,
        )

    def _head(self, bucket: str, key: str) -> ObjectInfo | None:
        return next(source for source in self._sources.values() if source.bucket == bucket).head(key)

    def _source(self, watch: Watch) -> BucketSource:
        client = connect(
            bucket=watch.bucket,
            endpoint=watch.endpoint,
            region=self.config.vod.region,
            credentials=self._credentials,
            proxies=self._proxies(),
            no_proxy=self._no_proxy(),
            ca_bundle=self.config.network.ca_bundle,
        )
        pace = Pace(watch.list_calls_per_second, self.clock)
        return BucketSource(client, prefix=watch.prefix, pace=pace.wait)

    def _proxies(self) -> dict[str, str]:
        """Return {scheme: proxy URL}: what the configuration says, and only that."""
        proxy = self.config.network.proxy
        if proxy != "env":
            return {"http": proxy, "https": proxy} if proxy else {}
        found = {scheme: _variable(f"{scheme}_proxy") for scheme in ("http", "https")}
        return {scheme: url for scheme, url in found.items() if url}

    def _no_proxy(self) -> str:
        return _variable("no_proxy") if self.config.network.proxy == "env" else ""

    def _bucket_specs(self) -> list[BucketSpec]:
        region = self.config.vod.region
        return [
            BucketSpec(name=watch.bucket, region=region, file_url=watch.file_url, encoding=watch.file_url_encoding)
            for watch in {watch.bucket: watch for watch in self.config.watches}.values()
        ]

    def _watch_specs(self) -> list[WatchSpec]:
        return [
            WatchSpec(name=watch.name, bucket=watch.bucket, prefix=watch.prefix, rules=_digest(watch))
            for watch in self.config.watches
        ]


def _nothing() -> None:
    """Close nothing."""


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def _rules(watch: Watch) -> Rules:
    return Rules(
        bucket=watch.bucket,
        prefix=watch.prefix,
        include=tuple(watch.include),
        exclude=tuple(watch.exclude),
        min_size_bytes=watch.min_size_bytes,
        max_size_bytes=watch.max_size_bytes,
        min_age_ms=watch.min_age_ms,
    )


def _digest(watch: Watch) -> str:
    parts = (watch.bucket, watch.prefix, watch.include, watch.exclude, watch.min_size_bytes, watch.max_size_bytes)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _templates(watch: Watch) -> Templates:
    media = watch.media
    return Templates(
        title=media.title,
        pattern=media.pattern,
        description=media.description,
        tags=tuple(media.tags),
        cate_id=media.cate_id,
        cover_url=media.cover_url,
    )


def _form(watch: Watch, config: Config) -> FileUrlForm:
    return FileUrlForm(watch.file_url, watch.file_url_encoding, config.vod.region)
