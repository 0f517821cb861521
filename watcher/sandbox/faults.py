"""Faults on schedule: which calls they hit, and when.

    faults = Faults(Fault(operation="RegisterMedia", kind="reset", next=1, effect="before"))
    sandbox.hook = faults

hits the next RegisterMedia call: it takes effect, and its reply is lost.  `fault_kinds.KINDS` is all there is;
`fault_file` reads the same from a file.
"""

from __future__ import annotations

import difflib
import random
import threading
from collections import Counter
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from watcher.sandbox.fault_kinds import KINDS, SERVICES, Incident
from watcher.sandbox.oss_routes import NAMES, operation_of, place_of
from watcher.sandbox.vod import ACTIONS, CARRIERS, action_of, carrier_of, items_of
from watcher.sandbox.vod_echo import SPELLINGS
from watcher.sandbox.vod_items import MAX_ITEMS
from watcher.sandbox.vod_registry import meant_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from watcher.sandbox.fault_kinds import Effect
    from watcher.sandbox.server import Sandbox
    from watcher.sandbox.wire import Answer, Request

_EVERYTHING: Final = "*"
_LEAST: Final = {"skip": 0, "next": 1, "every": 1, "items": 1, "retry_after_s": 0, "seconds": 0}
_LONGEST_S: Final = 24 * 60 * 60


class InvalidFault(ValueError):
    """A fault that cannot be; `problems` are all the reasons, each with the field's name in front."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Which calls something happens to, when, and what.

    Of the calls that match, the first `skip` pass; of those after them every `every`th is hit, with this
    probability, until `next` have been hit.  `keys` and `bucket` narrow down which calls match: for VOD, those with an
    item of one of these keys or of this bucket; for OSS, those for such an object.  `parameters_in` narrows down the
    calls of VOD to those with a form body ("body") or without one ("query").

    Raises:
        InvalidFault: what is said makes no sense.
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
    effect: Effect | None = None  # when the operation takes effect: "before" the fault shows, "after", or "none" at all
    status: int = 0  # 0 and "": those of the kind
    code: str = ""
    message: str = ""
    retry_after_s: int = 0  # 0: does not say
    seconds: float | None = None  # how long a timeout or slowness lasts; by default 60 and 1
    items: int = 1  # how many, counted from the first, if `keys` does not say which
    spelling: str = ""  # of the file URLs in the answer: one of `vod_echo.SPELLINGS`
    callback: Callable[[Request], Answer | None] | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if problems := tuple(_problems(self)):
            raise InvalidFault(problems)

    def concerns(self, service: str, operation: str, request: Request) -> bool:
        """Return whether a call is of those that this fault may hit."""
        if self.operation not in {_EVERYTHING, service, operation}:
            return False
        if KINDS[self.kind].meant_for.isdisjoint({service, operation}):
            return False
        if self.parameters_in and (service != "vod" or self.parameters_in != carrier_of(request)):
            return False
        if not self.keys and not self.bucket:
            return True
        return any(
            (not self.bucket or bucket == self.bucket) and (not self.keys or not keys.isdisjoint(self.keys))
            for bucket, keys in _objects_of(service, request)
        )


class Faults:
    """A hook that hits calls with the faults it was given, in their order: at most one for each call.

    The others do not count a call that one has hit.
    """

    def __init__(self, *faults: Fault) -> None:
        self._schedules: list[_Schedule] = []
        self._hits: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        for fault in faults:
            self.add(fault)

    @property
    def hits(self) -> Counter[Fault]:
        """How many calls each fault has hit so far; `.total()` for all."""
        with self._lock:
            return self._hits.copy()

    def add(self, fault: Fault) -> Fault:
        """Schedule one more, from now on; return it."""
        with self._lock:
            self._schedules.append(_Schedule(fault))
        return fault

    def on(self, operation: str, callback: Callable[[Request], Answer | None], **when: Any) -> Fault:
        """Schedule a function of the test's own, which may answer; with `effect="before"`, after the effect."""
        return self.add(Fault(operation=operation, kind="call", callback=callback, **when))

    def clear(self) -> None:
        """Let everything through from now on; `hits` stays."""
        with self._lock:
            self._schedules.clear()

    def attach(self, sandbox: Sandbox) -> None:
        """Know the sandbox whose calls are hit; it says so itself."""
        self._sandbox = sandbox

    def before_effect(self, service: str, request: Request) -> Answer | None:
        """Return what a fault shows for a call, or None if none hits it.

        Raises:
            HungUp: it shows nothing.
        """
        if not self._schedules or self._sandbox is None:
            return None
        operation = action_of(request) if service == "vod" else operation_of(request)
        fault = self._due(service, operation, request)
        if fault is None:
            return None
        return KINDS[fault.kind].show(Incident(fault=fault, service=service, request=request, sandbox=self._sandbox))

    def after_effect(self, service: str, request: Request, answer: Answer) -> Answer:  # noqa: ARG002
        """Send the answer as it is: a fault that hits has seen to it before."""
        return answer

    def _due(self, service: str, operation: str, request: Request) -> Fault | None:
        with self._lock:
            for schedule in self._schedules:
                if schedule.fault.concerns(service, operation, request) and schedule.is_due():
                    self._hits[schedule.fault] += 1
                    return schedule.fault
        return None


