"""Inject a fault into one call: change its answer, replace it, or lose it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from watcher.sandbox.faults.answers import (
    ERRORS,
    FOREIGN,
    ErrorParts,
    foreign,
    oss_error,
    vod_error,
)
from watcher.sandbox.faults.kinds import KINDS
from watcher.sandbox.http_server import Answer, HungUp, do_nothing
from watcher.sandbox.vod.calls import NO_DEVIATION, Deviation
from watcher.sandbox.vod.items import MAX_ITEMS

if TYPE_CHECKING:
    from watcher.sandbox.faults.fault import Fault
    from watcher.sandbox.faults.kinds import Effect
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.services import Services

_CONTENTS: Final = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_NOT_IN_AN_EMPTY_PAGE: Final = re.compile(
    rb"<(Contents|CommonPrefixes|NextContinuationToken)>.*?</\1>", re.DOTALL
)
_START: Final = b"AAAA"  # a continuation token that leads to the first key
_UNANSWERED_S: Final = 60.0
_SLOW_S: Final = 1.0
_RESTORE_S: Final = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One call, and the fault that hits it."""

    fault: Fault
    service: str
    request: Request
    services: Services

    @property
    def effect(self) -> Effect:
        """When the operation takes effect: before the fault shows, after it, or never."""
        return self.fault.effect or KINDS[self.fault.kind].effects[0]

    @property
    def then(self) -> Callable[[], object]:
        """The work that is left once the fault has shown."""
        return self._take_effect_late if self.effect == "after" else do_nothing

    def take_effect(self, deviation: Deviation = NO_DEVIATION) -> Answer:
        """Make the operation take effect, and return its answer."""
        if self.service == "vod":
            return self.services.vod.take_effect(self.request, deviation)
        return self.services.oss.take_effect(self.request)

    def own_answer(self) -> Answer:
        """Return the operation's own answer, without its effect if that comes later or never."""
        reads_only = self.service == "oss" and self.request.method in {"GET", "HEAD"}
        if self.effect == "before" or reads_only:
            return self.take_effect()
        return self.take_effect(Deviation(dry_run=True)) if self.service == "vod" else Answer()

    def wait(self, seconds: float) -> None:
        """Wait for the fault's `seconds`, or else these, or until the sandbox is closed."""
        given = self.fault.seconds
        self.services.clock.wait(seconds if given is None else given)

    def _take_effect_late(self) -> None:
        if self.service == "vod":
            self.services.vod.take_effect_late(self.request)
        else:
            self.services.oss.take_effect(self.request)


def inject(incident: Incident) -> Answer:
    """Return the answer to a call that a fault hits.

    Raises:
        HungUp: the fault resets the connection.
    """
    return _INJECTIONS[incident.fault.kind](incident)


_Injection = Callable[[Incident], Answer]


def _instead(answer: Callable[[Incident], Answer | None]) -> _Injection:
    """Give this answer in place of the operation's own; None resets the connection."""

    def inject(incident: Incident) -> Answer:
        if incident.effect == "before":
            incident.take_effect()
        shown = answer(incident)
        if shown is None:
            raise HungUp(incident.then)
        return replace(shown, then=incident.then)

    return inject


def _altered(alter: Callable[[Answer, Fault], Answer]) -> _Injection:
    """Alter the operation's own answer."""

    def inject(incident: Incident) -> Answer:
        return replace(alter(incident.own_answer(), incident.fault), then=incident.then)

    return inject


def _error(incident: Incident) -> Answer:
    fault, services = incident.fault, incident.services
    other = ErrorParts(fault.status, fault.code, fault.message, fault.retry_after_s)
    if incident.service == "vod":
        return services.vod.refuse_call(incident.request, vod_error(fault.kind, other))
    return services.oss.refuse_call(incident.request, oss_error(fault.kind, other))


def _foreign(incident: Incident) -> Answer:
    return foreign(incident.fault.kind, incident.service, status=incident.fault.status)


def _no_answer(incident: Incident) -> None:
    incident.wait(_UNANSWERED_S)


def _reset(_: Incident) -> None:
    """Give no answer at all."""


def _slow(incident: Incident) -> Answer:
    if incident.effect == "after":
        incident.wait(_SLOW_S)
        return incident.take_effect()
    answer = incident.take_effect()
    incident.wait(_SLOW_S)
    return answer


def _slow_restore(incident: Incident) -> Answer:
    given, oss = incident.fault.seconds, incident.services.oss
    takes_s = _RESTORE_S if given is None else given
    return oss.take_effect(incident.request, options=replace(oss.options, restore_takes_s=takes_s))


