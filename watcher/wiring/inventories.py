"""A bucket inventory in place of the listings of a backfill."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from watcher.errors import UsageError
from watcher.observe import logs
from watcher.oss import Inventory, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.config import Watch
    from watcher.oss import Manifest, ObjectReader, Tally
    from watcher.ports import Clock
    from watcher.wiring.cloud import Cloud
    from watcher.wiring.terms import Terms

_PASSES: Final = {"StorageClass": "archived objects", "ObjectType": "symlinks"}


def inventory_of(terms: Terms, cloud: Cloud, clock: Clock) -> dict[str, Inventory]:
    """Return, by chosen watch, the inventory that the backfill is to read; its name and age now belong to the terms.

    Raises:
        UsageError: the chosen watches are over several buckets, or there is no such inventory of theirs.
        CloudError: the manifest could not be read, or does not agree with its checksum.
    """
    backfill, watches = terms.backfill, [terms.watches[name] for name in terms.chosen]
    if backfill is None or backfill.manifest is None:
        return {}
    _refuse_several(watches)
    bucket, key = backfill.manifest

    def reader(watch: Watch) -> ObjectReader:
        return cloud.reader(bucket, endpoint=endpoint_beside(watch.endpoint, terms.config.vod.region))

    manifest = read_manifest(reader(watches[0]), key, source_bucket=watches[0].bucket)
    _tell_lacking(manifest)
    identity = f"{manifest.name} of {manifest.made_at}"
    terms.backfill = replace(backfill, filters=replace(backfill.filters, inventory=identity))
    return {
        watch.name: Inventory(
            reader(watch), manifest, prefix=watch.prefix, clock=clock, read=_telling(watch.name, manifest)
        )
        for watch in watches
    }


def _refuse_several(watches: list[Watch]) -> None:
    buckets = list(dict.fromkeys(watch.bucket for watch in watches))
    if len(buckets) > 1:
        first = " ".join(f"--watch {watch.name}" for watch in watches if watch.bucket == buckets[0])
        raise UsageError(
            f"an inventory is of one bucket, and watched are several: {', '.join(buckets)}",
            hint=f"Name the watches over the inventory's bucket, e.g. {first}.",
        )


def endpoint_beside(watched: str, region: str) -> str:
    """Return where the inventory's bucket is reached: as the watched one is; acceleration is one bucket's own."""
    return f"https://oss-{region}.aliyuncs.com" if "//oss-accelerate" in watched else watched


def _tell_lacking(manifest: Manifest) -> None:
    if manifest.missing:
        passing = " and ".join(_PASSES[column] for column in manifest.missing)
        logs.emit(
            logs.INVENTORY_LACKING,
            inventory=manifest.name,
            columns=list(manifest.missing),
            note=f"{passing} are taken for ordinary objects: let the inventory have these fields, or list the bucket",
        )


def _telling(watch: str, manifest: Manifest) -> Callable[[Tally], None]:
    """Return what tells of a watch that all files were read."""
    made_at = datetime.fromtimestamp(manifest.made_at / 1000, UTC).isoformat().replace("+00:00", "Z")

    def tell(tally: Tally) -> None:
        logs.emit(
            logs.INVENTORY_READ,
            watch=watch,
            inventory=manifest.name,
            made_at=made_at,
            age_s=manifest.age_ms // 1000,
            listed=tally.listed + tally.not_utf8,
            skipped={str(why): n for why, n in sorted(tally.skipped.items())},
            note=f"what was written since {made_at} may be missing: run a scan",
        )

    return tell
