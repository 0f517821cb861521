"""The cost of listing for a day: as scheduled, but never sooner than the last scan took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.rules.listing_bill import (
    PUBLIC_IS_DEAR_ABOVE,
    ListingBill,
    bill,
    costly_note,
    internal_endpoint,
)
from watcher.rules.schedule import starts_per_day
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

PUBLIC, INTERNAL = (
    "https://oss-cn-shanghai.aliyuncs.com",
    "https://oss-cn-shanghai-internal.aliyuncs.com",
)


@pytest.mark.parametrize(
    ("schedule", "starts"),
    [
        ("1m", 1440),
        ("1s", 86_400),
        ("36h", 24 / 36),
        ("*/10 * * * *", 144),
        ("0 3 * * *", 1),
        ("@hourly", 24),
        ("0,30 8-17 * * *", 20),
        ("0 0 * * mon-fri", 5 / 7),
        ("0 0 29 2 *", 1 / 1461),
        ("0 0 1 * *", 48 / 1461),
    ],
)
def test_a_schedule_starts_so_many_scans_on_an_average_day(schedule: str, starts: float) -> None:
    assert starts_per_day(schedule) == pytest.approx(starts, rel=2e-3)


def test_a_day_either_of_the_month_or_of_the_week_counts_once() -> None:
    """As in crontab(5), where both are restricted."""
    days = 1461 * 1 / 7 + 48 - 48 / 7
    assert starts_per_day("0 0 1 * sun") == pytest.approx(days / 1461, rel=2e-2)


def test_the_bill_is_the_last_scan_as_often_as_it_is_started() -> None:
    shown = bill(calls=1_000, n_bytes=312_000_000, took_s=5.0, starts_per_day=1440)
    assert shown == ListingBill(calls_per_day=1_440_000, gb_per_day=449.28)


def test_a_scan_that_takes_longer_than_its_schedule_is_billed_one_after_the_other() -> None:
    assert bill(calls=100, n_bytes=0, took_s=864.0, starts_per_day=1440).calls_per_day == 100 * 100


@pytest.mark.parametrize(
    ("endpoint", "cheaper"),
    [
        (PUBLIC, INTERNAL),
        (PUBLIC + "/", INTERNAL),
        (INTERNAL, None),
        ("https://oss-accelerate.aliyuncs.com", None),
        ("http://127.0.0.1:8000", None),
    ],
)
def test_only_the_public_endpoint_of_the_region_has_a_cheaper_one(
    endpoint: str, cheaper: str | None
) -> None:
    assert internal_endpoint(endpoint, "cn-shanghai") == cheaper


def test_a_million_objects_over_the_public_endpoint_are_worth_a_warning_that_names_the_other() -> (
    None
):
    note = costly_note("w", PUBLIC_IS_DEAR_ABOVE + 1, 449.28, INTERNAL)
    assert INTERNAL in note
    assert '"w"' in note
    assert costly_note("w", PUBLIC_IS_DEAR_ABOVE, 449.28, INTERNAL) == ""
    assert costly_note("w", PUBLIC_IS_DEAR_ABOVE + 1, 449.28, None) == ""


def finished(ran: Ran) -> dict[str, Any]:
    (found,) = (event for event in ran.events if event["event"] == "scan.finished")
    return dict(found)


def of_status(workspace: Workspace) -> tuple[int | None, float | None]:
    (watch,) = workspace.run("status", "--output-format", "json").json["watches"]
    return watch["list_calls_per_day"], watch["list_gb_per_day"]


def test_a_scan_and_the_status_show_what_listing_costs_a_day(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A first, resumed or full listing has no remembered ranges: its cost is no day's cost."""
    workspace.configure(workspace.watch(more='schedule = "1h"\nexclude = ["*"]'))
    sandbox.oss.fill(BUCKET, [f"{n % 7}/{n:05}.mp4" for n in range(4500)])
    assert of_status(workspace) == (None, None)

    sandbox.hook = Faults(Fault(operation="ListObjectsV2", kind="access_denied", skip=2, next=1))
    assert workspace.scan().status == 5
    resumed = finished(workspace.scan())
    assert "list_calls_per_day" not in resumed
    assert of_status(workspace) == (None, None)

    usual = finished(workspace.scan())
    assert usual["list_calls"] in {5, 6}
    shown = usual["list_calls_per_day"], usual["list_gb_per_day"]
    assert shown == of_status(workspace)
    assert shown[0] == usual["list_calls"] * 24
    assert usual["list_gb_per_day"] > 0

    assert "list_calls_per_day" not in finished(workspace.scan("--full"))
    assert of_status(workspace) == shown


def test_the_first_listing_shows_no_cost_and_the_second_does(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.txt")
    assert ["list_calls_per_day" in finished(workspace.scan()) for _ in range(2)] == [False, True]


def test_where_all_scans_are_full_the_second_shows_the_cost(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(workspace.watch(more='full_scan_every = "0s"'))
    sandbox.oss.put(BUCKET, "a.txt")
    assert ["list_calls_per_day" in finished(workspace.scan()) for _ in range(4)] == [
        False,
        True,
        True,
        True,
    ]
    assert of_status(workspace)[0] == 1440
