"""For tests of form bodies: refusals of every plausible kind, keys of every size, the outcome."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemons import NO_PAGE
from watcher.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

IN_BODY = {"operation": "RegisterMedia", "parameters_in": "body"}
REFUSALS = {
    "missing parameter": Fault(kind="missing_parameter", **IN_BODY),  # type: ignore[arg-type]
    "missing metadatas": Fault(
        kind="error",
        status=400,
        code="MissingRegisterMetadatas",
        **IN_BODY,  # type: ignore[arg-type]
    ),
    "not valid": Fault(kind="error", status=400, code="InvalidParameter", **IN_BODY),  # type: ignore[arg-type]
    "media type": Fault(kind="error", status=415, code="UnsupportedMediaType", **IN_BODY),  # type: ignore[arg-type]
    "too large": Fault(kind="error", status=413, code="RequestEntityTooLarge", **IN_BODY),  # type: ignore[arg-type]
    "signature": Fault(kind="signature_mismatch", **IN_BODY),  # type: ignore[arg-type]
    "incomplete": Fault(kind="error", status=400, code="IncompleteSignature", **IN_BODY),  # type: ignore[arg-type]
    "denied": Fault(kind="access_denied", **IN_BODY),  # type: ignore[arg-type]
    "bucket": Fault(kind="unregistered_bucket", **IN_BODY),  # type: ignore[arg-type]
    **{
        f"page {status}": Fault(kind="html", status=status, **IN_BODY)  # type: ignore[arg-type]
        for status in (400, 403, 405, 411, 413, 414, 415, 431)
    },
}
CONCLUDED_BY_A_SECOND = {"denied", "bucket"}  # what might pass by itself is asked once more
LONG = "影" * 40


def long_keys(n: int, *, of: str = "a") -> list[str]:
    """Return keys of which seven or fewer fit into the query of a call, and ten into a body."""
    return [f"{of}{i:02}{LONG}.mp4" for i in range(n)]


FULL = (  # with it an item is beyond 8,000 bytes by itself
    '[watch.media]\ncover_url = "https://c/'
    + "%E5%BD%B1" * 110
    + f'"\ndescription = "{"影" * 340}"\n'
    f"tags = [{', '.join(repr(chr(0x4E00 + i) * 10) for i in range(16))}]"
)
SIZES: dict[str, tuple[int, str]] = {
    "two of seven": (10, ""),
    "more than one call": (24, ""),
    "three a call": (10, f'[watch.media]\ndescription = "{"影" * 150}"'),
    "one a call": (3, FULL),
}

SOME = ("missing parameter", "signature", "denied", "page 413")
KINDS = [pytest.param(kind, marks=() if kind in SOME else pytest.mark.long) for kind in REFUSALS]
MATRIX = [
    pytest.param(
        kind,
        size,
        marks=()
        if kind == "signature" or (kind in SOME and size == "two of seven")
        else pytest.mark.long,
    )
    for kind in REFUSALS
    for size in SIZES
]


def quick(workspace: Workspace, more: str = "", schedule: str = "") -> None:
    workspace.configure(
        workspace.watch(more=f"{schedule}\n{more}"),
        vod="calls_per_second = 45\nconcurrent_calls = 1",
        more=f'[retry]\nfirst_delay = "50ms"\n{NO_PAGE}',
    )


def carried(sandbox: Sandbox) -> list[tuple[str, int]]:
    """Return where each call had its items, and how many."""
    return [
        ("body" if call.body_bytes else "query", len(call.items)) for call in sandbox.vod.journal
    ]


def names(events: Iterable[dict[str, Any]], *wanted: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] in wanted]


def rows(workspace: Workspace, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(workspace.ledger, isolation_level=None)) as db:
        return db.execute(sql).fetchall()


def nothing_was_counted(workspace: Workspace, n: int) -> None:
    """See that all are registered without one refusal, and that calls go on."""
    assert rows(workspace, "SELECT state, attempts, count(*) FROM entry GROUP BY 1, 2") == [
        ("registered", 0, n)
    ]
    assert (
        rows(workspace, "SELECT * FROM breaker")
        == rows(workspace, "SELECT * FROM refusal_streak")
        == []
    )


def refused_once(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the one line that was logged of it; no breaker opened."""
    assert not names(events, "breaker.opened", "media.failed")
    (line,) = names(events, "body.refused")
    return line


def remembered(workspace: Workspace) -> list[tuple[Any, ...]]:
    return rows(workspace, "SELECT at, version, reason FROM refused_body")
