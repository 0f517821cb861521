"""What each kind of fault does to one call: instead of its answer, or to it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

from watcher.sandbox.fault_answers import ERRORS, FOREIGN, error, foreign
from watcher.sandbox.vod_items import MAX_ITEMS
from watcher.sandbox.vod_registry import Deviation
from watcher.sandbox.wire import Answer, HungUp, nothing

if TYPE_CHECKING:
    from watcher.sandbox.faults import Fault
    from watcher.sandbox.server import Sandbox
    from watcher.sandbox.wire import Request

Effect = Literal["before", "after", "none"]
SERVICES: Final = frozenset({"oss", "vod"})
_VOD: Final = frozenset({"vod"})
_LISTING: Final = frozenset({"ListObjectsV2"})
_REGISTERING: Final = frozenset({"RegisterMedia"})
_CONTENTS: Final = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_NOT_IN_AN_EMPTY_PAGE: Final = re.compile(rb"<(Contents|CommonPrefixes|NextContinuationToken)>.*?</\1>", re.DOTALL)
_START: Final = b"AAAA"  # a continuation token that leads to the first key
_UNANSWERED_S: Final = 60.0
_SLOW_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One call, and the fault that hits it."""

    fault: Fault
    service: str
    request: Request
    sandbox: Sandbox

    @property
    def effect(self) -> Effect:
        """When the operation takes effect: before the fault is shown, after it, or never."""
        return self.fault.effect or KINDS[self.fault.kind].effects[0]

    @property
    def then(self) -> Callable[[], object]:
        """What is left to do when the fault has been shown."""
        return self._take_effect_late if self.effect == "after" else nothing

    def take_effect(self, deviation: Deviation | None = None) -> Answer:
        """Let the operation take effect and return its answer."""
        if self.service == "vod":
            return self.sandbox.vod.take_effect(self.request, deviation)
        return self.sandbox.oss.take_effect(self.request)

    def true_answer(self) -> Answer:
        """Return the operation's own answer, which is only made up if it is not to take effect now."""
        if self.effect == "before" or (self.service == "oss" and self.request.method in {"GET", "HEAD"}):
            return self.take_effect()
        return self.take_effect(Deviation(rehearsed=True)) if self.service == "vod" else Answer()

    def wait(self, seconds: float) -> None:
        """Wait for as long as the fault says, or by default so many seconds; closing the sandbox cuts it short."""
        given = self.fault.seconds
        self.sandbox.clock.wait(seconds if given is None else given)

    def _take_effect_late(self) -> None:
        if self.service == "vod":
            self.sandbox.vod.take_effect_late(self.request)
        else:
            self.sandbox.oss.take_effect(self.request)


