"""Every error a person may meet: a sentence, a hint, an exit status, and whom it stops.

WatcherError              exit 1   unforeseen
|-- LocalFailure          exit 1   disk full, unwritable folder, locked file
|-- ConfigError           exit 2   the file is wrong; nothing was touched
|-- CredentialsMissing    exit 2   nothing in the chain answered
|-- UsageError            exit 2   the command line is wrong
|   `-- ArgumentRefused    exit 2   an argument of a call breaks a limit of VOD; nothing was sent
|-- AddressUnusable       exit 2   cannot listen on the address of [http] listen
|-- AlreadyRunning        exit 3   another process holds the lock
|-- LedgerUntrusted       exit 4   missing, foreign, damaged or newer
`-- CloudError            exit 5   a cloud service refused or stayed unreachable
    |-- Unreachable                transient: nothing reached the service
    |   `-- CallSuppressed         transient: not sent, by an open breaker or a stop request
    |-- Throttled                  transient: asked to slow down
    |-- Unavailable                transient: a read failed or was not answered; repeat it
    |-- Unanswered                 unknown outcome: sent, and no trustworthy answer
    |   `-- BodyRefused            unknown outcome: a foreign 4xx to a call with a form body
    |-- CallRefused                permanent: this call's content is at fault
    |-- StartAfterIgnored          permanent: a listing in order, but from another start
    |-- BucketRefused              global for one bucket
    `-- AccountRefused             global: credentials, permission, arrears, clock, region
"""

from __future__ import annotations

from typing import ClassVar


class WatcherError(Exception):
    """Base of all our errors. `str()` is the sentence, `hint` the cure. Neither holds a secret."""

    exit_status: ClassVar[int] = 1

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        self.hint = hint
        super().__init__(sentence)

    @property
    def with_hint(self) -> str:
        """The sentence and the cure as one line."""
        return with_hint(str(self), self.hint)


def with_hint(sentence: str, hint: str) -> str:
    """Return a sentence and its cure as one line."""
    end = "" if not hint or sentence.endswith((".", "!", "?")) else "."
    return f"{sentence}{end} {hint}".rstrip()


class LocalFailure(WatcherError):
    """The machine failed: a full disk, an unwritable folder, a file locked for too long."""

    def __init__(self, sentence: str, *, hint: str = "", again_in_s: float | None = None) -> None:
        self.again_in_s = again_in_s  # when to retry; None = a retry cannot help
        super().__init__(sentence, hint=hint)


class ConfigError(WatcherError):
    """The configuration is wrong.  Lists every problem, not only the first."""

    exit_status = 2

    def __init__(
        self,
        path: str,
        problems: tuple[str, ...],
        *,
        hint: str = "Correct the file.",
    ) -> None:
        self.path = path
        self.problems = problems
        super().__init__(
            "\n".join((f"{path}: {len(problems)} problem{'s' * (len(problems) != 1)}", *problems)),
            hint=hint,
        )


class CredentialsMissing(WatcherError):
    """No link of the credentials chain has credentials, or a link is broken."""

    exit_status = 2


class UsageError(WatcherError):
    """The command line asks for something that does not exist."""

    exit_status = 2


class ArgumentRefused(UsageError, ValueError):
    """An argument of a call to VOD breaks one of its limits. Nothing was sent."""


class AddressUnusable(WatcherError):
    """The address to listen on is in use, or does not belong to this machine."""

    exit_status = 2


class AlreadyRunning(WatcherError):
    """Another process holds the ledger's lock."""

    exit_status = 3


class LedgerUntrusted(WatcherError):
    """The ledger is missing, foreign, damaged, or made by a newer version."""

    exit_status = 4


class CloudError(WatcherError):
    """A cloud service refused or stayed unreachable."""

    exit_status = 5
    transient: ClassVar[bool] = False  # True: nothing took effect, and a retry may succeed

    def __init__(
        self,
        sentence: str,
        *,
        hint: str = "",
        code: str = "",
        request_id: str = "",
        retry_after_s: float = 0.0,
        answered_at: int | None = None,
    ) -> None:
        self.code = code
        self.answered_at = answered_at  # `Date` of a refusal by OSS, milliseconds since the epoch
        self.request_id = request_id
        self.retry_after_s = retry_after_s  # as the service asked; 0 = it did not ask
        super().__init__(sentence, hint=hint)


class Unreachable(CloudError):
    """Transient: no connection, or a refusal before any effect."""

    transient = True


class CallSuppressed(Unreachable):
    """Transient: we did not send the call, so this says nothing about the service."""


class Throttled(CloudError):
    """Transient: the service asked us to slow down. The call had no effect."""

    transient = True


class Unavailable(CloudError):
    """Transient: a read (a listing, a HEAD) failed in the service or was not answered."""

    transient = True


class Unanswered(CloudError):
    """Unknown outcome: the call was sent, and no trustworthy answer came.

    It may have taken effect.
    """


class BodyRefused(Unanswered):
    """Unknown outcome: a foreign 4xx answer to a call with a form body.

    The form body itself may be the reason.
    """


class CallRefused(CloudError):
    """Permanent: the call was refused for its content. One of its items is at fault."""


class StartAfterIgnored(CloudError):
    """Permanent: a page in order that begins at or before its `start-after`.

    Its continuation token may still work.
    """


class BucketRefused(CloudError):
    """Global for one bucket: VOD or OSS does not serve it to us at all."""


class AccountRefused(CloudError):
    """Global: no call of this account can succeed until a person acts."""
