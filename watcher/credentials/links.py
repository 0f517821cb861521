"""A chain of links. Each link has credentials, has none, or is broken and raises an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watcher.errors import CredentialsMissing
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

HINT = (
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET of a RAM user, pass the "
    "files access-key-id and access-key-secret with systemd's LoadCredential=, or attach a RAM "
    "role to the ECS instance."
)


_MARKS = "\"'`<>{}\\"


@dataclass(frozen=True, slots=True)
class Absent:
    """A link without credentials."""

    why: str  # a few words without secrets


@dataclass(frozen=True, slots=True)
class Link:
    """One place where credentials may be.

    `ask` raises CredentialsMissing for broken credentials: the chain never skips them silently.
    """

    name: str
    ask: Callable[[], Credentials | Absent]


class CredentialSource(Protocol):
    """A place where credentials may be; see `Link.ask`."""

    def ask(self) -> Credentials | Absent:
        """Return the credentials, or `Absent`."""
        ...


def below_home(
    home: Callable[[], Path], make: Callable[[Path], CredentialSource], *, required: bool = False
) -> Callable[[], Credentials | Absent]:
    """Return a link's `ask` for a place below the home directory, which it looks up when called."""
    made: list[CredentialSource] = []

    def ask() -> Credentials | Absent:
        if not made:
            try:
                made.append(make(home()))
            except RuntimeError:
                if not required:
                    return Absent("there is no home directory")
                raise CredentialsMissing(
                    "no credentials: the profile lies in the home directory, which does not exist",
                    hint="Set HOME, or leave [credentials] profile empty.",
                ) from None
        return made[0].ask()

    return ask


def ignore(_: Credentials) -> None:
    """Do nothing."""


class Chain:
    """`ports.CredentialsProvider` over links in order. Threads may share it."""

    def __init__(
        self, links: Sequence[Link], *, on_change: Callable[[Credentials], None] = ignore
    ) -> None:
        self._links = links
        self._learnt = on_change
        self._kept: Link | None = None
        self._latest: Credentials | None = None

    def get(self) -> Credentials:
        """See `ports.CredentialsProvider.get`."""
        found = self._search() if self._kept is None else self._ask_again(self._kept)
        if found != self._latest:
            self._learnt(found)
            self._latest = found
        return found

    def _search(self) -> Credentials:
        tried: list[str] = []
        for link in self._links:
            match link.ask():
                case Absent(why=why):
                    tried.append(f"{link.name} ({why})")
                case found:
                    self._kept = link
                    return found
        raise CredentialsMissing(
            f"no credentials found; tried in this order: {', '.join(tried)}", hint=HINT
        )

    def _ask_again(self, link: Link) -> Credentials:
        """Ask the link that answered first. A briefly missing file must not switch links."""
        match link.ask():
            case Absent(why=why):
                raise CredentialsMissing(
                    f"the credentials are gone: {link.name} had them before, and now: {why}",
                    hint="Put them back, or restart to try the whole chain.",
                )
            case found:
                return found


def assemble(named: Mapping[str, str], *, place: str = "") -> Credentials | Absent:
    """Return credentials from named texts: an ID, a secret and a token, in this order.

    Raises:
        CredentialsMissing: a part is missing, or holds a character that no key has.
    """
    values = {name: text.strip() for name, text in named.items()}
    key_id, secret, token = values.values()
    if not (key_id or secret or token):
        return Absent("not set")
    names = list(values)
    at = f"{place}: " if place else ""
    for name in names[:2]:
        if not values[name]:
            there = next(other for other in names if values[other])
            raise CredentialsMissing(
                f"{at}{there} is set but {name} is not", hint=f"Set {name} too, or remove {there}."
            )
    for name, value in values.items():
        if any(mark in value for mark in _MARKS):
            raise CredentialsMissing(
                f"{at}{name} holds a quote or a bracket, which no key has",
                hint=(
                    f"Write {name} without quotes: `docker run --env-file` and its like keep them."
                ),
            )
        if not value.isascii() or not value.isprintable() or " " in value:
            raise CredentialsMissing(
                f"{at}{name} holds a space or a character that no key has",
                hint=f"Copy {name} again, exactly.",
            )
    return Credentials(key_id, secret, token)
