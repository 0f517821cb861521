"""Every client in every way that it can be set up, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

OSS_HOST: Final = "oss-cn-shanghai.aliyuncs.com"
VOD_HOST: Final = "vod.cn-shanghai.aliyuncs.com"
_ON_NODE: Final = {"ali-oss", "pop-core"}  # they resolve names themselves and know no proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client, set up in one way.

    `style` is "path" (by IP address), "virtual" (by the service's own names, for OSS with the
    bucket in them), or "address" (a client that is given an IP address, and names the bucket in
    the Host header alone).
    """

    driver: str
    signature: str
    style: str
    offers: frozenset[str]
    cannot_send: frozenset[str] = frozenset()  # groups of odd keys
    cannot_list: frozenset[str] = frozenset()  # keys that it can send, and lists as others
    host: str = OSS_HOST

    @property
    def name(self) -> str:
        """The name of the client in the names of tests."""
        return f"{self.driver}-{self.signature}-{self.style}"

    def endpoint(self, port: int) -> str:
        """Return the address to hand to the client, for a sandbox on a port."""
        if self.style == "virtual":
            return f"http://{self.host}" + (f":{port}" if self.driver in _ON_NODE else "")
        if self.driver == "ali-oss" and self.style == "path":  # it writes no path to an address
            return f"http://localhost:{port}"
        return f"http://127.0.0.1:{port}"


_SDK: Final = frozenset({"list_keys_v1", "delete_many", "presign", "etag", "error_codes"})
_PAGES: Final = {
    ("oss2", "V4", "path"): {"page"},
    ("oss-v2", "V4", "virtual"): {"page", "plain_v1_page"},
}


def _oss_clients() -> Iterator[Client]:
    for signature in ("V1", "V4"):
        for style in ("path", "virtual"):
            for driver in ("oss2", "oss-v2"):
                pages = _PAGES.get((driver, signature, style), set())
                yield Client(driver=driver, signature=signature, style=style, offers=_SDK | pages)
            yield Client(
                driver="ali-oss", signature=signature, style=style,
                offers=_SDK | {"managed"},
            )  # fmt: skip
        yield Client(
            driver="ali-oss", signature=signature, style="address",
            offers=_SDK - {"presign"} | {"managed"},
        )  # fmt: skip
    for style in ("path", "virtual"):
        yield Client(
            driver="opendal", signature="V1", style=style,
            offers=frozenset({"delete_below", "presign"}),
            cannot_send=frozenset({"edge blank", "folder", "slashes"}),
            cannot_list=frozenset({"control"}),  # it asks for keys that are not encoded
        )  # fmt: skip
        yield Client(
            driver="ossfs", signature="V1", style=style,
            offers=frozenset({"delete_below", "append"}),
            cannot_send=frozenset({"slashes"}), cannot_list=frozenset({"folder"}),
        )  # fmt: skip
    yield Client(
        driver="ossfs-async", signature="V1", style="path",  # it knows neither proxy nor resolver
        offers=frozenset({"delete_below", "append"}),
        cannot_send=frozenset({"slashes"}), cannot_list=frozenset({"folder"}),
    )  # fmt: skip


OSS_CLIENTS: Final = tuple(_oss_clients())
VOD_CLIENTS: Final = tuple(
    Client(driver=driver, signature=signature, style=style, offers=frozenset(), host=VOD_HOST)
    for driver, signature in (("vod20170321", "ACS3"), ("pop-core", "RPC"))
    for style in ("path", "virtual")
)


def oss_clients(*, offering: str = "") -> pytest.MarkDecorator:
    """Return a mark that runs a test with each client of OSS, or with those that offer a call."""
    return _each(each for each in OSS_CLIENTS if not offering or offering in each.offers)


def vod_clients() -> pytest.MarkDecorator:
    """Return a mark that runs a test with each client of VOD."""
    return _each(iter(VOD_CLIENTS))


def _each(clients: Iterator[Client]) -> pytest.MarkDecorator:
    named = [pytest.param(each, id=each.name) for each in clients]
    return pytest.mark.parametrize("client", named, indirect=True)
