"""The ports of the core: what it asks of the cloud, the clock and people, with the promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.model import BatchResult, CallOptions, Media, ObjectInfo, Page
    from watcher.model.reports import RegisterReport, ScanReport


class ListAnswer(Protocol):
    """One ListObjectsV2 answer.  Its body is parsed only when a method needs it."""

    at: int  # milliseconds since the epoch: the answer's `Date`
    n_bytes: int  # of the body
    requests: int  # made for it
    asked_rest_s: float  # the service asks for no request during this time; at most 30 s

    def page(self) -> Page:
        """Return what is listed, in UTF-8 byte order; keys are exact.

        Raises:
            StartAfterIgnored: the keys ascend, but from or before `start_after`.
            CloudError: the body is no whole, well-formed listing in ascending order.
        """
        ...

    def digest(self, n: int) -> tuple[int, bytes]:
        """Return how many bytes list the first `n` objects, and their SHA-256.

        Objects whose keys are not UTF-8 count, too.

        Raises:
            ValueError: fewer are listed.
        """
        ...

    def repeats(self, n_bytes: int, digest: bytes, *, n: int, to_the_end: bool) -> bool:
        """Whether the listed bytes begin with those of a `digest` of `n` objects.

        With `to_the_end`, nothing else may be listed, here or on a next page. The body is not
        parsed.
        """
        ...


class Source(Protocol):
    """One bucket below one prefix."""

    bucket: str
    prefix: str

    def list_objects(
        self, *, start_after: str = "", token: str = "", max_keys: int = 1000
    ) -> ListAnswer:
        """Make one request for the keys after `start_after`, or for those behind a page.

        Any number of threads may call it. The caller keeps the pace.

        Args:
            start_after: a key, which need not exist; "" = from the front.
            token: the `next_token` of a page, in place of `start_after`.
            max_keys: the most objects that are returned.

        Raises:
            CloudError: there is no answer, or it is a refusal.
        """
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Return the object as it is now, or None if it is gone.

        Raises:
            CloudError: no trustworthy answer.
        """
        ...


class Snapshot(Protocol):
    """The objects below one prefix of one bucket at an instant, in place of a listing."""

    @property
    def as_of(self) -> int:
        """The instant, in milliseconds since the epoch.  Later changes are not shown."""
        ...

    @property
    def calls(self) -> int:
        """Requests so far, of all kinds."""
        ...

    @property
    def n_bytes(self) -> int:
        """Bytes of the answers so far."""
        ...

    def pages(self) -> Iterator[Page]:
        """Yield the objects: keys ascend within a page, and pages come in any order.

        An empty last page ends them. A stop request ends them without it.

        Raises:
            CloudError: some pages could not be read. The others are true of that instant.
        """
        ...


class Registrar(Protocol):
    """Where objects are registered."""

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """Register up to ten media of one bucket; return one outcome for each.

        Safe to repeat: an object that is already registered is `Accepted` again.

        Raises:
            CloudError: nothing took effect. Its subclasses say whether calls must stop. A failure
                after a possible effect is not raised: each item is `Unknown`.
        """
        ...


class Clock(Protocol):
    """The time, and waits that a stop request cuts short."""

    def now_ms(self) -> int:
        """Return our wall clock: milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, from an arbitrary zero."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait; return True as soon as the process is asked to stop, else False."""
        ...


class Progress(Protocol):
    """Shows how far the work is."""

    def begin(self, *, queued: int, to_list: int | None) -> None:
        """Start with the number of queued entries, and of objects to list (None = unknown)."""
        ...

    def listed(self, scan: ScanReport) -> None:
        """Show how far a scan is.  Called after each write."""
        ...

    def listing_ended(self) -> None:
        """Note that all listing has ended."""
        ...

    def registered(self, report: RegisterReport) -> None:
        """Show how far registration is.  Called after each call."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key, a secret and a token that belong together.  They are never printed."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""

    def __repr__(self) -> str:
        """Hide the values."""
        return "Credentials(...)"


class CredentialsProvider(Protocol):
    """Where both SDKs get their credentials."""

    def get(self) -> Credentials:
        """Return the credentials that are valid now.  Called before every call, so rotation works.

        Raises:
            CredentialsMissing: no source of the chain has any.
        """
        ...
