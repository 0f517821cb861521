"""A bucket inventory in place of a backfill's listings."""

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
    from watcher.oss import InventoryCounts, Manifest, ObjectReader
    from watcher.ports import Clock
    from watcher.wiring.clients import Cloud
    from watcher.wiring.resolved import ResolvedConfig

_PASSES: Final = {"StorageClass": "archived objects", "ObjectType": "symlinks"}


def inventory_of(resolved: ResolvedConfig, cloud: Cloud, clock: Clock) -> dict[str, Inventory]:
    """Return by chosen watch the inventory that the backfill reads.

    The name and age of the inventory are added to the filters of `resolved.backfill`.

    Raises:
        UsageError: the chosen watches have several buckets, or the inventory is of another bucket.
        CloudError: the manifest could not be read, or does not match its checksum.
    """
    backfill, watches = resolved.backfill, [resolved.watches[name] for name in resolved.chosen]
    if backfill is None or backfill.manifest is None:
        return {}
    _refuse_several(watches)
    bucket, key = backfill.manifest

    def reader(watch: Watch) -> ObjectReader:
        return cloud.reader(
            bucket, endpoint=endpoint_beside(watch.endpoint, resolved.config.vod.region)
        )

    manifest = read_manifest(reader(watches[0]), key, source_bucket=watches[0].bucket)
    _log_missing_columns(manifest)
    identity = f"{manifest.name} of {manifest.made_at}"
    resolved.backfill = replace(backfill, filters=replace(backfill.filters, inventory=identity))
    return {
        watch.name: Inventory(
            reader(watch),
            manifest,
            prefix=watch.prefix,
            clock=clock,
            on_complete=_log_when_read(watch.name, manifest),
        )
        for watch in watches
    }


def _refuse_several(watches: list[Watch]) -> None:
    buckets = list(dict.fromkeys(watch.bucket for watch in watches))
    if len(buckets) > 1:
        first = " ".join(f"--watch {watch.name}" for watch in watches if watch.bucket == buckets[0])
        raise UsageError(
            f"an inventory covers one bucket, but the watches have several: {', '.join(buckets)}",
            hint=f"Name the watches over the inventory's bucket, e.g. {first}.",
        )


def endpoint_beside(endpoint: str, region: str) -> str:
    """Return the endpoint of the inventory's bucket.

    It is that of the watched bucket, unless that is for acceleration, which is set by bucket.
    """
    return f"https://oss-{region}.aliyuncs.com" if "//oss-accelerate" in endpoint else endpoint


def _log_missing_columns(manifest: Manifest) -> None:
    if manifest.missing:
        passing = " and ".join(_PASSES[column] for column in manifest.missing)
        logs.emit(
            logs.INVENTORY_LACKING,
            inventory=manifest.name,
            columns=list(manifest.missing),
            note=(
                f"{passing} are treated as ordinary objects: add these fields to the inventory, "
                "or list the bucket"
            ),
        )


def _log_when_read(watch: str, manifest: Manifest) -> Callable[[InventoryCounts], None]:
    """Return a callback that logs for a watch that all files were read."""
    made_at = (
        datetime.fromtimestamp(manifest.made_at / 1000, UTC).isoformat().replace("+00:00", "Z")
    )

    def log(tally: InventoryCounts) -> None:
        logs.emit(
            logs.INVENTORY_READ,
            watch=watch,
            inventory=manifest.name,
            made_at=made_at,
            age_s=manifest.age_ms // 1000,
            listed=tally.listed + tally.not_utf8,
            skipped={str(why): n for why, n in sorted(tally.skipped.items())},
            note=f"objects written after {made_at} may be missing: run a scan",
        )

    return log
