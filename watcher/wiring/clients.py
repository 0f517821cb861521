"""Clients of OSS and VOD, with the credentials and proxies of configuration and machine."""

from __future__ import annotations

import functools
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from watcher import credentials
from watcher.errors import ConfigError
from watcher.observe import log_setup
from watcher.oss import BucketSource, ObjectReader, connect
from watcher.pace import Pace
from watcher.redaction import remember
from watcher.rules import addresses
from watcher.vod import VodClient

if TYPE_CHECKING:
    from watcher.config import Config, Watch
    from watcher.model import ObjectInfo
    from watcher.ports import Clock
    from watcher.wiring.resolved import ResolvedConfig


class Cloud:
    """OSS and VOD, as one configuration reaches them."""

    def __init__(self, resolved: ResolvedConfig, clock: Clock) -> None:
        self._config: Config = resolved.config
        self._clock = clock
        self._readers: list[ObjectReader] = []
        self.credentials = credentials.chain(
            profile=self._config.credentials.profile,
            env=os.environ,
            home=Path.home,
            proxies=self._proxies(),
            on_change=lambda found: remember(
                found.access_key_id, found.access_key_secret, found.security_token
            ),
        )
        self._connect = functools.partial(
            connect,
            region=self._config.vod.region,
            credentials=self.credentials,
            proxies=self._proxies(),
            no_proxy=self._no_proxy(),
            ca_bundle=self._config.network.ca_bundle,
        )
        self.sources = {name: self._source(resolved.watches[name]) for name in resolved.chosen}
        self.paces = {
            name: Pace(resolved.watches[name].list_calls_per_second, clock)
            for name in resolved.chosen
        }

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        """Return an object as it is now, or None; see `ports.Source.head`."""
        return next(source for source in self.sources.values() if source.bucket == bucket).head(key)

    def reader(self, bucket: str, *, endpoint: str) -> ObjectReader:
        """Return what reads objects of any bucket at an endpoint."""
        client = self._connect(bucket=bucket, endpoint=endpoint)
        self._readers.append(ObjectReader(client, clock=self._clock, jitter=random.random))
        return self._readers[-1]

    def vod(self) -> VodClient:
        """Return a client to be closed by the caller."""
        vod = self._config.vod
        client = VodClient(
            region=vod.region,
            endpoint=vod.endpoint,
            credentials=self.credentials,
            timeout_s=vod.timeout_s,
            concurrent_calls=vod.concurrent_calls,
            proxies=self._proxies(),
            no_proxy=self._no_proxy(),
            ca_bundle=self._config.network.ca_bundle,
        )
        log_setup.tame_sdk_loggers()
        return client

    def close(self) -> None:
        """Close the connections to OSS."""
        for source in self.sources.values():
            source.close()
        for reader in self._readers:
            reader.close()

    def _source(self, watch: Watch) -> BucketSource:
        client = self._connect(bucket=watch.bucket, endpoint=watch.endpoint)
        return BucketSource(client, prefix=watch.prefix, connections=watch.list_concurrency)

    def _proxies(self) -> dict[str, str]:
        """Return {scheme: proxy URL}: what the configuration says, and only that."""
        try:
            return addresses.proxies(self._config.network.proxy, os.environ)
        except ValueError as error:
            raise ConfigError(str(self._config.path), (f"network.proxy: {error}",)) from None

    def _no_proxy(self) -> str:
        return addresses.no_proxy(self._config.network.proxy, os.environ)
