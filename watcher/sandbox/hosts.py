"""Host names: the service and the bucket that a request addresses by its `Host` header."""

from __future__ import annotations

import re
from typing import Final, Literal

_PORT: Final = re.compile(r":\d*$")
# Public, internal and accelerate names. The labels before a service's name are the bucket.
_OSS: Final = re.compile(
    r"(?:(?P<bucket>.+)\.)?oss-(?P<region>[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
)
# A bucket of OSS may have the name "vod".
_VOD: Final = re.compile(r"vod(-vpc)?(\.(?!oss-)[a-z0-9-]+)?\.aliyuncs\.com")
_ACCELERATED: Final = frozenset({"accelerate", "accelerate-overseas"})  # of any region
_OWN: Final = re.compile(r"(?P<bucket>.+)\.(?:127\.0\.0\.1|localhost)")

Service = Literal["oss", "vod"]


def service_at(host: str) -> Service | None:
    """Return the service that answers to a `Host`, or None where both do."""
    name = _name(host)
    if _VOD.fullmatch(name):
        return "vod"
    return "oss" if _OSS.fullmatch(name) or _OWN.fullmatch(name) else None


def bucket_at(host: str) -> str:
    """Return the bucket that a `Host` names, or "" if the path has to name it."""
    name = _name(host)
    found = _OSS.fullmatch(name) or _OWN.fullmatch(name)
    return (found["bucket"] or "") if found else ""


def region_at(host: str) -> str:
    """Return the region of OSS that a `Host` names, or "" if it names none."""
    found = _OSS.fullmatch(_name(host))
    return "" if found is None or found["region"] in _ACCELERATED else found["region"]


def takes_paths(host: str) -> bool:
    """Return whether a bucket may be named by the path: at no host name of the real service."""
    return not _OSS.fullmatch(_name(host))


def served_names(region: str) -> tuple[str, ...]:
    """Return the host names of both services in one region; `*` stands for a bucket."""
    oss, internal = _oss_names(region)
    return (oss, f"*.{oss}", internal, f"*.{internal}", _vod_name(region))


def hosts_lines(region: str, buckets: tuple[str, ...]) -> tuple[str, ...]:
    """Return lines for /etc/hosts that lead the names of one region to this machine."""
    oss = [[name, *(f"{bucket}.{name}" for bucket in buckets)] for name in _oss_names(region)]
    return tuple(" ".join(["127.0.0.1", *names]) for names in (*oss, [_vod_name(region)]))


def _oss_names(region: str) -> tuple[str, str]:
    return f"oss-{region}.aliyuncs.com", f"oss-{region}-internal.aliyuncs.com"


def _vod_name(region: str) -> str:
    return f"vod.{region}.aliyuncs.com"


def _name(host: str) -> str:
    return _PORT.sub("", host).lower().removesuffix(".")
