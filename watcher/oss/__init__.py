"""OSS as a source.  The only importer of oss2."""

from watcher.oss.client import BucketSource, connect

__all__ = ["BucketSource", "connect"]
