"""Where faults come in: every request passes here, before and after it takes effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.sandbox.wire import Answer, Request


class Hook(Protocol):
    """May answer in a service's place, change its answer, or raise `wire.HungUp` to reset the connection."""

    def before_effect(self, service: str, request: Request) -> Answer | None:
        """Return an answer that is given without any effect, or None to let the request through."""
        ...

    def after_effect(self, service: str, request: Request, answer: Answer) -> Answer:
        """Return what is sent instead of `answer`, whose effect stands."""
        ...


class NoHook:
    """Lets everything through."""

    def before_effect(self, service: str, request: Request) -> Answer | None:  # noqa: ARG002
        """Let the request through."""
        return None

    def after_effect(self, service: str, request: Request, answer: Answer) -> Answer:  # noqa: ARG002
        """Send the answer as it is."""
        return answer


def passed(hook: Hook, service: str, request: Request, effect: Callable[[], Answer]) -> Answer:
    """Return what a hook lets a service answer to a request.

    Raises:
        HungUp: nothing is answered.
    """
    instead = hook.before_effect(service, request)
    return hook.after_effect(service, request, effect()) if instead is None else instead
