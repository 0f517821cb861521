"""Takes secrets out of text before it reaches a log, a person or the ledger."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

MASK: Final = "***"

_NAMES = (
    r"Signature|SecurityToken|security[-_]token|x-oss-security-token|(?:OSS)?AccessKeyId|AccessKeySecret"
    r"|access[-_]key[-_](?:id|secret)|UploadAuth|UploadAddress|Credential"
)
# name = value in a URL, a header, JSON, a repr, plain or percent-encoded; the value ends where such a value can end.
_PAIR = re.compile(rf"""(?i)((?:{_NAMES})["']?\s*(?:=|:|%3D|%3A)\s*["']?)([^\s"'&,;)}}\]%]|%(?!26|2C))+""")
_AUTHORIZATION = re.compile(
    r"""(?i)(authorization["']?\s*[:=]\s*["']?)(?:OSS4-HMAC-SHA256\s[^\r\n"']*|(?:OSS|Basic|Bearer|acs)\s[^\s"']+)"""
)
_MOST_SECRETS = 32


class Redactor:
    """Knows the names that secrets go by, and the secrets in use."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}

    def learn(self, *secrets: str) -> None:
        """Mask these wherever they stand, plain or percent-encoded; the latest few are remembered."""
        for secret in filter(None, secrets):
            self._secrets.pop(secret, None)
            self._secrets[secret] = None
        while len(self._secrets) > _MOST_SECRETS:
            del self._secrets[next(iter(self._secrets))]

    def redact(self, text: str) -> str:
        """Return `text` with every secret masked."""
        for secret in tuple(self._secrets):
            for form in {secret, quote(secret, safe=""), quote(secret, safe="-_.~/")}:
                text = text.replace(form, MASK)
        return _PAIR.sub(rf"\g<1>{MASK}", _AUTHORIZATION.sub(rf"\g<1>{MASK}", text))


_process = Redactor()
learn = _process.learn
redact = _process.redact