def _call(incident: Incident) -> Answer:
    """Call the test's function. Where it returns no answer, give the operation's own."""
    assert incident.fault.callback is not None  # noqa: S101 - a fault of this kind has one
    before = incident.take_effect() if incident.effect == "before" else None
    shown = incident.fault.callback(incident.request)
    if shown is not None:
        return replace(shown, then=incident.then)
    if incident.effect == "none":
        raise HungUp
    return before or incident.take_effect()


def _truncated(answer: Answer, _: Fault) -> Answer:
    return replace(
        answer,
        headers=_without(answer, "content-length"),
        body=answer.body[: len(answer.body) // 2],
        content=answer.content[: len(answer.content) // 2],
    )


def _cut_off(answer: Answer, fault: Fault) -> Answer:
    promised = {"Content-Length": str(answer.size_bytes or 1), "Connection": "close"}
    cut = _truncated(answer, fault)
    return replace(cut, headers={**cut.headers, **promised})


def _without_date(answer: Answer, _: Fault) -> Answer:
    return replace(answer, headers=_without(answer, "date"))


def _without(answer: Answer, header: str) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != header}


def _partial_refusal(incident: Incident) -> Answer:
    return incident.take_effect(_deviation(incident.fault, refused=True))


def _missing_items(incident: Incident) -> Answer:
    refused = incident.effect == "none"
    return incident.take_effect(_deviation(incident.fault, refused=refused, omitted=True))


def _deviation(fault: Fault, *, refused: bool, omitted: bool = False) -> Deviation:
    return Deviation(
        keys=frozenset(fault.keys), first=fault.items, refused=refused, omitted=omitted
    )


def _echo(incident: Incident) -> Answer:
    fault = incident.fault
    return incident.take_effect(
        Deviation(keys=frozenset(fault.keys), first=MAX_ITEMS, spelling=fault.spelling)
    )


def _shuffled(answer: Answer, fault: Fault) -> Answer:
    if answer.status != HTTPStatus.OK:
        return answer
    order = random.Random(fault.seed)  # noqa: S311 (chance that can be repeated)
    in_order = _shuffled_json if answer.body.startswith(b"{") else _shuffled_xml
    return replace(answer, body=in_order(answer.body, order))


def _shuffled_json(body: bytes, order: random.Random) -> bytes:
    fields = json.loads(body)
    for value in fields.values():
        if isinstance(value, list):
            order.shuffle(value)
    return json.dumps(fields, ensure_ascii=False).encode()


def _shuffled_xml(body: bytes, order: random.Random) -> bytes:
    """Shuffle the elements of each name, which are what a list is in XML."""
    root = ET.fromstring(body)  # noqa: S314 - the sandbox wrote it
    elements = list(root)
    order.shuffle(elements)
    elements.sort(key=lambda each: each.tag)
    root[:] = elements
    shuffled: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return shuffled


def _empty_listing(answer: Answer, _: Fault) -> Answer:
    body = _NOT_IN_AN_EMPTY_PAGE.sub(b"", answer.body)
    body = body.replace(b"<IsTruncated>true<", b"<IsTruncated>false<")
    return replace(answer, body=re.sub(rb"<KeyCount>\d+<", b"<KeyCount>0<", body))


def _out_of_order(answer: Answer, _: Fault) -> Answer:
    backwards = reversed(_CONTENTS.findall(answer.body))
    return replace(answer, body=_CONTENTS.sub(lambda _: next(backwards), answer.body))


def _no_advance(incident: Incident) -> Answer:
    """Return the first page for every token, and say that there are more."""
    query = tuple(
        pair
        for pair in incident.request.query
        if pair[0] not in {"start-after", "continuation-token"}
    )
    answer = incident.services.oss.take_effect(
        incident.request, as_if=replace(incident.request, query=query)
    )
    more = (
        b"<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>" % _START
    )
    return replace(answer, body=answer.body.replace(b"<IsTruncated>false</IsTruncated>", more))


_INJECTIONS: Final[dict[str, _Injection]] = {
    **dict.fromkeys(ERRORS, _instead(_error)),
    **dict.fromkeys(FOREIGN, _instead(_foreign)),
    "timeout": _instead(_no_answer),
    "reset": _instead(_reset),
    "slow": _slow,
    "slow_restore": _slow_restore,
    "call": _call,
    "truncated": _altered(_truncated),
    "cut_off": _altered(_cut_off),
    "missing_date": _altered(_without_date),
    "partial_refusal": _partial_refusal,
    "missing_items": _missing_items,
    "echo": _echo,
    "shuffled": _altered(_shuffled),
    "empty_listing": _altered(_empty_listing),
    "out_of_order": _altered(_out_of_order),
    "no_advance": _no_advance,
}
