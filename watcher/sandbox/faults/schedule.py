"""Schedule faults on a sandbox.

    faults = Faults(Fault(operation="RegisterMedia", kind="reset", next=1, effect="before"))
    sandbox.hook = faults

hits the next RegisterMedia call: it takes effect, and its reply is lost. `kinds.KINDS` lists all
kinds. `file` reads faults from a file.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from watcher.sandbox.faults.fault import Fault
from watcher.sandbox.faults.injection import Incident, inject
from watcher.sandbox.oss.routes import operation_of
from watcher.sandbox.vod.parameters import action_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.sandbox.http_server import Answer, Request
    from watcher.sandbox.services import Services


class Faults:
    """A hook that hits calls with its faults, in their order, at most one for each call.

    A call that one fault hits does not count for the others.
    """

    def __init__(self, *faults: Fault) -> None:
        self._schedules: list[_Schedule] = []
        self._hits: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._services: Services | None = None
        for fault in faults:
            self.add(fault)

    @property
    def hits(self) -> Counter[Fault]:
        """How many calls each fault has hit so far; `.total()` for all."""
        with self._lock:
            return self._hits.copy()

    def add(self, fault: Fault) -> Fault:
        """Schedule one more fault from now on, and return it."""
        with self._lock:
            self._schedules.append(_Schedule(fault))
        return fault

    def on(
        self, operation: str, callback: Callable[[Request], Answer | None], **when: Any
    ) -> Fault:
        """Schedule a function of a test, which may answer.

        With `effect="before"` the operation takes effect before the call of the function.
        """
        return self.add(Fault(operation=operation, kind="call", callback=callback, **when))

    def clear(self) -> None:
        """Drop all scheduled faults; `hits` stays."""
        with self._lock:
            self._schedules.clear()

    def attach(self, services: Services) -> None:
        """Use the services whose calls are hit; the sandbox calls this."""
        self._services = services

    def before_effect(self, service: str, request: Request) -> Answer | None:
        """Return the answer of a fault that hits this call, or None.

        Raises:
            HungUp: the fault resets the connection.
        """
        if not self._schedules or self._services is None:
            return None
        operation = action_of(request) if service == "vod" else operation_of(request)
        fault = self._due(service, operation, request)
        if fault is None:
            return None
        return inject(
            Incident(fault=fault, service=service, request=request, services=self._services)
        )

    def after_effect(self, service: str, request: Request, answer: Answer) -> Answer:  # noqa: ARG002
        """Send the answer unchanged: `before_effect` does all of a fault's work."""
        return answer

    def _due(self, service: str, operation: str, request: Request) -> Fault | None:
        with self._lock:
            for schedule in self._schedules:
                if schedule.fault.matches(service, operation, request) and schedule.is_due():
                    self._hits[schedule.fault] += 1
                    return schedule.fault
        return None


class _Schedule:
    """One fault and the calls that matched it."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._hit = 0
        self._chance = random.Random(fault.seed)  # noqa: S311 (chance that can be repeated)

    def is_due(self) -> bool:
        """Count a call, and return whether it is hit."""
        self._seen += 1
        place = self._seen - self.fault.skip
        if place < 1 or place % self.fault.every or self._hit == self.fault.next:
            return False
        if self._chance.random() >= self.fault.probability:
            return False
        self._hit += 1
        return True