Show = Callable[[Incident], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault."""

    show: Show
    meant_for: frozenset[str] = SERVICES  # services or operations
    effects: tuple[Effect, ...] = ("none", "before", "after")  # the first is the default
    takes: frozenset[str] = frozenset()  # the fields, besides those that say when and where, that mean something to it


def _instead(answer: Callable[[Incident], Answer | None]) -> Show:
    """Show this answer, whatever the operation's own is; None hangs up."""

    def show(incident: Incident) -> Answer:
        if incident.effect == "before":
            incident.take_effect()
        shown = answer(incident)
        if shown is None:
            raise HungUp(incident.then)
        return replace(shown, then=incident.then)

    return show


def _altered(alter: Callable[[Answer, Fault], Answer]) -> Show:
    """Show the operation's own answer, altered."""

    def show(incident: Incident) -> Answer:
        return replace(alter(incident.true_answer(), incident.fault), then=incident.then)

    return show


def _refused_by(kind: str) -> Show:
    def answer(incident: Incident) -> Answer:
        refused = error(kind, incident.service, incident.fault)
        service: Any = incident.sandbox.vod if incident.service == "vod" else incident.sandbox.oss
        shown: Answer = service.refuse_call(incident.request, refused)
        return shown

    return _instead(answer)


def _foreign(kind: str) -> Show:
    return _instead(lambda incident: foreign(kind, incident.service, incident.fault))


def _no_answer(incident: Incident) -> None:
    incident.wait(_UNANSWERED_S)


def _slow(incident: Incident) -> Answer:
    if incident.effect == "after":
        incident.wait(_SLOW_S)
        return incident.take_effect()
    answer = incident.take_effect()
    incident.wait(_SLOW_S)
    return answer


def _called(incident: Incident) -> Answer:
    """Call the test's function; what it returns is shown, and if that is nothing, what would be shown anyway."""
    assert incident.fault.callback is not None  # noqa: S101 - a fault of this kind has one
    before = incident.take_effect() if incident.effect == "before" else None
    shown = incident.fault.callback(incident.request)
    if shown is not None:
        return replace(shown, then=incident.then)
    if incident.effect == "none":
        raise HungUp
    return before or incident.take_effect()


def _truncated(answer: Answer, _: Fault) -> Answer:
    return replace(answer, headers=_without(answer, "content-length"), body=answer.body[: len(answer.body) // 2])


def _cut_off(answer: Answer, fault: Fault) -> Answer:
    promised = {"Content-Length": str(len(answer.body) or 1), "Connection": "close"}
    cut = _truncated(answer, fault)
    return replace(cut, headers={**cut.headers, **promised})


def _without_date(answer: Answer, _: Fault) -> Answer:
    return replace(answer, headers=_without(answer, "date"))


def _without(answer: Answer, header: str) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != header}


def _in_part_refused(incident: Incident) -> Answer:
    return incident.take_effect(_deviation(incident.fault, refused=True))


def _with_missing_items(incident: Incident) -> Answer:
    return incident.take_effect(_deviation(incident.fault, refused=incident.effect == "none", omitted=True))


def _deviation(fault: Fault, *, refused: bool, omitted: bool = False) -> Deviation:
    return Deviation(keys=frozenset(fault.keys), first=fault.items, refused=refused, omitted=omitted)


def _respelled(incident: Incident) -> Answer:
    fault = incident.fault
    return incident.take_effect(Deviation(keys=frozenset(fault.keys), first=MAX_ITEMS, spelling=fault.spelling))


def _shuffled(answer: Answer, fault: Fault) -> Answer:
    if answer.status != HTTPStatus.OK:
        return answer
    order = random.Random(fault.seed)  # noqa: S311 (chance that can be repeated)
    fields = json.loads(answer.body)
    for value in fields.values():
        if isinstance(value, list):
            order.shuffle(value)
    return replace(answer, body=json.dumps(fields, ensure_ascii=False).encode())


def _empty(answer: Answer, _: Fault) -> Answer:
    body = _NOT_IN_AN_EMPTY_PAGE.sub(b"", answer.body)
    body = body.replace(b"<IsTruncated>true<", b"<IsTruncated>false<")
    return replace(answer, body=re.sub(rb"<KeyCount>\d+<", b"<KeyCount>0<", body))


def _out_of_order(answer: Answer, _: Fault) -> Answer:
    backwards = reversed(_CONTENTS.findall(answer.body))
    return replace(answer, body=_CONTENTS.sub(lambda _: next(backwards), answer.body))


def _not_advancing(incident: Incident) -> Answer:
    """Return the first page, whatever was asked for, and say that there are more."""
    query = tuple(pair for pair in incident.request.query if pair[0] not in {"start-after", "continuation-token"})
    answer = incident.sandbox.oss.take_effect(incident.request, as_if=replace(incident.request, query=query))
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>" % _START
    return replace(answer, body=answer.body.replace(b"<IsTruncated>false</IsTruncated>", more))


_ANSWER: Final = frozenset({"status", "code", "message", "retry_after_s"})
_STANDS: Final[tuple[Effect, ...]] = ("before",)
KINDS: Final[dict[str, Kind]] = {
    **{
        kind: Kind(show=_refused_by(kind), takes=_ANSWER, meant_for=frozenset(answers))
        for kind, answers in ERRORS.items()
    },
    **{
        kind: Kind(show=_foreign(kind), takes=frozenset({"status"}), meant_for=frozenset(bodies))
        for kind, bodies in FOREIGN.items()
    },
    "timeout": Kind(show=_instead(_no_answer), takes=frozenset({"seconds"})),
    "reset": Kind(show=_instead(lambda _: None)),
    "slow": Kind(show=_slow, effects=("after", "before"), takes=frozenset({"seconds"})),
    "call": Kind(show=_called, effects=("after", "before", "none"), takes=frozenset({"callback"})),
    "truncated": Kind(show=_altered(_truncated), effects=("before", "none", "after")),
    "cut_off": Kind(show=_altered(_cut_off), effects=("before", "none", "after")),
    "missing_date": Kind(show=_altered(_without_date), effects=_STANDS),
    "partial_refusal": Kind(show=_in_part_refused, meant_for=_REGISTERING, effects=_STANDS, takes=frozenset({"items"})),
    "missing_items": Kind(
        show=_with_missing_items, meant_for=_REGISTERING, effects=("before", "none"), takes=frozenset({"items"})
    ),
    "echo": Kind(show=_respelled, meant_for=_REGISTERING, effects=_STANDS, takes=frozenset({"spelling"})),
    "shuffled": Kind(show=_altered(_shuffled), meant_for=_VOD, effects=_STANDS),
    "empty_listing": Kind(show=_altered(_empty), meant_for=_LISTING, effects=_STANDS),
    "out_of_order": Kind(show=_altered(_out_of_order), meant_for=_LISTING, effects=_STANDS),
    "no_advance": Kind(show=_not_advancing, meant_for=_LISTING, effects=_STANDS),
}
