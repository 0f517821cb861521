"""Meaning and cure of each failure reason, and the next step of an entry."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from watcher.model import NOT_MENTIONED, Failure, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import Breaker
    from watcher.model.reports import Story


@dataclass(frozen=True, slots=True)
class Cure:
    """The meaning of a failure reason, and its cure."""

    meaning: str
    cure: str


CURES: Final = {
    Failure.REFUSED: Cure(
        "VOD refused the file max_attempts times and gave no reason.",
        "Check that the file plays and that VOD supports its format. Upload it again, or retry it.",
    ),
    Failure.FILE_URL_TOO_LONG: Cure(
        "The file URL has more than 1024 bytes, so no call was made.",
        "Copy the object to a shorter key. The next scan finds the copy.",
    ),
    Failure.GONE: Cure(
        "The object was no longer in the bucket when VOD refused it.",
        "Do nothing if it was deleted on purpose. A new upload of the key is registered by itself.",
    ),
    Failure.ARCHIVED: Cure(
        "The object has an archive storage class, which VOD cannot read.",
        "Restore it in OSS, or move it to Standard. The next scan then finds it.",
    ),
    Failure.ILLEGAL_CHARACTERS: Cure(
        "VOD refused a character in the title, description or tags.",
        "Change the texts in [watch.media], or the key, then retry the entry.",
    ),
    Failure.BAD_REQUEST: Cure(
        "VOD refused the metadata of this file.",
        "Read the message, correct [watch.media], then retry the entry.",
    ),
}
UNKNOWN: Final = Cure("This version does not know the reason.", "Read the message.")


def cure(reason: str) -> Cure:
    """Return meaning and cure of a reason."""
    return CURES[Failure(reason)] if reason in set(Failure) else UNKNOWN


def retry_command(bucket: str, key: str, *, changed: bool = False) -> str:
    """Return the shell command that retries one entry, or acknowledges a changed one."""
    flags = " --changed" if changed else ""
    if key.isprintable() and not key.startswith(" ") and not key.endswith(" "):
        return f"oss-vod-watcher retry{flags} {shlex.quote(f'oss://{bucket}/{key}')}"
    return f"oss-vod-watcher retry{flags} --encoding-type url {shlex.quote(f'oss://{bucket}/{quote(key)}')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The next step of an entry: sentences, their instant, and a command for a person."""

    sentence: str
    at_ms: int | None = None
    command: str = ""


def what_next(story: Story, breakers: Sequence[Breaker], *, now_ms: int, max_attempts: int) -> Next:
    """Return the next step of an entry, and the command that a person may run."""
    match State(story.state):
        case State.FAILED:
            reason = cure(story.reason or "")
            command = "" if story.reason == Failure.GONE else retry_command(story.bucket, story.key)
            return Next(
                sentence=f"Nothing, until a person acts. {reason.meaning} {reason.cure}",
                command=command,
            )
        case State.REGISTERED if story.changed:
            return Next(
                sentence=(
                    "The object was overwritten after its registration. VOD keeps the media ID and "
                    "ignores a second registration. The mark stays until a person acknowledges it."
                ),
                command=retry_command(story.bucket, story.key, changed=True),
            )
        case State.REGISTERED:
            return Next(
                sentence="Nothing: the object is registered. Scans check if it is overwritten."
            )
        case State.CLAIMED:
            return Next(
                sentence=(
                    "A call with this entry is in progress. If its process died, the next process "
                    "repeats the call, and VOD answers with the same media ID."
                )
            )
        case State.PENDING:
            return _waiting(story, breakers, now_ms=now_ms, max_attempts=max_attempts)


def _waiting(story: Story, breakers: Sequence[Breaker], *, now_ms: int, max_attempts: int) -> Next:
    closed_to = [each for each in breakers if each.bucket in {"", story.bucket}]
    if story.due_at is None:
        return Next(sentence="The entry waits: no watch of the configuration selects it.")
    if closed_to:
        reason = closed_to[0].reason
        return Next(
            sentence=f"The entry waits, because calls are stopped: {reason} Next trial call:",
            at_ms=closed_to[0].next_probe_at,
        )
    alone = story.attempts or story.message == NOT_MENTIONED
    sentences = ["The next call sends it alone." if alone else "One of the next calls sends it."]
    if story.attempts:
        sentences.append(f"Refusal {story.attempts + 1} of {max_attempts} would make it failed.")
    sentences.append("Not before" if story.due_at > now_ms else "Due since")
    return Next(sentence=" ".join(sentences), at_ms=story.due_at)
