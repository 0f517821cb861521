"""One fault: which calls it hits, when, and what happens to them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from watcher.sandbox.faults.kinds import KINDS, SERVICES
from watcher.sandbox.oss.routes import NAMES, place_of
from watcher.sandbox.text import key_text
from watcher.sandbox.vod.echo import SPELLINGS
from watcher.sandbox.vod.file_url import named_object
from watcher.sandbox.vod.items import MAX_ITEMS
from watcher.sandbox.vod.parameters import CARRIERS, carrier_of, items_of
from watcher.sandbox.vod.service import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from watcher.sandbox.faults.kinds import Effect
    from watcher.sandbox.http_server import Answer, Request

_EVERYTHING: Final = "*"
_LEAST: Final = {"skip": 0, "next": 1, "every": 1, "items": 1, "retry_after_s": 0, "seconds": 0}
_LONGEST_S: Final = 24 * 60 * 60


class InvalidFault(ValueError):
    """A fault that makes no sense; `problems` has all reasons, each after the field's name."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Which calls are hit, when, and what happens to them.

    Of the calls that match, the first `skip` pass. Of the rest every `every`th is hit with
    `probability`, until `next` have been hit.

    `keys` and `bucket` limit which calls match. A call to VOD matches with an item of one of these
    keys or of this bucket. A call to OSS matches if it names such an object. `parameters_in`
    limits the calls to VOD to those with parameters in a body ("body") or without ("query").

    Raises:
        InvalidFault: the fields make no sense.
    """

    kind: str
    operation: str = _EVERYTHING  # an operation's name, "oss", "vod", or "*" for both
    skip: int = 0
    next: int | None = None  # None: no end
    every: int = 1
    probability: float = 1.0
    seed: int = 0  # of the probability, and of the order of what is shuffled
    keys: tuple[str, ...] = ()
    bucket: str = ""
    parameters_in: str = ""  # "query" or "body": only such calls of VOD
    effect: Effect | None = None  # None: the first of the kind's `effects`
    status: int = 0  # 0 and "": those of the kind
    code: str = ""
    message: str = ""
    retry_after_s: int = 0  # 0: no Retry-After
    seconds: float | None = None  # how long it lasts: a timeout 60, slowness 1, a restore a day
    items: int = 1  # how many, counted from the first, if `keys` is empty
    spelling: str = ""  # of the file URLs in the answer: one of `echo.SPELLINGS`
    callback: Callable[[Request], Answer | None] | None = None

    def __post_init__(self) -> None:
        """Refuse fields that make no sense."""
        if problems := tuple(_problems(self)):
            raise InvalidFault(problems)

    def matches(self, service: str, operation: str, request: Request) -> bool:
        """Return whether this fault may hit a call."""
        if self.operation not in {_EVERYTHING, service, operation}:
            return False
        if KINDS[self.kind].applies_to.isdisjoint({service, operation}):
            return False
        if self.parameters_in and (service != "vod" or self.parameters_in != carrier_of(request)):
            return False
        if not self.keys and not self.bucket:
            return True
        return any(
            (not self.bucket or bucket == self.bucket)
            and (not self.keys or not keys.isdisjoint(self.keys))
            for bucket, keys in _objects_of(service, request)
        )


def _objects_of(service: str, request: Request) -> Iterable[tuple[str, frozenset[str]]]:
    """Return the objects that a call names: the bucket of each, and the keys it may have."""
    if service == "vod":
        return [named_object(str(item.get("FileURL", ""))) for item in items_of(request)]
    bucket, key = place_of(request)
    return [(bucket, frozenset({key_text(key)}))]


def _problems(fault: Fault) -> Iterator[str]:
    yield from _problems_of_place(fault)
    for name, least in _LEAST.items():
        value = getattr(fault, name)
        if value is not None and value < least:
            yield f"{name}: must be {least} or more, not {value}"
    if fault.seconds is not None and not fault.seconds <= _LONGEST_S:
        yield f"seconds: must be at most {_LONGEST_S}, not {fault.seconds}"
    if not 0 < fault.probability <= 1:
        yield f"probability: must be above 0 and at most 1, not {fault.probability}"
    if fault.items > MAX_ITEMS:
        yield f"items: a call has at most {MAX_ITEMS}, not {fault.items}"
    if fault.status and (fault.status not in set(HTTPStatus) or fault.status < HTTPStatus.OK):
        yield f"status: {fault.status} is not the status of an answer"
    if fault.kind in KINDS:
        yield from _problems_of_kind(fault)


def _problems_of_place(fault: Fault) -> Iterator[str]:
    if fault.parameters_in and fault.parameters_in not in CARRIERS:
        yield f"parameters_in: must be {' or '.join(CARRIERS)}, not {fault.parameters_in!r}"
    if fault.kind not in KINDS:
        yield f"kind: {_unknown(fault.kind, KINDS)}"
    operations = {_EVERYTHING, *SERVICES, *NAMES, *ACTIONS}
    if fault.operation not in operations:
        yield f"operation: {_unknown(fault.operation, operations)}"
    elif fault.parameters_in and _never_meets(fault.operation, frozenset({"vod"})):
        yield f"parameters_in: {fault.operation} is no operation of VOD"
    elif fault.kind in KINDS and _never_meets(fault.operation, KINDS[fault.kind].applies_to):
        applies_to = " and ".join(sorted(KINDS[fault.kind].applies_to))
        yield (
            f"operation: a fault of kind {fault.kind} is for {applies_to}, "
            f"not for {fault.operation}"
        )


def _never_meets(operation: str, applies_to: frozenset[str]) -> bool:
    """Return whether no call is of this operation and also one that a kind applies to."""
    if operation == _EVERYTHING or operation in applies_to:
        return False
    if operation in SERVICES:
        return operation not in {_service_of(each) for each in applies_to}
    return _service_of(operation) not in applies_to


def _service_of(name: str) -> str:
    if name in SERVICES:
        return name
    return "vod" if name in ACTIONS else "oss"


def _problems_of_kind(fault: Fault) -> Iterator[str]:
    kind = KINDS[fault.kind]
    if fault.effect is not None and fault.effect not in kind.effects:
        yield (
            f"effect: must be {' or '.join(kind.effects)} for kind {fault.kind}, not {fault.effect}"
        )
    every_kind = {name for each in KINDS.values() for name in each.own_fields}
    for field in fields(fault):
        if (
            field.name in every_kind - kind.own_fields
            and getattr(fault, field.name) != field.default
        ):
            yield f"{field.name}: means nothing to kind {fault.kind}"
    if "spelling" in kind.own_fields and fault.spelling not in SPELLINGS:
        yield f"spelling: must be one of {', '.join(SPELLINGS)}, not {fault.spelling!r}"
    if "callback" in kind.own_fields and fault.callback is None:
        yield "kind: call is for tests in Python, which give it a function"


def _unknown(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"there is no {word}" + (f"; {near[0]} is meant?" if near else "")
