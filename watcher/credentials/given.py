"""Credentials that a program hands over, in place of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ports import CredentialsProvider


class Given:
    """`ports.CredentialsProvider` over one key, or over a provider of the caller's own.

    Args:
        source: the key, or the provider.
        on_change: called with every new snapshot, e.g. to mask its secrets in errors.
    """

    def __init__(
        self,
        source: Credentials | CredentialsProvider,
        *,
        on_change: Callable[[Credentials], None],
    ) -> None:
        self._source = source
        self._on_change = on_change
        self._latest: Credentials | None = None

    def get(self) -> Credentials:
        """See `ports.CredentialsProvider.get`."""
        source = self._source
        found = source if isinstance(source, Credentials) else source.get()
        if found != self._latest:
            self._on_change(found)
            self._latest = found
        return found
