"""Bad answers of every kind become a classified error with a cure and without a secret."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.bad_answers import ANSWERS, DATE, GBK, one_of_ours, raw_server
from tests.support.raw_server import Raw, http, registrar
from tests.support.static_credentials import MEDIA
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CloudError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from watcher.model import CallOptions, Unknown
from watcher.sandbox.faults import Faults
from watcher.sandbox.http_server import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

# urllib3 leaves an answer with two lengths to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    """A server for raw answers."""
    with raw_server() as server:
        yield server


def test_a_bad_listing_is_classified(raw: Raw) -> None:
    with closing(raw.source()) as source:
        for case, answer in ANSWERS.items():
            raw.answer = answer
            with one_of_ours(case), pytest.raises(CloudError) as caught:
                source.list_objects().page()
            error = caught.value
            status = int(case[:3]) if case[:3].isdecimal() else 0
            assert error.hint, case
            _check_class(error, status, case)


def _check_class(error: CloudError, status: int, case: str) -> None:
    match 403 if error.code == "AccessDenied" else status:  # the code comes first
        case 401 | 403:
            assert isinstance(error, (BucketRefused, AccountRefused, Unavailable)), case
        case 407:
            assert isinstance(error, Unreachable), case
            assert "login" in str(error), case
        case 429:
            assert isinstance(error, Throttled), case
        case 302:
            assert "redirect" in str(error), case
        case _:
            assert status < 500 or error.transient, case


def test_a_bad_head_is_classified(raw: Raw) -> None:
    with closing(raw.source()) as source:
        for case, answer in ANSWERS.items():
            raw.answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            with one_of_ours(case):
                found = source.head("a.mp4")
                raise AssertionError(f"{case}: {found} does not come from OSS")


def test_a_bad_object_body_is_classified(raw: Raw) -> None:
    with closing(raw.reader()) as reader:
        for case, answer in ANSWERS.items():
            raw.answer = answer
            with one_of_ours(case), reader.open("a") as body:
                while body.read(1 << 16):
                    pass


def test_a_bad_vod_answer_is_classified_or_of_unknown_outcome(raw: Raw) -> None:
    with closing(raw.vod()) as client:
        for case, answer in ANSWERS.items():
            raw.answer = answer
            with one_of_ours(case):
                result = registrar(client).register([MEDIA], CallOptions())
                assert isinstance(result.outcomes[MEDIA.key], Unknown), case
                assert isinstance(result.error, Unanswered) or "RequestId" in str(answer), case


def test_a_missing_object_is_missing_only_if_oss_says_so(raw: Raw) -> None:
    with closing(raw.source()) as source:
        raw.answer = http(404, b"", DATE, b"x-oss-request-id: R1")
        assert source.head("a") is None
        raw.answer = http(404, b"", DATE)
        with pytest.raises(CloudError, match="404"):
            source.head("a")


def test_a_server_error_in_any_language_is_retried(raw: Raw) -> None:
    raw.answer = http(502, GBK, DATE)
    with closing(raw.source()) as source:
        with pytest.raises(Unavailable, match="502"):
            source.list_objects()
        with pytest.raises(Unavailable, match="502"):
            source.head("a")


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "status"),
    [
        *((command, 403) for command in (["scan"], ["scan", "--dry-run"], ["backfill"], ["audit"])),
        *((["scan"], status) for status in (200, 407, 502)),
    ],
)
def test_an_error_page_in_another_language_is_exit_5(
    workspace: Workspace, sandbox: Sandbox, command: list[str], status: int
) -> None:
    """With real processes. A permanent 502 ends the retries."""
    answer = Answer(status=status, headers={"Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, body=GBK)
    faults = Faults()
    faults.on("ListObjectsV2", lambda _request: answer, effect="none", next=99)
    sandbox.hook = faults
    ran = workspace.run(*command)
    assert ran.status == 5, ran.err
    assert "unforeseen" not in ran.err
    assert "hint: " in ran.err
