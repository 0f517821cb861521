"""A page asked for over HTTP, as a browser or curl does it."""

from __future__ import annotations

import contextlib
import html
import http.client
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tests.support.page_fixture import Served


class Got:
    """One answer."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()

    @property
    def visible_text(self) -> str:
        """Return the text of a page without its tags and with single spaces."""
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", self.text)))


def get(
    it: Served, target: str = "/", *, method: str = "GET", host: str | None = "localhost"
) -> Got:
    address, _, port = it.server.address.rpartition(":")
    with contextlib.closing(
        http.client.HTTPConnection(address.strip("[]"), int(port), timeout=20)
    ) as connection:
        connection.putrequest(method, target, skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        return Got(connection.getresponse())


def story(it: Served, key: str, bucket: str = "b") -> Got:
    return get(it, "/entry?" + urlencode({"bucket": bucket, "key": key}))


def search(it: Served, text: str) -> Got:
    return get(it, "/search?" + urlencode({"q": text}))
