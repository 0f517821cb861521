"""Endpoints, proxies, URLs, and where to listen: text in, checked text out."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\]"
_ENDPOINT: Final = re.compile(
    rf"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?({_HOST})(?::([0-9]{{1,5}}))?(/?)"
)
_URL: Final = re.compile(rf"(?:https?)://(?:[^@/?#\s]+@)?({_HOST})(?::([0-9]{{1,5}}))?(/\S*)?")
_LISTEN: Final = re.compile(rf"({_HOST}):([0-9]{{1,5}})")
_NO_URL: Final = 'not a URL. Write https://HOST/PATH, or "" for none.'
_NO_PROXY: Final = (
    'not a proxy. Write http://HOST:PORT, or "env" for HTTPS_PROXY and NO_PROXY, or "" for none.'
)
_MOST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str  # without brackets
    port: int  # 0 = any free one

    def __str__(self) -> str:
        """Return it as the file has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoint(text: str) -> str:
    """Return a service's endpoint as scheme://host[:port]; without a scheme it is https.

    Raises:
        ValueError: a sentence with the cure.
    """
    matched = _ENDPOINT.fullmatch(text)
    if not matched:
        raise ValueError(_endpoint_problem(text))
    scheme, host, port = (matched[1] or "https").lower(), matched[2].lower(), matched[3]
    _check_host(host, port)
    _check_port(port)
    if scheme not in {"https", "http"}:
        raise ValueError(f"{scheme}:// is no way to call a service. Write https://{host}.")
    if scheme == "http" and not is_loopback(host):
        raise ValueError(
            "http:// would send signatures in the clear; only a loopback address may have it. "
            f"Write https://{host}."
        )
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _endpoint_problem(text: str) -> str:
    base, slashes, rest = text.rpartition("://")
    if "@" in rest:
        return (
            "holds a user name or password. Write the host alone; secrets never belong in this "
            "file."
        )
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if host != rest and re.fullmatch(rf"(?:{_HOST})(?::[0-9]+)?", host):
        return f"holds a path. Write {base}{slashes}{host}."
    return "not a host name or address. Write e.g. oss-cn-shanghai-internal.aliyuncs.com."


def is_loopback(host: str) -> bool:
    """Tell whether a host, in brackets or not, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def proxy(text: str) -> str:
    """Return "" for none, "env" for what the environment says, or the proxy's URL.

    Raises:
        ValueError: a sentence with the cure.
    """
    if text in {"", "env"}:
        return text
    matched = _URL.fullmatch(text)
    if not matched or matched[3] not in {None, "/"}:
        raise ValueError(_NO_PROXY)
    _check_host(matched[1], matched[2])
    _check_port(matched[2])
    if not _can_be_taken_apart(text):
        raise ValueError(_NO_PROXY)
    return text


def proxy_of_environment(text: str) -> str:
    """Return the proxy that a variable names, as curl reads it: without a scheme it is http.

    Raises:
        ValueError: a sentence with the cure.
    """
    stripped = text.strip()
    if stripped == "env":
        raise ValueError("not a proxy. Write http://HOST:PORT.")
    try:
        return proxy(stripped if "://" in stripped or not stripped else f"http://{stripped}")
    except ValueError as error:
        scheme, found, _ = stripped.partition("://")
        if found and scheme.lower() not in {"http", "https"}:
            raise ValueError("not a proxy that speaks HTTP. Write http://HOST:PORT.") from None
        raise ValueError(
            str(error).replace(', or "env" for HTTPS_PROXY and NO_PROXY, or "" for none', "")
        ) from None


def proxies(setting: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return {scheme: proxy URL} for what `proxy` accepts as a setting.

    Raises:
        ValueError: a variable of the environment is no proxy; without its value, which may hold a
            password.
    """
    if setting != "env":
        return {"http": setting, "https": setting} if setting else {}
    found: dict[str, str] = {}
    for scheme in ("http", "https"):
        name = f"{scheme}_proxy"
        try:
            found[scheme] = proxy_of_environment(_variable(name, env))
        except ValueError as error:
            raise ValueError(f'"env", and {name.upper()} is {error}') from None
    return {scheme: url for scheme, url in found.items() if url}


def no_proxy(setting: str, env: Mapping[str, str]) -> str:
    """Return the hosts to be reached without a proxy, as NO_PROXY lists them."""
    return _variable("no_proxy", env) if setting == "env" else ""


def _variable(name: str, env: Mapping[str, str]) -> str:
    return env.get(name) or env.get(name.upper()) or ""


def _can_be_taken_apart(url: str) -> bool:
    """Return whether urllib3 can parse the URL: a bracket in a password misleads urllib."""
    # Imported late: it takes a while, and few have a proxy.
    from urllib3.exceptions import LocationValueError  # noqa: PLC0415
    from urllib3.util import parse_url  # noqa: PLC0415

    try:
        urlsplit(url)
        return bool(parse_url(url).host)
    except (ValueError, LocationValueError):
        return False


def url(text: str) -> str:
    """Return "" or an http(s) URL.

    Raises:
        ValueError: a sentence with the cure.
    """
    matched = _URL.fullmatch(text)
    if text and not matched:
        raise ValueError(_NO_URL)
    if matched:
        _check_host(matched[1], matched[2])
        if not _can_be_taken_apart(text):
            raise ValueError(_NO_URL)
    return text


def listen(text: str) -> Address | None:
    """Return where to listen; None for "".

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text:
        return None
    matched = _LISTEN.fullmatch(text)
    if not matched:
        raise ValueError(
            'not HOST:PORT. Write e.g. 127.0.0.1:9464, 0.0.0.0:9464 for every interface, or "" for '
            "off."
        )
    _check_host(matched[1], matched[2])
    return Address(matched[1].strip("[]"), int(matched[2]))


def allowed_host(text: str) -> str:
    """Return a host name as a browser's Host header has it, in lower case and without a port.

    Raises:
        ValueError: a sentence with the cure.
    """
    if not re.fullmatch(_HOST, text):
        raise ValueError(
            "not a host name. Write it without scheme, port and path, e.g. watcher.example.com."
        )
    _check_host(text, None)
    return text.lower()


def _check_port(port: str | None) -> None:
    if port and not int(port):
        raise ValueError("port 0 cannot be connected to. Write another one, or leave it out.")


def _check_host(host: str, port: str | None) -> None:
    if port and int(port) > _MOST_PORT:
        raise ValueError(f"port {int(port)} does not exist. Write one below 65536.")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host.strip("[]"))
        except ValueError:
            raise ValueError(f"{host} is not an IPv6 address. Write e.g. [::1].") from None
    elif not all(0 < len(label) <= 63 for label in host.split(".")):  # noqa: PLR2004 (RFC 1035)
        raise ValueError(
            f"{host} is not a host name. Each part between dots has 1 to 63 characters."
        )
