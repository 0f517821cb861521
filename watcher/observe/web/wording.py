"""What failures mean, how they are cured, and what happens next with an entry."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from watcher.model import NOT_MENTIONED, Failure, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import Breaker
    from watcher.reports import Story


@dataclass(frozen=True, slots=True)
class Cure:
    """What a reason means, and what a person can do."""

    meaning: str
    cure: str


CURES: Final = {
    Failure.REFUSED: Cure(
        "VOD would not take it, as often as max_attempts allows, and gave no reason.",
        "See whether it plays and whether its format is one of VOD's; upload it anew, or retry it.",
    ),
    Failure.FILE_URL_TOO_LONG: Cure(
        "Its URL has more than 1024 bytes, so no call was made.",
        "Copy it to a shorter key: what is copied is found by the next scan.",
    ),
    Failure.GONE: Cure(
        "It was no longer in the bucket when VOD refused it.",
        "Nothing, if it was deleted on purpose. Once it is uploaded again, it starts afresh by itself.",
    ),
    Failure.ARCHIVED: Cure(
        "It is in an archive storage class, which VOD cannot read.",
        "Restore it in OSS, or move it to Standard; a scan then finds it by itself.",
    ),
    Failure.ILLEGAL_CHARACTERS: Cure(
        "VOD refused a character of its title, description or tags.",
        "Change the texts in [watch.media], or the key, then retry it.",
    ),
    Failure.BAD_REQUEST: Cure(
        "VOD refused the call for what it says of this file.",
        "Read the message, correct [watch.media], then retry it.",
    ),
}
UNKNOWN: Final = Cure("A reason that this version does not know.", "Read the message.")


def cure(reason: str) -> Cure:
    """Return what a reason means and what to do about it."""
    return CURES[Failure(reason)] if reason in set(Failure) else UNKNOWN


def retry_command(bucket: str, key: str, *, changed: bool = False) -> str:
    """Return the command that puts one entry back in line, or acknowledges it, to be pasted into a shell."""
    flags = " --changed" if changed else ""
    if key.isprintable() and not key.startswith(" ") and not key.endswith(" "):
        return f"oss-vod-watcher retry{flags} {shlex.quote(f'oss://{bucket}/{key}')}"
    return f"oss-vod-watcher retry{flags} --encoding-type url {shlex.quote(f'oss://{bucket}/{quote(key)}')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What happens next with an entry: sentences, an instant that goes with them, and a command."""

    sentence: str
    at_ms: int | None = None
    command: str = ""


def what_next(story: Story, breakers: Sequence[Breaker], *, now_ms: int, max_attempts: int) -> Next:
    """Return what happens next with an entry, and what a person can do."""
    match State(story.state):
        case State.FAILED:
            told = cure(story.reason or "")
            command = "" if story.reason == Failure.GONE else retry_command(story.bucket, story.key)
            return Next(sentence=f"Nothing, until a person acts. {told.meaning} {told.cure}", command=command)
        case State.REGISTERED if story.changed:
            return Next(
                sentence="It was overwritten after it was registered. VOD keeps its media ID, and does nothing for a "
                "second registration; it stays marked until a person acknowledges it.",
                command=retry_command(story.bucket, story.key, changed=True),
            )
        case State.REGISTERED:
            return Next(sentence="Nothing: it is registered. Scans go on looking whether it is overwritten.")
        case State.CLAIMED:
            return Next(
                sentence="A call that carries it is under way. If that process died, the next one asks again: VOD "
                "answers with the same media ID."
            )
        case State.PENDING:
            return _waiting(story, breakers, now_ms=now_ms, max_attempts=max_attempts)


def _waiting(story: Story, breakers: Sequence[Breaker], *, now_ms: int, max_attempts: int) -> Next:
    closed_to = [each for each in breakers if each.bucket in {"", story.bucket}]
    if story.due_at is None:
        return Next(sentence="It waits: no watch of the present configuration selects it.")
    if closed_to:
        return Next(
            sentence=f"It waits, for calls are stopped: {closed_to[0].reason} The next call is a probe, due",
            at_ms=closed_to[0].next_probe_at,
        )
    alone = story.attempts or story.message == NOT_MENTIONED
    how = "It is asked alone" if alone else "It goes with one of the next calls"
    left = f", refusal {story.attempts + 1} of {max_attempts} would make it failed" if story.attempts else ""
    if story.due_at > now_ms:
        return Next(sentence=f"{how}{left}, not before", at_ms=story.due_at)
    return Next(sentence=f"{how}{left}. It is due since", at_ms=story.due_at)
