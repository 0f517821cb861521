"""OSS as a source. The only importer of oss2."""

from watcher.oss.client import BucketSource, connect
from watcher.oss.inventory import Inventory, InventoryCounts
from watcher.oss.manifest import Manifest, read_manifest
from watcher.oss.object_reader import ObjectReader

__all__ = [
    "BucketSource",
    "Inventory",
    "InventoryCounts",
    "Manifest",
    "ObjectReader",
    "connect",
    "read_manifest",
]
