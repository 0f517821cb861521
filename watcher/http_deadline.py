"""A deadline for a whole HTTP answer: the given time, or at most half as long again.

The timeouts of `requests` and `urllib3` apply to each read. A service that sends one byte now
and then would never time out.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from urllib3 import PoolManager


def limit_answers(manager: PoolManager, within_s: float, *, elapsed: Callable[[], float]) -> None:
    """Make each new connection of `manager` read a whole answer within `within_s`, or time out.

    `elapsed` is the monotonic clock.
    """

    class Response(http.client.HTTPResponse):
        """One answer, whose time runs from its first byte."""

        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(
                _DeadlineReader(elapsed() + within_s, raw, sock, elapsed=elapsed)
            )

    class Http(HTTPConnectionPool):
        class ConnectionCls(HTTPConnection):
            response_class = Response

    class Https(HTTPSConnectionPool):
        class ConnectionCls(HTTPSConnection):
            response_class = Response

    manager.pool_classes_by_scheme = {"http": Http, "https": Https}


class DeadlineAdapter(HTTPAdapter):
    """An `HTTPAdapter` with a deadline for each answer; see `limit_answers`."""

    def __init__(self, within_s: float, *, pool_size: int, elapsed: Callable[[], float]) -> None:
        self._within_s = within_s
        self._elapsed = elapsed
        super().__init__(pool_connections=pool_size, pool_maxsize=pool_size)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See `HTTPAdapter.init_poolmanager`."""
        super().init_poolmanager(*args, **kwargs)
        limit_answers(self.poolmanager, self._within_s, elapsed=self._elapsed)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """See `HTTPAdapter.proxy_manager_for`."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        limit_answers(manager, self._within_s, elapsed=self._elapsed)
        return manager


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until an instant, then raises TimeoutError."""

    def __init__(
        self, until: float, raw: io.RawIOBase, sock: socket.socket, *, elapsed: Callable[[], float]
    ) -> None:
        self._until = until
        self._raw = raw
        self._raw_readinto = cast("Callable[[Any], int | None]", cast("Any", raw).readinto)
        self._socket = sock
        self._elapsed = elapsed

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int | None:
        left_s, usual_s = self._until - self._elapsed(), self._socket.gettimeout()
        if left_s <= 0:
            raise TimeoutError("the answer does not end")
        # A quick answer needs no new timeout: that saves two system calls a read.
        if usual_s is not None and left_s >= usual_s / 2:
            return self._raw_readinto(into)
        self._socket.settimeout(left_s if usual_s is None else min(left_s, usual_s))
        try:
            return self._raw_readinto(into)
        finally:
            self._socket.settimeout(usual_s)  # the connection serves later requests

    def close(self) -> None:
        self._raw.close()
        super().close()
