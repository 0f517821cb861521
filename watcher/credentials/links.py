"""A chain of links: each answers, has nothing, or is broken and says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watcher.errors import CredentialsMissing
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

HINT = (
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET of a RAM user, hand the files access-key-id "
    "and access-key-secret over with systemd's LoadCredential=, or attach a RAM role to the ECS instance."
)


_MARKS = "\"'`<>{}\\"


@dataclass(frozen=True, slots=True)
class Absent:
    """A link that has nothing to say, and why: a few words without secrets."""

    why: str


@dataclass(frozen=True, slots=True)
class Link:
    """One place where credentials may be.

    `ask` raises CredentialsMissing if they are there and broken: that is never passed over in silence.
    """

    name: str
    ask: Callable[[], Credentials | Absent]


class Asks(Protocol):
    """A place where credentials may be; see `Link.ask`."""

    def ask(self) -> Credentials | Absent:
        """Return what is there."""
        ...


def at_home(
    home: Callable[[], Path], make: Callable[[Path], Asks], *, required: bool = False
) -> Callable[[], Credentials | Absent]:
    """Return what asks a place below the home directory, which is looked for when it is asked."""
    made: list[Asks] = []

    def ask() -> Credentials | Absent:
        if not made:
            try:
                made.append(make(home()))
            except RuntimeError:
                if not required:
                    return Absent("there is no home directory")
                raise CredentialsMissing(
                    "no credentials: the profile lies in the home directory, and there is none",
                    hint="Set HOME, or leave [credentials] profile empty.",
                ) from None
        return made[0].ask()

    return ask


def nobody(_: Credentials) -> None:
    """Tell nobody."""


class Chain:
    """`ports.CredentialsProvider` over links in order; safe to share between threads."""

    def __init__(self, links: Sequence[Link], *, learnt: Callable[[Credentials], None] = nobody) -> None:
        self._links = links
        self._learnt = learnt
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
        raise CredentialsMissing(f"no credentials; asked, in this order: {', '.join(tried)}", hint=HINT)

    def _ask_again(self, link: Link) -> Credentials:
        """Ask the link that answered first: a file away for a moment must not change who we are."""
        match link.ask():
            case Absent(why=why):
                raise CredentialsMissing(
                    f"no credentials any more: {link.name} answered before, and now: {why}",
                    hint="Put them back, or start again to have the whole chain asked.",
                )
            case found:
                return found


def assemble(named: Mapping[str, str], *, place: str = "") -> Credentials | Absent:
    """Return credentials from the texts of an ID, a secret and a token, in this order, each under its own name.

    Raises:
        CredentialsMissing: only part of them is there, or one holds what no key holds.
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
                hint=f"Write {name} without quotes: `docker run --env-file` and its like keep them.",
            )
        if not value.isascii() or not value.isprintable() or " " in value:
            raise CredentialsMissing(
                f"{at}{name} holds a space or a character that no key has", hint=f"Copy {name} again, exactly."
            )
    return Credentials(key_id, secret, token)
