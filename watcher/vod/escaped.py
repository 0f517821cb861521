"""Send the target of a request as it is: the SDK has escaped it.

urllib3 escapes each target once more, byte by byte, and finds nothing to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from watcher.http_deadline import DeadlineAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from urllib3 import PoolManager

_TARGET: Final = "x-escaped-target"
"""A header between the adapter and its connection, which is not sent."""


class EscapedAdapter(DeadlineAdapter):
    """Carries requests as `DeadlineAdapter` does; their URLs are ASCII and escaped already."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See `HTTPAdapter.init_poolmanager`."""
        super().init_poolmanager(*args, **kwargs)
        _send_as_they_are(self.poolmanager)

    def request_url(
        self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None
    ) -> str:
        """Return the target that urllib3 is to look at: "/" unless a proxy has to see it."""
        target = super().request_url(request, proxies)
        if proxies or not target.isascii():
            return target
        request.headers[_TARGET] = target
        return "/"


def _send_as_they_are(manager: PoolManager) -> None:
    """Make connections that `manager` opens from now on send the target that a header names."""
    pools: dict[str, Any] = manager.pool_classes_by_scheme
    for pool in pools.values():
        usual = pool.ConnectionCls

        class Connection(usual):  # type: ignore[misc, valid-type]
            def request(
                self, method: str, url: str, body: Any, headers: Mapping[str, str], **options: Any
            ) -> None:
                sent = {name: value for name, value in headers.items() if name != _TARGET}
                super().request(method, headers.get(_TARGET, url), body, sent, **options)

        pool.ConnectionCls = Connection