class _Schedule:
    """One fault and the calls it has seen."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._hit = 0
        self._chance = random.Random(fault.seed)  # noqa: S311 (chance that can be repeated)

    def is_due(self) -> bool:
        """Count a call; return whether it is hit."""
        self._seen += 1
        place = self._seen - self.fault.skip
        if place < 1 or place % self.fault.every or self._hit == self.fault.next:
            return False
        if self._chance.random() >= self.fault.probability:
            return False
        self._hit += 1
        return True


def _objects_of(service: str, request: Request) -> Iterable[tuple[str, frozenset[str]]]:
    """Return the objects that a call is about: each one's bucket, and the keys it may have."""
    if service == "vod":
        return [meant_by(str(item.get("FileURL", ""))) for item in items_of(request)]
    bucket, key = place_of(request)
    return [(bucket, frozenset({key.decode("utf-8", "surrogateescape")}))]


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
    elif fault.kind in KINDS and _never_meets(fault.operation, KINDS[fault.kind].meant_for):
        meant_for = " and ".join(sorted(KINDS[fault.kind].meant_for))
        yield f"operation: a fault of kind {fault.kind} is for {meant_for}, not for {fault.operation}"


def _never_meets(operation: str, meant_for: frozenset[str]) -> bool:
    """Return whether no call is of this operation and of those that a kind is meant for."""
    if operation == _EVERYTHING or operation in meant_for:
        return False
    if operation in SERVICES:
        return operation not in {_service_of(each) for each in meant_for}
    return _service_of(operation) not in meant_for


def _service_of(name: str) -> str:
    return name if name in SERVICES else "vod" if name in ACTIONS else "oss"


def _problems_of_kind(fault: Fault) -> Iterator[str]:
    kind = KINDS[fault.kind]
    if fault.effect is not None and fault.effect not in kind.effects:
        yield f"effect: must be {' or '.join(kind.effects)} for kind {fault.kind}, not {fault.effect}"
    every_kind = {name for each in KINDS.values() for name in each.takes}
    for field in fields(fault):
        if field.name in every_kind - kind.takes and getattr(fault, field.name) != field.default:
            yield f"{field.name}: means nothing to kind {fault.kind}"
    if "spelling" in kind.takes and fault.spelling not in SPELLINGS:
        yield f"spelling: must be one of {', '.join(SPELLINGS)}, not {fault.spelling!r}"
    if "callback" in kind.takes and fault.callback is None:
        yield "kind: call is for tests in Python, which give it a function"


def _unknown(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"there is no {word}" + (f"; {near[0]} is meant?" if near else "")
