"""What the core asks of the outside, and what the outside promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.model import BatchResult, CallOptions, Media, ObjectInfo, Page
    from watcher.reports import ScanReport


class Source(Protocol):
    """Somewhere objects appear: one bucket below one prefix."""

    bucket: str
    prefix: str

    def pages(self, *, start_after: str = "", token: str = "") -> Iterator[Page]:
        """Yield the listing page by page, in UTF-8 byte order, from the first key after `start_after`.

        With the `next_token` of a page it goes on behind that page instead.

        The last page yielded has `is_last`; a listing that ends without one was cut short.  Keys are
        exact.  Holds one page at a time.

        Raises:
            CloudError: the page could not be had; what was yielded before is still true.
        """
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Return the object as it is now, or None if it is gone.

        Raises:
            CloudError: no trustworthy answer.
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

    def listed(self, scan: ScanReport) -> None:
        """Learn how far a scan is, after each page."""
        ...

    def registered(self, n: int) -> None:
        """Learn how many entries were registered so far, after each call."""
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
