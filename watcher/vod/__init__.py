"""ApsaraVideo VOD as a registrar.  The only importer of aliyunsdkcore and aliyunsdkvod."""

from watcher.vod.client import VodClient
from watcher.vod.registering import VodRegistrar

__all__ = ["VodClient", "VodRegistrar"]
