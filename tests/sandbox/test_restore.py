"""Restores take their time, on the sandbox's clock, and the copies expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
import pytest

from tests.sandbox.test_oss import client
from tests.support.oss_calls import send_by_its_clock, send_signed
from tests.support.workspace import BUCKET
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from watcher.sandbox import Sandbox

KEY = "old.mp4"
MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
ONGOING = 'ongoing-request="true"'


def request_body(days: int | str = 1, tier: str = "") -> bytes:
    job = f"<JobParameters><Tier>{tier}</Tier></JobParameters>" if tier else ""
    return f"<RestoreRequest><Days>{days}</Days>{job}</RestoreRequest>".encode()


class Archived:
    """An archived object, and its restores by requests of the sandbox's time."""

    def __init__(self, sandbox: Sandbox, storage_class: str = "Archive") -> None:
        self._sandbox = sandbox
        sandbox.oss.put(BUCKET, KEY, b"cold bytes", storage_class=storage_class)

    def restore(self, body: bytes = b"") -> requests.Response:
        return send_by_its_clock(
            self._sandbox, "POST", BUCKET, KEY, subresource="restore", body=body
        )

    def pass_time(self, seconds: float) -> None:
        self._sandbox.clock_offset_s += seconds

    @property
    def headers(self) -> Mapping[str, str]:
        return send_by_its_clock(self._sandbox, "HEAD", BUCKET, KEY).headers

    @property
    def state(self) -> str:
        return self.headers.get("x-oss-restore", "")

    @property
    def is_readable(self) -> bool:
        answer = send_by_its_clock(self._sandbox, "GET", BUCKET, KEY)
        if answer.status_code == 200:
            assert answer.content == b"cold bytes"
            return True
        assert (answer.status_code, code(answer)) == (403, "InvalidObjectState")
        return False

    @property
    def lives_s(self) -> float:
        """The seconds that the copy has left."""
        text = self.state.partition('expiry-date="')[2].rstrip('"')
        return float(oss2.utils.http_to_unixtime(text)) - self._sandbox.clock.now().timestamp()


