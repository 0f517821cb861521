"""Every fault of either service at the first, a middle and the last call.

The sandbox's own books show what really happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.crash_workspace import secret_bucket
from tests.support.secrets import TOKEN, assert_none_seen
from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

sandbox = secret_bucket
KEYS = [f"{n:02}.mp4" for n in range(40)]
CALLS = {"first": 0, "middle": 1, "last": 3}
PAGES = {"first": 0, "middle": 1, "last": 2}
OBJECTS = [f"{n:05}.{'mp4' if n % 50 == 0 else 'txt'}" for n in range(2100)]
MEDIA = [key for key in OBJECTS if key.endswith(".mp4")]

PASSING: dict[str, dict[str, Any]] = {
    "throttle": {},
    "service_unavailable": {},
    "server_error": {},
    "reset": {"effect": "before"},
    "reset, nothing done": {"effect": "none"},
    "timeout": {"effect": "before", "seconds": 3},
    "truncated": {},
    "cut_off": {},
    "html": {},
    "not_utf8": {},
    "not_json": {},
    "foreign_json": {},
    "missing_items": {"effect": "before", "items": 3},
    "missing_items, nothing done": {"effect": "none", "items": 3},
    "shuffled": {"seed": 7},
    "slow": {"seconds": 1},
}
GLOBAL = {
    "access_denied": "vod:RegisterMedia",
    "arrears": "billing",
    "clock_skew": "chrony",
    "expired_token": "token",
    "unregistered_bucket": "Storage",
}
LISTING_PASSES: dict[str, dict[str, Any]] = {
    "throttle": {"retry_after_s": 1},
    "server_error": {},
    "reset": {},
    "cut_off": {},
    "slow": {"seconds": 1},
}
LISTING_FAILS = (
    *("truncated", "html", "foreign_xml", "not_utf8", "out_of_order", "missing_date"),
    *("access_denied", "clock_skew", "expired_token", "arrears"),
)


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    made = Workspace(tmp_path, sandbox)
    made.env["ALIBABA_CLOUD_SECURITY_TOKEN"] = TOKEN
    made.configure(vod='timeout = "2s"\ncalls_per_second = 400\nconcurrent_calls = 2')
    sandbox.vod.calls_per_second = 500
    made.init()
    return made


def books(sandbox: Sandbox) -> dict[str, str]:
    """Return what VOD holds: one media for each key."""
    return {key: media.media_id for (_, key), media in sandbox.vod.media.items()}


def ledger_says(workspace: Workspace) -> dict[str, str | None]:
    return {
        entry["key"]: entry["media_id"]
        for entry in workspace.entries()
        if entry["state"] == "registered"
    }


def attempts(workspace: Workspace) -> int:
    return sum(int(entry["attempts"]) for entry in workspace.entries())


def names(ran: Ran) -> list[str]:
    return [event["event"] for event in ran.events]


def prepared(workspace: Workspace, sandbox: Sandbox) -> None:
    """Record everything and register nothing, so that a fault meets only the calls."""
    sandbox.vod.remove_bucket(BUCKET)
    sandbox.oss.fill(BUCKET, KEYS)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    with_probe = workspace.entries()
    assert {entry["state"] for entry in with_probe} == {"pending"}


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_costs_a_call_and_nothing_else(
    workspace: Workspace, sandbox: Sandbox, fault: str, place: str
) -> None:
    """One media for each URL, no attempt counted, exit 0.

    NewRegister shows whether a call repeats one whose reply was lost.
    """
    sandbox.oss.fill(BUCKET, KEYS)
    kind = fault.partition(",")[0]
    given = PASSING[fault]
    faults = Faults(Fault(operation="RegisterMedia", kind=kind, skip=CALLS[place], next=1, **given))
    sandbox.hook = faults

    done = workspace.scan()

    assert faults.hits.total() == 1
    assert done.status == 0, done.err
    assert ledger_says(workspace) == books(sandbox)
    assert sorted(books(sandbox)) == KEYS
    assert (attempts(workspace), done.json["failed"], done.json["pending"]) == (0, 0, 0)
    assert len(sandbox.vod.journal) == done.json["register_calls"] <= 4 + 3
    asked_again = sum(media.times_asked > 1 for media in sandbox.vod.media.values())
    assert done.json["already_registered"] == asked_again
    assert "media.failed" not in names(done)
    assert names(done).count("batch.settled") == done.json["register_calls"]
    assert_none_seen(workspace, done)


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.quick) if kind == min(GLOBAL) else kind
        for kind in GLOBAL
    ],
)
def test_a_fault_of_everyone_stops_calls_at_once_and_heals_by_itself(
    workspace: Workspace, sandbox: Sandbox, kind: str, place: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    faults = Faults(Fault(operation="RegisterMedia", kind=kind, skip=CALLS[place], next=1))
    sandbox.hook = faults

    stopped = workspace.scan()

    assert faults.hits.total() == 1
    assert stopped.status == 5
    assert GLOBAL[kind].lower() in stopped.err.lower()
    assert len(sandbox.vod.journal) <= CALLS[place] + 1 + 2  # at most those in flight
    assert (attempts(workspace), stopped.json["failed"]) == (0, 0)
    assert stopped.json["pending"] == 40 - len(books(sandbox)) > 0
    assert names(stopped).count("breaker.opened") == 1
    shown = workspace.run("status", "--output-format", "json").json
    assert (shown["breaker"] or shown["watches"][0]["breaker"])["reason"]

    healed = workspace.scan()

    assert (healed.status, healed.json["pending"]) == (0, 0)
    assert ledger_says(workspace) == books(sandbox)
    assert names(healed).count("breaker.closed") == 1
    assert {media.times_asked for media in sandbox.vod.media.values()} == {1}
    assert_none_seen(workspace, stopped, healed)


@pytest.mark.parametrize("place", CALLS)
def test_a_refusal_that_passes_is_tried_alone_and_accepted(
    workspace: Workspace, sandbox: Sandbox, place: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.hook = Faults(
        Fault(operation="RegisterMedia", kind="partial_refusal", skip=CALLS[place], next=1, items=2)
    )
    done = workspace.scan()
    assert (done.status, done.json["failed"]) == (0, 0)
    assert ledger_says(workspace) == books(sandbox)
    assert attempts(workspace) == 2
    assert [len(call.items) for call in sandbox.vod.journal].count(1) == 2


@pytest.mark.parametrize("key", [KEYS[0], KEYS[17], KEYS[-1]])
def test_a_file_that_is_refused_for_good_fails_after_its_attempts(
    workspace: Workspace, sandbox: Sandbox, key: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="partial_refusal", keys=(key,)))
    done = workspace.scan()
    assert (done.status, done.json["failed"], done.json["registered"]) == (6, 1, 39)
    assert done.json["register_calls"] == 4 + 2
    (failed,) = [entry for entry in workspace.entries() if entry["state"] == "failed"]
    assert (failed["key"], failed["reason"], failed["attempts"]) == (key, "refused", 3)
    assert [event["key"] for event in done.events if event["event"] == "media.failed"] == [key]


@pytest.mark.parametrize("key", [KEYS[0], KEYS[17], KEYS[-1]])
def test_a_call_refused_for_one_file_is_halved_and_the_others_are_registered(
    workspace: Workspace, sandbox: Sandbox, key: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    refusal = Fault(
        operation="RegisterMedia", kind="error", status=400, code="InvalidParameter", keys=(key,)
    )
    sandbox.hook = Faults(refusal)
    done = workspace.scan()
    assert (done.status, done.json["failed"], done.json["registered"]) == (6, 1, 39)
    assert done.json["register_calls"] <= 4 + 8
    (failed,) = [entry for entry in workspace.entries() if entry["state"] == "failed"]
    assert (failed["key"], failed["reason"], failed["attempts"]) == (key, "bad_request", 1)
    assert "InvalidParameter" in failed["message"]


def test_a_file_that_no_answer_mentions_waits_and_stops_nobody(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    workspace.configure(
        vod="calls_per_second = 400", more='[retry]\nfirst_delay = "10h"\nmax_delay = "10h"'
    )
    sandbox.hook = Faults(
        Fault(operation="RegisterMedia", kind="missing_items", keys=(KEYS[5],), effect="before")
    )
    done = workspace.scan()
    assert (done.status, done.json["registered"], done.json["pending"]) == (5, 39, 1)
    assert attempts(workspace) == 0
    sandbox.hook = Faults()
    workspace.configure(
        vod="calls_per_second = 400", more='[retry]\nfirst_delay = "1s"\nmax_delay = "1s"'
    )
    again = workspace.scan()  # its time is further ahead than any delay: a clock had jumped
    assert (again.status, again.json["already_registered"]) == (0, 1)


@pytest.mark.parametrize("place", PAGES)
@pytest.mark.parametrize("kind", LISTING_PASSES)
def test_a_page_that_comes_at_the_second_try_leaves_a_complete_scan(
    workspace: Workspace, sandbox: Sandbox, kind: str, place: str
) -> None:
    sandbox.oss.fill(BUCKET, OBJECTS)
    given = LISTING_PASSES[kind]
    faults = Faults(Fault(operation="ListObjectsV2", kind=kind, skip=PAGES[place], next=1, **given))
    sandbox.hook = faults
    done = workspace.scan()
    assert faults.hits.total() == 1
    assert done.status == 0, done.err
    (scan,) = done.json["scans"]
    assert (scan["complete"], scan["listed"]) == (True, 2100)
    assert scan["list_calls"] == 3 + (kind != "slow")
    assert sorted(books(sandbox)) == MEDIA


@pytest.mark.parametrize("place", ["middle", "last"])
def test_a_page_that_does_not_advance_makes_the_scan_go_by_tokens_from_the_front(
    workspace: Workspace, sandbox: Sandbox, place: str
) -> None:
    """A service that does not list behind a key is not asked to again."""
    sandbox.oss.fill(BUCKET, OBJECTS)
    sandbox.hook = faults = Faults(
        Fault(operation="ListObjectsV2", kind="no_advance", skip=PAGES[place], next=1)
    )
    done = workspace.scan()
    assert faults.hits.total() == 1
    assert done.status == 0, done.err
    (scan,) = done.json["scans"]
    assert (scan["complete"], scan["listed"], scan["excluded"]) == (
        True,
        2100,
        {"extension": 2100 - len(MEDIA)},
    )
    assert scan["list_calls"] == PAGES[place] + 1 + 3
    asked = [call.params for call in sandbox.oss.journal if call.operation == "ListObjectsV2"][-3:]
    assert ["start-after" in params for params in asked] == [False] * 3
    assert ["continuation-token" in params for params in asked] == [False, True, True]
    assert sorted(books(sandbox)) == MEDIA


@pytest.mark.parametrize(
    ("kind", "place"),
    [(kind, place) for kind in LISTING_FAILS for place in PAGES],
)
def test_a_page_that_cannot_be_trusted_leaves_an_incomplete_scan_that_the_next_goes_on_with(
    workspace: Workspace, sandbox: Sandbox, kind: str, place: str
) -> None:
    """Seen objects are recorded, none is gone, and the next run asks only for the rest."""
    sandbox.oss.fill(BUCKET, OBJECTS)
    faults = Faults(Fault(operation="ListObjectsV2", kind=kind, skip=PAGES[place], next=1))
    sandbox.hook = faults

    cut = workspace.scan()

    assert faults.hits.total() == 1
    (scan,) = cut.json["scans"]
    seen = PAGES[place] * 1000
    assert (cut.status, scan["complete"]) == (5, False)
    assert scan["listed"] == seen, cut.err
    assert (names(cut).count("scan.incomplete"), names(cut).count("scan.finished")) == (1, 0)
    assert sorted(books(sandbox)) == [key for key in OBJECTS[:seen] if key in MEDIA]
    assert {entry["state"] for entry in workspace.entries()} <= {"registered"}
    assert_none_seen(workspace, cut)

    sandbox.oss.journal.clear()
    rest = workspace.scan()

    (scan,) = rest.json["scans"]
    assert (rest.status, scan["complete"], scan["listed"]) == (0, True, 2100)
    listed = [
        call.params.get("start-after", "")
        for call in sandbox.oss.journal
        if call.operation == "ListObjectsV2"
    ]
    assert len(listed) == scan["list_calls"] == 3 - seen // 1000
    assert listed[0] == (OBJECTS[seen - 1] if seen else "")
    assert sorted(books(sandbox)) == MEDIA
    assert {media.times_asked for media in sandbox.vod.media.values()} == {1}
