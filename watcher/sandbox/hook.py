"""The hook that every request passes, before and after it takes effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.sandbox.http_server import Answer, Request


class Hook(Protocol):
    """May answer in a service's place, change its answer, or reset the connection.

    To reset the connection, raise `http_server.HungUp`.
    """

    def before_effect(self, service: str, request: Request) -> Answer | None:
        """Return an answer that is given without any effect, or None to let the request pass."""
        ...

    def after_effect(self, service: str, request: Request, answer: Answer) -> Answer:
        """Return what is sent instead of `answer`; the effect stays."""
        ...


class NoHook:
    """A hook without any effect."""

    def before_effect(self, service: str, request: Request) -> Answer | None:  # noqa: ARG002
        """Return None, so that the request passes."""
        return None

    def after_effect(self, service: str, request: Request, answer: Answer) -> Answer:  # noqa: ARG002
        """Send the answer unchanged."""
        return answer


def answer_through(
    hook: Hook, service: str, request: Request, effect: Callable[[], Answer]
) -> Answer:
    """Return the hook's answer, or else the answer of `effect()` as the hook changes it.

    Raises:
        HungUp: the connection is reset without an answer.
    """
    instead = hook.before_effect(service, request)
    return hook.after_effect(service, request, effect()) if instead is None else instead
