"""What the core asks of the outside, and what the outside promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.model import BatchResult, CallOptions, Media, ObjectInfo, Page
    from watcher.reports import RegisterReport, ScanReport


class Answer(Protocol):
    """One ListObjectsV2 answer, read no further than it is asked."""

    at: int  # milliseconds since the epoch: the answer's `Date`
    n_bytes: int  # of the body
    requests: int  # that it took
    asked_rest_s: float  # how long the service asks to be left alone before the next request, 30 s at most

    def page(self) -> Page:
        """Return what is listed, in UTF-8 byte order; keys are exact.

        Raises:
            StartAfterIgnored: the keys ascend, but from or before `start_after`.
            CloudError: the body is no whole, well-formed listing in ascending order.
        """
        ...

    def digest(self, n: int) -> tuple[int, bytes]:
        """Return how many bytes list the first `n` objects, and their SHA-256; those not UTF-8 count, too.

        Raises:
            ValueError: fewer are listed.
        """
        ...

    def repeats(self, n_bytes: int, digest: bytes, *, n: int, to_the_end: bool) -> bool:
        """Whether the listed bytes begin with exactly those of a `digest` of `n` objects.

        With `to_the_end`, also: nothing is listed behind them, here or on a next page.  Nothing is parsed.
        """
        ...


class Source(Protocol):
    """Somewhere objects appear: one bucket below one prefix."""

    bucket: str
    prefix: str

    def list_objects(self, *, start_after: str = "", token: str = "", max_keys: int = 1000) -> Answer:
        """Ask once for the keys behind `start_after`, or with the `next_token` of a page for those behind that page.

        For any number of threads; whoever calls keeps the pace.

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
    """What was below one prefix of one bucket at an instant, in place of a listing."""

    @property
    def as_of(self) -> int:
        """Milliseconds since the epoch: what was written later may be missing, and what was there may be gone."""
        ...

    @property
    def calls(self) -> int:
        """Requests so far, of all kinds."""
        ...

    @property
    def n_bytes(self) -> int:
        """Of the answers so far."""
        ...

    def pages(self) -> Iterator[Page]:
        """Yield the objects: keys ascend within a page, pages come in no order, and an empty last one ends them.

        Pages that end without a last one were cut short: the process is stopping.

        Raises:
            CloudError: not all could be had; what was yielded is true of that instant.
        """
        ...


class Registrar(Protocol):
    """Somewhere objects become known."""

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """Register up to ten media of one bucket; return one outcome for each.

        Safe to repeat: an object that is already registered is `Accepted` again.

        Raises:
            CloudError: nothing took effect (see its subclasses for whom that stops).  A failure after
                the call may have taken effect is not raised but returned as `Unknown`, item by item.
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
        """Wait; return True at once when, or as soon as, the process was asked to stop."""
        ...


class Progress(Protocol):
    """Somebody who watches the work go on."""

    def begin(self, *, in_line: int, to_list: int | None) -> None:
        """Learn how many entries wait, and how many objects are likely to be listed, if that is known."""
        ...

    def listed(self, scan: ScanReport) -> None:
        """Learn how far a scan is, after each page."""
        ...

    def listing_ended(self) -> None:
        """Learn that no more will be listed."""
        ...

    def registered(self, report: RegisterReport) -> None:
        """Learn how far registering is, after each call."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """One snapshot: key, secret and token that belong together.  Never printed."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""

    def __repr__(self) -> str:
        """Show that there are credentials, not which."""
        return "Credentials(...)"


class CredentialsProvider(Protocol):
    """One chain for both SDKs."""

    def get(self) -> Credentials:
        """Return what is valid now; asked before every call, so rotation is seen.

        Raises:
            CredentialsMissing: no link of the chain answered.
        """
        ...
