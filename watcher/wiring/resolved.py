"""The configuration as the core needs it: plain values, no adapters."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING

from watcher.discovery.selector import ScanTarget
from watcher.model import BucketSpec, CallOptions, Entry, Media, WatchSpec
from watcher.operations.run_plan import RunPlan
from watcher.registration.breaker import ProbeIntervals
from watcher.registration.call import Group, Policy
from watcher.registration.give_up import SCAN_S
from watcher.rules.file_url import FileUrlForm
from watcher.rules.listing_bill import internal_endpoint
from watcher.rules.metadata import Templates
from watcher.rules.schedule import starts_per_day
from watcher.rules.selection import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.config import Config, Watch
    from watcher.config.models import MediaSettings
    from watcher.operations.backfill import BackfillRequest

PATIENCE_S = 30.0  # for the next retry; a backfill waits for all


class ResolvedConfig:
    """All watches of one configuration, and those that a command works on."""

    def __init__(
        self,
        config: Config,
        chosen: Sequence[str],
        *,
        backfill: BackfillRequest | None = None,
        endless: bool = False,
    ) -> None:
        self.config = config
        self.backfill = backfill  # None: a scan
        self._endless = endless  # a daemon, which never gives up
        self.watches = {watch.name: watch for watch in config.watches}
        self.chosen = tuple(name for name in self.watches if name in chosen)
        self._rules = {watch.name: _rules(watch) for watch in config.watches}
        self._templates = {watch.name: _templates(watch) for watch in config.watches}
        self._forms = {watch.bucket: _form(watch, config) for watch in config.watches}

    @property
    def command(self) -> str:
        """The command that registers."""
        return "run" if self._endless else "scan" if self.backfill is None else "backfill"

    @property
    def policy(self) -> Policy:
        """How often a one-shot retries, how long it waits, how many calls run at once."""
        retry = self.config.retry
        return Policy(
            max_attempts=retry.max_attempts,
            first_delay_ms=retry.first_delay_ms,
            max_delay_ms=retry.max_delay_ms,
            concurrent_calls=self.config.vod.concurrent_calls,
            patience_s=PATIENCE_S if self.backfill is None and not self._endless else math.inf,
            give_up_after_s=self.give_up_after_s,
        )

    @property
    def probe_intervals(self) -> ProbeIntervals:
        """How long to wait between probes of a service that refuses or does not answer."""
        retry = self.config.retry
        return ProbeIntervals(
            first_delay_ms=retry.first_delay_ms,
            max_delay_ms=retry.max_delay_ms,
        )

    @property
    def ends_on_refusal(self) -> bool:
        """Whether a run makes no more calls once VOD refused its account or its bucket."""
        return not self._endless

    @property
    def give_up_after_s(self) -> float:
        """How long to continue without one entry decided; infinity = without end."""
        if self._endless:
            return math.inf
        return SCAN_S if self.backfill is None else self.backfill.give_up_after_s

    def groups(self) -> list[Group]:
        """Return the chosen watches by bucket and call-level options."""
        found: dict[tuple[str, CallOptions], list[str]] = {}
        for name in self.chosen:
            watch = self.watches[name]
            options = CallOptions(
                template_group_id=watch.media.template_group_id,
                workflow_id=watch.media.workflow_id,
                user_data=watch.media.user_data,
            )
            found.setdefault((watch.bucket, options), []).append(name)
        return [
            Group(bucket=b, watches=tuple(names), options=options)
            for (b, options), names in found.items()
        ]

    def describe(self, entry: Entry) -> Media:
        """Return what a call says about an entry."""
        return self._templates[entry.watch].describe(
            entry.key,
            bucket=entry.bucket,
            size_bytes=entry.size_bytes,
            modified_at_ms=entry.modified_at,
            tz=self.config.timezone,
            file_url=self._forms[entry.bucket].url(entry.bucket, entry.key),
        )

    def owner(self, bucket: str, key: str, size_bytes: int) -> str | None:
        """Return the first watch whose present rules select a pending entry."""
        return next(
            (
                n
                for n, w in self.watches.items()
                if w.bucket == bucket and self._rules[n].owns_entry(key, size_bytes)
            ),
            None,
        )

    def target(self, name: str) -> ScanTarget:
        """Return a watch, as far as listing is concerned."""
        watch = self.watches[name]
        return ScanTarget(
            name=name,
            source_url=f"oss://{watch.bucket}/{watch.prefix}",
            rules=self._rules[name],
            start=watch.start if self.backfill is None else "all",
            report_overwritten=watch.on_overwrite == "report",
            kind="scan" if self.backfill is None else "backfill",
            filters=None if self.backfill is None else self.backfill.filters,
            covered=""
            if self.backfill is None or name not in self.chosen
            else self.backfill.covered(name),
            full_every_ms=watch.full_scan_every_ms if self.backfill is None else 0,
            starts_per_day=starts_per_day(watch.schedule),
            cheaper_at=internal_endpoint(watch.endpoint, self.config.vod.region),
        )

    def earlier(self, name: str) -> list[ScanTarget]:
        """Return the watches above `name` in the file that have the same bucket.

        They own all that they select.
        """
        names = list(self.watches)
        bucket = self.watches[name].bucket
        return [
            self.target(n) for n in names[: names.index(name)] if self.watches[n].bucket == bucket
        ]

    def bucket_specs(self) -> list[BucketSpec]:
        """Return the one form in which each bucket's file URLs are sent."""
        region = self.config.vod.region
        return [
            BucketSpec(
                name=watch.bucket,
                region=region,
                file_url=watch.file_url,
                encoding=watch.file_url_encoding,
            )
            for watch in {watch.bucket: watch for watch in self.config.watches}.values()
        ]

    def watch_specs(self) -> list[WatchSpec]:
        """Return what the ledger must know of each watch."""
        return [
            WatchSpec(
                name=watch.name,
                bucket=watch.bucket,
                prefix=watch.prefix,
                rules=_digest(watch),
                from_now=watch.start == "now",
                serving_digest=_registered_as(watch, self.config),
            )
            for watch in self.config.watches
        ]

    def served(self) -> list[WatchSpec]:
        """Return the chosen watches: this process registers for them while it holds the lock."""
        return [spec for spec in self.watch_specs() if spec.name in self.chosen]

    def run_plan(self) -> RunPlan:
        """Return what one `scan` or `backfill` works on."""
        return RunPlan(
            chosen=self.chosen,
            served=self.served(),
            groups=self.groups(),
            lists_all=all(self.target(name).lists_all for name in self.chosen),
            is_backfill=self.backfill is not None,
            give_up_after_s=self.give_up_after_s,
        )


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
    parts = (
        watch.bucket,
        watch.prefix,
        watch.include,
        watch.exclude,
        watch.min_size_bytes,
        watch.max_size_bytes,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _registered_as(watch: Watch, config: Config) -> str:
    """Return a digest of all that registering a file of the watch depends on."""
    media, form = _as_json(watch.media), (watch.file_url, watch.file_url_encoding)
    parts = (_digest(watch), media, *form, config.vod.region)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _as_json(media: MediaSettings) -> str:
    """Return what `media.model_dump_json()` returns, which takes longer than all else of a scan.

    A running owner may be of a version that publishes digests of that text.
    """
    return json.dumps(dict(media), ensure_ascii=False, separators=(",", ":"))


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
