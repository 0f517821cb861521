"""RAM roles, OIDC and single sign-on, through alibabacloud-credentials.

Importing the library takes a quarter of a second, attaches handlers to loggers and freezes parts
of the environment. So the import waits until a link needs it. Its exceptions and log lines hold
signed URLs and tokens: we pass none of them on.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import re
import threading
from typing import TYPE_CHECKING, Any

from watcher.credentials.links import Absent, assemble
from watcher.errors import CredentialsMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.ports import Credentials

SESSION_NAME = "oss-vod-watcher"
_METADATA_TIMEOUT_MS = 1000
_LOGGERS = ("credentials", "alibabacloud-tea")


class LibraryProvider:
    """A provider of the library. It is built again after a change of its source or a failure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built_from = ""
        self._provider: Any = None

    def ask(
        self, place: str, made_from: str, build: Callable[[Any], Any], *, hint: str
    ) -> Credentials:
        """Return the provider's present credentials.

        Args:
            place: the source's name in errors.
            made_from: the source's content. A new provider is built when it changes.
            build: makes a provider, given the library.
            hint: the cure after a failure.

        Raises:
            CredentialsMissing: the provider failed. The sentence holds no secret.
        """
        digest = hashlib.sha256(made_from.encode()).hexdigest()  # the text may hold a secret
        try:
            with self._lock:
                if digest != self._built_from:
                    self._provider = build(_library())
                    self._built_from = digest
                provider = self._provider
            said = provider.get_credentials()
        except Exception as error:  # noqa: BLE001 (the library wraps no errors)
            self._built_from = ""
            raise CredentialsMissing(f"{place}: {reason_of(error)}", hint=hint) from None
        found = assemble(
            {
                "the access key ID": str(said.get_access_key_id() or ""),
                "the access key secret": str(said.get_access_key_secret() or ""),
                "the security token": str(said.get_security_token() or ""),
            },
            place=place,
        )
        if isinstance(found, Absent):
            raise CredentialsMissing(f"{place}: the answer holds no credentials", hint=hint)
        return found


class Oidc:
    """AssumeRoleWithOIDC, as RRSA sets it up for a pod of ACK."""

    _VARIABLES = (
        "ALIBABA_CLOUD_ROLE_ARN",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    )

    def __init__(self, env: Mapping[str, str], *, proxy: str = "") -> None:
        self._env = env
        self._proxy = proxy
        self._provider = LibraryProvider()

    def ask(self) -> Credentials | Absent:
        """Return the role's credentials, or `Absent` if the pod has no role."""
        role, provider, token_file = (self._env.get(name, "") for name in self._VARIABLES)
        if not (provider or token_file):  # a role alone may belong to another program
            return Absent("not set")
        if missing := [name for name in self._VARIABLES if not self._env.get(name)]:
            raise CredentialsMissing(
                f"OIDC: {' and '.join(missing)} not set, though the others are",
                hint="Set all three, or none of them.",
            )
        return self._provider.ask(
            "OIDC",
            f"{role}\n{provider}\n{token_file}",
            lambda library: library.OIDCRoleArnCredentialsProvider(
                role_arn=role,
                oidc_provider_arn=provider,
                oidc_token_file_path=token_file,
                role_session_name=self._env.get("ALIBABA_CLOUD_ROLE_SESSION_NAME") or SESSION_NAME,
                sts_region_id=self._env.get("ALIBABA_CLOUD_STS_REGION", ""),
                enable_vpc=self._env.get("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "").lower()
                == "true",
                http_options=_http_options(proxy=self._proxy or None),
            ),
            hint="Check the role, its trust policy, and the token file that RRSA mounts.",
        )


class EcsRole:
    """The RAM role of this ECS instance, by the metadata service with tokens (IMDSv2)."""

    def __init__(self, env: Mapping[str, str], *, role: str = "") -> None:
        self._env = env
        self._role = role or env.get("ALIBABA_CLOUD_ECS_METADATA", "")
        self._provider = LibraryProvider()

    def ask(self) -> Credentials | Absent:
        """Return the role's credentials, or `Absent` with the reason."""
        if self._env.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "").lower() == "true":
            return Absent("switched off by ALIBABA_CLOUD_ECS_METADATA_DISABLED")
        if self._env.get("HTTP_PROXY") or self._env.get("http_proxy"):
            # The library cannot bypass the proxy, which would see the role's keys in clear text.
            return Absent("not used while HTTP_PROXY is set")
        try:
            return self._provider.ask("the metadata service", self._role, self._build, hint="")
        except CredentialsMissing as error:
            return Absent(str(error))

    def _build(self, library: Any) -> Any:
        return library.EcsRamRoleCredentialsProvider(
            role_name=self._role,
            disable_imds_v1=True,
            async_update_enabled=False,  # otherwise it starts a scheduler and a thread of its own
            http_options=_http_options(
                connect_timeout=_METADATA_TIMEOUT_MS, read_timeout=_METADATA_TIMEOUT_MS
            ),
        )


def reason_of(error: Exception) -> str:
    """Return the reason of a failure, from the parts of the exception that hold no secret."""
    text = str(error)
    for pattern, meaning in _KNOWN:
        if found := re.search(pattern, text):
            return meaning.format(*found.groups())
    if isinstance(error, OSError):
        return (
            f"{error.filename or 'a file'} cannot be read: {error.strerror or type(error).__name__}"
        )
    return f"failed with {type(error).__name__}"


_KNOWN = (
    (r"please re-login", "the login has expired: log in again with the aliyun command"),
    (r"(?s)http_code[:=] ?(\d{3}).*?\"Code\" ?: ?\"([\w.]{1,80})\"", "refused with HTTP {} {}"),
    (r"(?:HttpCode=|http_code[:=] ?)(\d{3})", "answered HTTP {}"),
    (r"exit status (-?\d+)", "the command ended with exit status {}"),
    (r"unsupported (?:profile mode|credential type)", "its type is not supported"),
    (r"(?i)proxyerror|tunnel connection failed", "the proxy does not connect"),
    (r"(?i)certificate", "the server's certificate is not trusted"),
    (r"(?i)timed out|timeout", "no answer in time"),
    (r"(?i)max retries exceeded|connection|name resolution", "cannot be reached"),
    (r"(?i)\bis empty", "a setting it needs is empty"),
)


def _library() -> Any:
    """Import the library, and remove its log handlers: they would bypass our log."""
    library = importlib.import_module("alibabacloud_credentials.provider")
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.WARNING)
        if _only_warnings not in logger.filters:
            logger.addFilter(_only_warnings)
    return library


def _only_warnings(record: logging.LogRecord) -> bool:
    """Keep warnings only: failed refreshes, while earlier credentials are still valid.

    Errors are raised as exceptions, too.
    """
    return record.levelno == logging.WARNING and "cached value is None" not in record.getMessage()


def _http_options(**settings: Any) -> Any:
    return importlib.import_module("alibabacloud_credentials.http").HttpOptions(**settings)
