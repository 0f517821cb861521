"""Why a service cannot be reached: a proxy that needs a login, or an endpoint of a VPC."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

WANTS_LOGIN: Final = 407
LOGIN: Final = (
    "the proxy wants a login (407)",
    (
        "Write http://USER:PASSWORD@HOST:PORT into [network] proxy, "
        'or into HTTPS_PROXY if it is "env".'
    ),
)
_TUNNEL: Final = re.compile(r"[Tt]unnel connection failed: (\d{3})")
_INSIDE: Final = re.compile(r"(?:[a-z0-9-]+\.)?(oss-[a-z0-9-]+?)-internal(\.aliyuncs\.com)")
_INSIDE_VOD: Final = re.compile(r"vod-vpc(\.[a-z0-9-]+\.aliyuncs\.com)")


def proxy_refusal(error: BaseException) -> tuple[str, str] | None:
    """Return why a proxy did not connect, and the cure; None if no proxy refused."""
    found = None
    seen: list[BaseException] = [error]
    for each in seen:  # grows by the causes of each
        found = found or _TUNNEL.search(str(each))
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen]
    if found is None:
        return None
    status = int(found[1])
    if status == WANTS_LOGIN:
        return LOGIN
    return (
        f"the proxy does not connect (HTTP {status})",
        "Have the proxy let the host pass, or correct [network] proxy.",
    )


def inside_region(url: str) -> tuple[str, str] | None:
    """Return a sentence on an endpoint that only answers inside its region, and the public one.

    None for other endpoints.
    """
    host = (urlsplit(url if "://" in url else f"//{url}").hostname or "").lower()
    if found := _INSIDE.fullmatch(host):
        own, public = f"{found[1]}-internal{found[2]}", f"{found[1]}{found[2]}"
    elif found := _INSIDE_VOD.fullmatch(host):
        own, public = host, f"vod{found[1]}"
    else:
        return None
    return f"{own} answers only inside the region's VPC.", f"https://{public}"
