"""The reasons for a 403 of OSS, by the words of its body, and the cure for each.

Source: OSS error table ("403 errors and troubleshooting").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watcher.oss.refusals import Refusal

SEE_RAM: Final = (
    "Grant oss:ListObjects on acs:oss:*:*:BUCKET to the RAM user or role (and oss:GetObject on "
    "BUCKET/*)."
)
ARREARS: Final = ("arrear", "overdue", "account is suspended")
_OF_REGION: Final = re.compile(r"(?:oss-)?([a-z]{2}(?:-[a-z0-9]+)+?)(?:-internal)?\.aliyuncs\.com")


def wrong_region_cure(refusal: Refusal) -> str:
    """Return the cure for a bucket in another region, with all that the body says of it."""
    endpoint = refusal.endpoint
    found = _OF_REGION.fullmatch(endpoint.removeprefix("oss-"))
    if not endpoint:
        other = f" than {refusal.signed_for}" if refusal.signed_for else ""
        return (
            f"The bucket lies in another region{other}: set [vod] region, and `endpoint` of the "
            "watch if it has one, to the bucket's own. The OSS console shows it. VOD takes files "
            "of its own region only."
        )
    if not found:
        return (
            f"The bucket is served at {endpoint}: set `endpoint` of the watch to "
            f"https://{endpoint}."
        )
    return (
        f'The bucket lies in {found[1]}: set [vod] region to "{found[1]}", and `endpoint` of the '
        f"watch, if it has one, to https://{endpoint}. VOD takes files of its own region only."
    )


def denial_cure(refusal: Refusal) -> str:
    """Return the cure for the reason in the body of a 403; "" if the reason is unknown."""
    text = f"{refusal.code} {refusal.message} {refusal.denied}".lower()
    action = refusal.action or "oss:ListObjects"
    if refusal.denied == "ImplicitDeny" and "authorizer's policy" in text:
        return (
            f"The temporary credential lacks {action}: allow it on acs:oss:*:*:BUCKET and "
            "acs:oss:*:*:BUCKET/* in the policy that AssumeRole is given, and in that of the role."
        )
    for words, cure in _CURES:
        if any(word in text for word in words):
            return cure.replace("ACTION", action)
    if refusal.action:
        return (
            f"Grant {action} on acs:oss:*:*:BUCKET and acs:oss:*:*:BUCKET/* to the RAM user or "
            "role."
        )
    return ""


_CURES: Final = (
    (
        (
            "secondleveldomainforbidden",
            "third level domain",
            "third-level domain",
            "virtual hosted style",
        ),
        (
            "`endpoint` of the watch must be the region's own, without the bucket, e.g. "
            "https://oss-cn-shanghai.aliyuncs.com. An IP address or another name needs path style "
            "addressing, which OSS refuses."
        ),
    ),
    (
        ("requester pay", "requesterpay", "requester-pay", "request payer"),
        (
            "The bucket has requester pays on, which lets only its owner pass: use credentials of "
            "the owner's account, or switch requester pays off."
        ),
    ),
    (
        ("not belong to you",),
        (
            "The bucket belongs to another account: use its credentials. VOD registers only files "
            "in buckets of its own account."
        ),
    ),
    (
        ("requires a valid date",),
        (
            "The request came without its date: a proxy in between removes or changes its headers "
            "([network] proxy)."
        ),
    ),
    (
        ("anonymous",),
        (
            "The request came unsigned: a proxy in between removes the Authorization header "
            "([network] proxy)."
        ),
    ),
    (
        ("explicitdeny", "bucket policy", "authorizer's policy"),
        (
            "A policy denies ACTION: look for a Deny in the bucket policy (with its IP and VPC "
            "conditions) and in the policies of the RAM user or role."
        ),
    ),
)
"""Words of a refusal, in lower case, and the cure. The first match wins."""
