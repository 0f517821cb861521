"""The regions of VOD, and the endpoint of each."""

from __future__ import annotations

import re
from typing import Final

from watcher.rules import addresses

REGIONS: Final = (
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-southeast-5",
    "ap-northeast-1",
    "eu-central-1",
    "us-west-1",
)
"""Where ApsaraVideo VOD has a documented endpoint of its own."""

_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z0-9]{1,20}){1,4}")


def region(text: str, *, endpoint_given: bool) -> str:
    """Return a region of VOD, or any well-formed one if the endpoint does not depend on it.

    Raises:
        ValueError: a sentence with the cure.
    """
    if text.startswith("oss-") and _REGION.fullmatch(text.removeprefix("oss-")):
        raise ValueError(f'an OSS location, not a region. Write "{text.removeprefix("oss-")}".')
    if not _REGION.fullmatch(text):
        raise ValueError('not a region. Write e.g. "cn-shanghai".')
    if text not in REGIONS and not endpoint_given:
        raise ValueError(
            f"VOD has no documented endpoint there. Write one of {', '.join(REGIONS)}, "
            "or name the endpoint in vod.endpoint as well."
        )
    return text


def vod_endpoint(text: str, *, region: str) -> str:
    """Return where to call VOD, as scheme://host[:port].

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text:
        return f"https://vod.{region}.aliyuncs.com"
    checked = addresses.endpoint(text)
    host = checked.partition("://")[2]
    check_same(host.replace("vod-vpc.", "vod.", 1), "vod.", region)
    return checked


def check_same(host: str, before: str, region: str) -> None:
    """Refuse a host of the vendor that lies in another region; `before` stands before the region.

    Raises:
        ValueError: a sentence with the cure.
    """
    named = host.removeprefix(before).removesuffix(".aliyuncs.com").removesuffix("-internal")
    if (
        named in REGIONS
        and host.startswith(before)
        and host.endswith(".aliyuncs.com")
        and named != region
    ):
        raise ValueError(
            f"lies in {named}, and vod.region is {region}. VOD takes buckets of its own region "
            "only: correct one."
        )
