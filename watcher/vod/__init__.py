"""ApsaraVideo VOD as a registrar. The only importer of aliyunsdkcore and aliyunsdkvod."""

from watcher.vod.client import VodClient
from watcher.vod.register_media import VodRegistrar

__all__ = ["VodClient", "VodRegistrar"]
