"""Why a service cannot be reached: a proxy, a certificate, or an endpoint of a VPC."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

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

_UNTRUSTED_CURE: Final = (
    "If a proxy of yours or a sandbox answers there, name the file of its CA certificate in "
    "[network] ca_bundle. Otherwise check DNS and /etc/hosts: another machine answers."
)
_NAME_CURE: Final = (
    "Another machine answers to that name, or `endpoint` is wrong. Check DNS, /etc/hosts, "
    "[network] proxy and `endpoint`."
)
_TIME_CURE: Final = "Check this machine's clock. If it is right, the certificate must be renewed."
_CERTIFICATE_CURES: Final = {  # by OpenSSL's X509_V_ERR_*
    **dict.fromkeys((62, 64), _NAME_CURE),  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
    **dict.fromkeys((9, 10), _TIME_CURE),  # CERT_NOT_YET_VALID, CERT_HAS_EXPIRED
}


def proxy_refusal(error: BaseException) -> tuple[str, str] | None:
    """Return why a proxy did not connect, and the cure; None if no proxy refused."""
    found = next(filter(None, (_TUNNEL.search(str(each)) for each in _causes(error))), None)
    if found is None:
        return None
    status = int(found[1])
    if status == WANTS_LOGIN:
        return LOGIN
    return (
        f"the proxy does not connect (HTTP {status})",
        "Have the proxy let the host pass, or correct [network] proxy.",
    )


def certificate_refusal(error: BaseException) -> tuple[str, str] | None:
    """Return why this machine refused a certificate, and the cure; None if it refused none."""
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            words = str(getattr(each, "verify_message", "")).rstrip(".") or "no reason given"
            cure = _CERTIFICATE_CURES.get(getattr(each, "verify_code", 0), _UNTRUSTED_CURE)
            return f"certificate verify failed: {words}", cure
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it stands for."""
    seen = [error]
    for each in seen:  # grows by the causes of each
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen]


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
