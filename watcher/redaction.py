"""Masks secrets by their name (`Signature=...`) and by their value (the keys in use)."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK: Final = "***"
_SHORTEST: Final = 8  # a shorter "secret" would mask ordinary words
_LONGEST_TEXT: Final = 500  # characters of a service's message
_MOST_NAMES: Final = 256
_KEPT: Final = 32  # secrets, the latest: an hourly token for more than a day

_NAMES: Final = (
    r"(?:x-oss-|x-acs-)?signature(?:provided)?|(?:x-oss-|x-acs-)?security[-_]?token|sts[-_]?token|session[-_]?token"
    r"|(?:oss|aliyun)?access[-_]?key[-_]?(?:id|secret)|(?:x-oss-)?credential|oidc[-_]?token|x-aliyun-ecs-metadata-token"
    r"|(?:oss|alibaba_cloud|aliyun)_(?:access_key_(?:id|secret)|security_token|session_token)"
    r"|upload[-_]?(?:auth|address)|string[-_]?to[-_]?sign|oauth_(?:access|refresh)_token|access_token|refresh_token"
)
# A name begins after a character that is no letter or digit, after a percent-encoded character
# (encoded once or twice), or after \n and similar escapes in a repr.
_BEGIN: Final = (
    r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})|(?<=\\[nrt])|(?<=\\u0026))"
)
_QUOTE: Final = r"(?:\\*[\"']|%(?:25)*2[27]|&quot;)"
_SPACE: Final = r"(?:\s|%(?:25)*20|\+)"
_EQUALS: Final = r"(?:=|:|%(?:25)*3[AaDd])"
_BARE: Final = r"(?:[^\s\"'&<>,;)\]}\\%]|%(?!(?:25)*(?:26|22|27|20|2[Cc]|7[Dd])))+"

_NAMED: Final = re.compile(  # masks a value without its closing quote, too
    rf"(?P<before>{_BEGIN}(?:{_NAMES}){_QUOTE}?{_SPACE}*{_EQUALS}{_SPACE}*)"
    rf"(?:b?(?P<open>{_QUOTE})(?:(?!(?P=open)).)*(?:(?P=open)|\Z)|{_BARE})",
    re.IGNORECASE | re.DOTALL,
)
_PAIR: Final = re.compile(  # ('AccessKeyId', 'x'), as in a repr of query parameters
    rf"(?P<before>[\"'](?:{_NAMES}|(?:proxy-)?authorization)[\"'],\s*)b?(?P<open>[\"']).*?(?:(?P=open)|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_ELEMENT: Final = re.compile(
    rf"(?P<before><(?P<tag>{_NAMES})>).*?(?=</(?P=tag)>|\Z)", re.IGNORECASE | re.DOTALL
)
_AUTHORIZATION: Final = re.compile(
    rf"(?P<before>{_BEGIN}(?:proxy-)?authorization{_QUOTE}?{_SPACE}*{_EQUALS}{_SPACE}*b?{_QUOTE}?)[^\"'\r\n\\]+",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"\b(?P<before>(?:OSS|acs) )[\w.-]{8,}:[A-Za-z0-9+/=]{16,}")
_USERINFO: Final = re.compile(r"(?P<before>://)[^/\s@\"'<>]+(?=@)")
_SIGNED: Final = re.compile(
    r"(?P<before>string[ _-]?to[ _-]?sign is:?).*", re.IGNORECASE | re.DOTALL
)
_SIGNATURE: Final = re.compile(rf"signature{_EQUALS}(?:{re.escape(MASK)})?", re.IGNORECASE)
# Each pattern needs one of these words.
_WORDS: Final = ("sign", "token", "key", "cred", "auth", "upload", "oss ", "acs ", "@")
_PATTERNS: Final = (_SIGNED, _AUTHORIZATION, _PAIR, _ELEMENT, _NAMED, _SCHEME, _USERINFO)
_WHOLE_NAME: Final = re.compile(rf"(?:{_NAMES}|(?:proxy-)?authorization)", re.IGNORECASE)


class Redactor:
    """Masks text that looks secret, and the remembered secrets in every usual encoding."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, None] = {}
        self._literal: re.Pattern[str] | None = None
        self._names: dict[str, str] = {}  # cache: redacted names of log fields

    def __repr__(self) -> str:
        """Show the number of known secrets only."""
        return f"Redactor({len(self._secrets)} secrets)"

    def remember(self, *secrets: str) -> None:
        """Mask these secrets from now on. Keep the latest few dozen: tokens rotate."""
        with self._lock:
            for secret in secrets:
                if len(secret) >= _SHORTEST:
                    self._secrets.pop(secret, None)
                    self._secrets[secret] = None
            for oldest in list(self._secrets)[:-_KEPT]:
                del self._secrets[oldest]
            forms = {form for secret in self._secrets for form in _forms(secret)}
            longest_first = sorted(forms, key=len, reverse=True)
            self._literal = re.compile("|".join(map(re.escape, longest_first))) if forms else None
            self._names = {}

    def redact(self, text: str) -> str:
        """Return `text` with everything secret masked."""
        if self._literal is not None:
            text = self._literal.sub(MASK, text)
        folded = text.casefold()
        if not any(word in folded for word in _WORDS):
            return text
        for pattern in _PATTERNS:
            text = pattern.sub(_masked, text)
        return text

    def redact_name(self, name: str) -> str:
        """Return the name of a log field with everything secret masked."""
        names = self._names
        if name not in names:
            if len(names) >= _MOST_NAMES:
                return self.redact(name)
            names[name] = self.redact(name)
        return names[name]


def _masked(found: re.Match[str]) -> str:
    opening = found.groupdict().get("open") or ""
    return f"{found['before']}{opening}{MASK}{opening}"


def _forms(secret: str) -> Iterable[str]:
    once = quote(secret, safe="")
    yield from (secret, once, quote(secret, safe="/"), quote(once, safe=""))
    yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), once)


_REDACTOR: Final = Redactor()


def redact(text: str) -> str:
    """Return `text` with everything secret masked, the remembered secrets included."""
    return _REDACTOR.redact(text)


def service_text(text: str) -> str:
    """Return a service's message for logs and ledger: short, without secrets, valid UTF-8."""
    masked = redact(text.encode("utf-8", "backslashreplace").decode())
    return _SIGNATURE.sub(MASK, masked)[:_LONGEST_TEXT]


def remember(*secrets: str) -> None:
    """Mask these literal secrets from now on, wherever they appear."""
    _REDACTOR.remember(*secrets)


def redact_value(value: object, *, name: str = "") -> object:
    """Return a log field with all its strings masked, at any depth.

    A field that is named like a secret is masked as a whole.
    """
    if name and value and _WHOLE_NAME.fullmatch(name):
        return MASK
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {
                _REDACTOR.redact_name(str(key)): redact_value(inner, name=str(key))
                for key, inner in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [redact_value(inner) for inner in value]
        case _:
            return redact(
                value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
            )
