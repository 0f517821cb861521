"""The account of a sandbox: its permanent credentials, and the temporary ones that it issued."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from watcher.ports import Credentials


MAX_SKEW_S: Final = 15 * 60  # how far a signature's time may be from the services' clock


class IdentityProblem(Enum):
    """Why a key ID and a token name nobody. Each service has words of its own for it."""

    UNKNOWN_ID = auto()
    TOKEN_MISSING = auto()
    TOKEN_UNEXPECTED = auto()  # the key ID has none
    TOKEN_WRONG = auto()
    TOKEN_EXPIRED = auto()


class IdentityRefused(Exception):
    """A key ID and a token name nobody."""

    def __init__(self, problem: IdentityProblem) -> None:
        self.problem = problem
        super().__init__(problem.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Objects that a temporary credential may touch.

    `keys` is one key, or the beginning of keys and a `*`, as a RAM resource has it.
    """

    bucket: str
    keys: bytes

    def covers(self, bucket: str, key: bytes) -> bool:
        """Return whether it holds for an object; a key of b"" stands for the whole bucket."""
        if bucket != self.bucket:
            return False
        if self.keys.endswith(b"*"):
            return key.startswith(self.keys[:-1])
        return key == self.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One credential, and all that it may do."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""  # "" = none
    expires_at: datetime | None = None  # UTC, by the services' clock; None = never
    grants: tuple[Grant, ...] | None = None  # None = everything

    def may_touch(self, bucket: str, key: bytes) -> bool:
        """Return whether it may touch an object, or with a key of b"" the whole bucket."""
        return self.grants is None or any(grant.covers(bucket, key) for grant in self.grants)


class Account:
    """All credentials of one account. Every method is atomic."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials  # to set others is a rotation
        self.token_expired = False  # that of `credentials`, if they have one
        self._issued: dict[str, Principal] = {}
        self._lock = threading.Lock()

    def issue(
        self, now: datetime, lifetime_s: float, grants: Sequence[Grant] | None = None
    ) -> Principal:
        """Issue a temporary credential, as the service STS does.

        Without `grants` it may do all that the account may.
        """
        issued = Principal(
            access_key_id=f"STS.{secrets.token_hex(12)}",
            access_key_secret=secrets.token_hex(22),
            security_token=f"CAIS{base64.b64encode(secrets.token_bytes(96)).decode('ascii')}",
            expires_at=now + timedelta(seconds=lifetime_s),
            grants=None if grants is None else tuple(grants),
        )
        with self._lock:
            self._issued[issued.access_key_id] = issued
        return issued

    def identify(self, access_key_id: str, token: str, now: datetime) -> Principal:
        """Return whom a key ID and a token name; the signature is not checked yet.

        Raises:
            IdentityRefused: they name nobody.
        """
        known = self._find(access_key_id)
        if known is None:
            raise IdentityRefused(IdentityProblem.UNKNOWN_ID)
        if known.security_token and not token:
            raise IdentityRefused(IdentityProblem.TOKEN_MISSING)
        if token and not known.security_token:
            raise IdentityRefused(IdentityProblem.TOKEN_UNEXPECTED)
        if not secrets.compare_digest(token.encode(), known.security_token.encode()):
            raise IdentityRefused(IdentityProblem.TOKEN_WRONG)
        if token and self._is_expired(known, now):
            raise IdentityRefused(IdentityProblem.TOKEN_EXPIRED)
        return known

    def _find(self, access_key_id: str) -> Principal | None:
        permanent = self.credentials
        if access_key_id == permanent.access_key_id:
            return Principal(
                access_key_id=permanent.access_key_id,
                access_key_secret=permanent.access_key_secret,
                security_token=permanent.security_token,
            )
        with self._lock:
            return self._issued.get(access_key_id)

    def _is_expired(self, known: Principal, now: datetime) -> bool:
        return self.token_expired if known.expires_at is None else now >= known.expires_at