def code(answer: requests.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_an_archived_object_is_unreadable_until_its_restore_is_done(sandbox: Sandbox) -> None:
    old = Archived(sandbox)
    assert (old.is_readable, old.state) == (False, "")

    assert old.restore().status_code == 202
    assert (old.is_readable, old.state) == (False, ONGOING)

    old.pass_time(MINUTE_S)
    assert old.is_readable
    assert old.state.startswith('ongoing-request="false", expiry-date="')


def test_an_sdk_restores_and_waits(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"x", storage_class="Archive")
    bucket = client(sandbox)
    assert bucket.restore_object(KEY).status == 202
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidObjectState"):
        bucket.get_object(KEY)
    sandbox.clock_offset_s = MINUTE_S
    assert bucket.get_object(KEY).read() == b"x"
    assert "ongoing-request" in bucket.head_object(KEY).headers["x-oss-restore"]


def test_a_listing_shows_the_state_of_a_restore(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, storage_class="Archive")
    bucket = client(sandbox)

    def shown() -> str | None:
        (found,) = bucket.list_objects_v2().object_list
        info: str | None = found.restore_info
        return info

    states = [shown()]
    bucket.restore_object(KEY)
    states.append(shown())
    sandbox.clock_offset_s = MINUTE_S
    states.append(shown())
    assert states[:2] == [None, ONGOING]
    assert str(states[2]).startswith('ongoing-request="false", expiry-date="')


@pytest.mark.parametrize(
    ("storage_class", "tier", "takes_s"),
    [
        ("Archive", "", MINUTE_S),
        ("ColdArchive", "Expedited", HOUR_S),
        ("ColdArchive", "Standard", 5 * HOUR_S),
        ("ColdArchive", "", 5 * HOUR_S),
        ("ColdArchive", "Bulk", 12 * HOUR_S),
        ("DeepColdArchive", "Expedited", 12 * HOUR_S),
        ("DeepColdArchive", "", 48 * HOUR_S),
    ],
)
def test_a_restore_takes_what_its_class_and_tier_take(
    sandbox: Sandbox, storage_class: str, tier: str, takes_s: int
) -> None:
    old = Archived(sandbox, storage_class)
    answer = old.restore(request_body(2, tier))
    assert answer.status_code == 202
    priority = answer.headers.get("x-oss-object-restore-priority")
    assert priority == (None if storage_class == "Archive" else tier or "Standard")

    old.pass_time(takes_s - 30)
    assert old.state == ONGOING
    old.pass_time(30)
    assert old.is_readable
    assert old.lives_s == pytest.approx(2 * DAY_S, abs=30)


def test_a_copy_is_gone_when_its_days_are_over(sandbox: Sandbox) -> None:
    old = Archived(sandbox)
    old.restore()
    old.pass_time(MINUTE_S + DAY_S - 10)
    assert old.is_readable
    old.pass_time(10)
    assert (old.is_readable, old.state) == (False, "")
    assert old.restore().status_code == 202


def test_a_second_restore_is_refused_while_the_first_goes_on(sandbox: Sandbox) -> None:
    old = Archived(sandbox, "ColdArchive")
    old.restore(request_body(1, "Standard"))
    for tier in ("Standard", "Bulk"):
        answer = old.restore(request_body(1, tier))
        assert (answer.status_code, code(answer)) == (409, "RestoreAlreadyInProgress")


def test_an_ongoing_restore_may_become_faster(sandbox: Sandbox) -> None:
    old = Archived(sandbox, "ColdArchive")
    old.restore(request_body(1, "Bulk"))
    assert old.restore(request_body(1, "Expedited")).status_code == 202
    old.pass_time(HOUR_S)
    assert old.is_readable


def test_another_restore_keeps_a_copy_for_longer_but_not_above_the_limit(sandbox: Sandbox) -> None:
    old = Archived(sandbox)
    old.restore(request_body(2))
    old.pass_time(MINUTE_S)
    answer = old.restore(request_body(3))
    assert answer.status_code == 200
    assert old.lives_s == pytest.approx(5 * DAY_S, abs=10)
    assert old.restore(request_body(3)).status_code == 200
    assert old.lives_s == pytest.approx(7 * DAY_S, abs=10)


@pytest.mark.parametrize(
    ("storage_class", "body"),
    [
        ("Archive", request_body(0)),
        ("Archive", request_body(8)),
        ("Archive", request_body("a")),
        ("Archive", request_body(1, "Standard")),
        ("Archive", b"<RestoreRequest><Days>1</Days><Days>2</Days></RestoreRequest>"),
        ("ColdArchive", request_body(366)),
        ("ColdArchive", request_body(1, "Test")),
        ("DeepColdArchive", request_body(1, "Bulk")),
        ("Archive", b"no XML"),
    ],
)
def test_a_restore_request_that_is_not_valid_restores_nothing(
    sandbox: Sandbox, storage_class: str, body: bytes
) -> None:
    old = Archived(sandbox, storage_class)
    answer = old.restore(body)
    assert (answer.status_code, code(answer), old.state) == (400, "MalformedXML", "")


@pytest.mark.parametrize(("storage_class", "days"), [("Archive", 7), ("DeepColdArchive", 365)])
def test_the_most_days_of_a_class_are_accepted(
    sandbox: Sandbox, storage_class: str, days: int
) -> None:
    assert Archived(sandbox, storage_class).restore(request_body(days)).status_code == 202


@pytest.mark.parametrize("storage_class", ["Standard", "IA"])
def test_what_is_not_archived_cannot_be_restored(sandbox: Sandbox, storage_class: str) -> None:
    answer = Archived(sandbox, storage_class).restore()
    assert (answer.status_code, code(answer)) == (400, "OperationNotSupported")
    missing = send_signed(sandbox, "POST", BUCKET, "no-such-key", params={"restore": ""})
    assert (missing.status_code, code(missing)) == (404, "NoSuchKey")


@pytest.mark.parametrize("takes_s", [0, 7])
def test_an_option_sets_how_long_every_restore_takes(sandbox: Sandbox, takes_s: int) -> None:
    sandbox.oss.options.restore_takes_s = takes_s
    old = Archived(sandbox, "DeepColdArchive")
    old.restore()
    assert old.is_readable == (takes_s == 0)
    old.pass_time(takes_s)
    assert old.is_readable


def test_a_fault_sets_how_long_the_restores_that_it_hits_take(sandbox: Sandbox) -> None:
    sandbox.hook = faults = Faults(Fault(kind="slow_restore", seconds=HOUR_S, next=1))
    old = Archived(sandbox)
    assert old.restore().status_code == 202
    old.pass_time(HOUR_S - 30)
    assert old.state == ONGOING
    old.pass_time(30)
    assert old.is_readable
    assert faults.hits.total() == 1
    again = Archived(sandbox)
    again.restore()
    again.pass_time(MINUTE_S)
    assert again.is_readable


def test_a_new_object_of_the_same_key_has_no_copy(sandbox: Sandbox) -> None:
    old = Archived(sandbox)
    old.restore()
    old.pass_time(MINUTE_S)
    assert Archived(sandbox).state == ""
