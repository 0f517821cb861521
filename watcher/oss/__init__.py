"""OSS as a source.  The only importer of oss2."""

from watcher.oss.client import BucketSource, connect
from watcher.oss.inventory import Inventory, Tally
from watcher.oss.manifest import Manifest, read_manifest
from watcher.oss.reading import ObjectReader

__all__ = ["BucketSource", "Inventory", "Manifest", "ObjectReader", "Tally", "connect", "read_manifest"]
