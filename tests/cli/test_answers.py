"""Unexpected answers lose no entry, fail none, show no traceback and keep no secret."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.crash_workspace import secret_bucket
from tests.support.secrets import KEY_ID, SECRET, TOKEN, assert_none_seen
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.http_server import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Request

pytestmark = pytest.mark.long
sandbox = secret_bucket

KEYS = [f"{n:02}.mp4" for n in range(10)]


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    made = Workspace(tmp_path, sandbox)
    made.env["ALIBABA_CLOUD_SECURITY_TOKEN"] = TOKEN
    made.init()
    return made


def answering(sandbox: Sandbox, operation: str, answer: Answer, *, next: int = 1) -> Faults:  # noqa: A002
    """Have the next calls answered so, without effect."""
    faults = Faults()

    def instead(_request: Request) -> Answer:
        return answer

    faults.on(operation, instead, effect="none", next=next)
    sandbox.hook = faults
    return faults


def vod(status: int, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
    return Answer(status=status, headers=headers or {}, body=json.dumps(body).encode())


ODD: dict[str, Answer] = {
    "half a surrogate in the message": vod(503, Code="InternalError", Message="bad \ud800 x"),
    "half a surrogate in the RequestId": vod(200, RequestId="1\ud800", RegisteredMediaList=[]),
    "a media ID that is none": vod(
        200, RequestId="1", RegisteredMediaList=[{"FileURL": "x", "MediaId": {"a": 1}}]
    ),
    "very deep JSON": Answer(body=b"[" * 200_000),
    "a rest of four hundred digits": vod(
        400, {"Retry-After": "9" * 400}, Code="Throttling.User", Message="slow"
    ),
    "too many requests under another name": vod(429, Code="TooManyRequests", Message="slow down"),
    "a request timeout under a name of its own": vod(408, Code="RequestTimeout", Message="late"),
    "a conflict": vod(409, Code="SystemBusy", Message="busy"),
}


@pytest.mark.parametrize("answer", ODD)
def test_an_odd_answer_costs_a_call_and_no_file(
    workspace: Workspace, sandbox: Sandbox, answer: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    workspace.configure(more='[retry]\nfirst_delay = "1s"\nmax_delay = "1s"')
    faults = answering(sandbox, "RegisterMedia", ODD[answer])
    done = workspace.scan()
    assert faults.hits.total() == 1
    assert (done.status, done.json["registered"], done.json["failed"]) == (0, 10, 0), done.err
    assert {entry["attempts"] for entry in workspace.entries()} == {0}


def test_a_listing_with_an_impossible_size_is_no_listing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    page = (
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.mp4</Key><ETag>&quot;E&quot;</ETag>"
        f"<Size>{'9' * 23}</Size>"
        "<LastModified>2026-11-26T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
    )
    headers = {"Date": "Thu, 26 Nov 2026 12:00:00 GMT"}
    answering(sandbox, "ListObjectsV2", Answer(headers=headers, body=page.encode()))
    assert workspace.scan().status == 5
    assert workspace.scan().json["registered"] == 10


def test_a_look_at_an_object_that_somebody_else_answers_says_nothing_of_it(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.vod.refuse(BUCKET, KEYS[0])
    workspace.configure(more='[retry]\nfirst_delay = "1s"\nmax_delay = "1s"')
    faults = answering(
        sandbox, "HeadObject", Answer(headers={"Content-Type": "text/html"}), next=99
    )
    done = workspace.scan()
    assert (done.status, done.json["registered"], done.json["failed"]) == (6, 9, 1), done.err
    assert faults.hits.total() > 0
    assert [entry["reason"] for entry in workspace.entries() if entry["state"] == "failed"] == [
        "refused"
    ]


def test_a_redirect_is_not_followed(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    answer = Answer(status=307, headers={"Location": f"{sandbox.url}/{BUCKET}?list-type=2"})
    faults = answering(sandbox, "ListObjectsV2", answer, next=99)
    done = workspace.scan()
    assert (done.status, faults.hits.total()) == (5, 1)
    assert "redirect" in done.err


@pytest.mark.parametrize(
    "message",
    [
        f"Signature=aBcDeFgH%3D&AccessKeyId={KEY_ID}&SecurityToken={TOKEN} {SECRET}",
        f"server string to sign is:GET&%2F&AccessKeyId%3D{KEY_ID}%26Signature=aBc%3D",
    ],
)
@pytest.mark.parametrize(
    "code", ["InvalidParameter", "IncompleteSignature", "InternalError", "Throttling.User"]
)
def test_what_a_service_echoes_is_kept_and_shown_without_secrets(
    workspace: Workspace, sandbox: Sandbox, code: str, message: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS[:1])
    sandbox.hook = Faults(
        Fault(
            operation="RegisterMedia", kind="error", status=400, code=code, message=message, next=3
        )
    )
    workspace.configure(more='[retry]\nfirst_delay = "10m"\nmax_delay = "1h"')
    ran = workspace.run("--log-level", "debug", "scan")
    shown = [
        workspace.run(*words)
        for words in (["status"], ["status", "--output-format", "json"], ["export"])
    ]
    assert_none_seen(workspace, ran, *shown)


@pytest.mark.parametrize(
    "key", ["a/userdata/x.mp4", "WorkflowId.mp4", "storageLocation/a.mp4", "a TemplateGroupId.mp4"]
)
def test_one_file_whose_name_reads_like_a_setting_stops_nobody_else(
    workspace: Workspace, sandbox: Sandbox, key: str
) -> None:
    sandbox.oss.fill(BUCKET, [key, *KEYS])
    url = f"https://{BUCKET}.oss-cn-shanghai.aliyuncs.com/{key.replace(' ', '%20')}"
    message = f"The specified FileURL {url} is not valid."
    sandbox.hook = Faults(
        Fault(
            operation="RegisterMedia",
            kind="error",
            status=400,
            code="InvalidParameter",
            message=message,
            keys=(key,),
        )
    )
    done = workspace.scan()
    assert (done.status, done.json["registered"], done.json["failed"]) == (6, 10, 1)


@pytest.mark.parametrize("name", ["TemplateGroupId", "WorkflowId", "UserData"])
def test_an_error_that_names_an_option_of_the_call_stops_calls(
    workspace: Workspace, sandbox: Sandbox, name: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    message = f"The specified parameter {name} is not valid."
    sandbox.hook = Faults(
        Fault(
            operation="RegisterMedia",
            kind="error",
            status=400,
            code="InvalidParameter",
            message=message,
        )
    )
    done = workspace.scan()
    assert (done.status, done.json["register_calls"], done.json["pending"]) == (5, 1, 10)


def test_a_form_of_file_url_may_be_changed_while_nothing_has_reached_vod(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Refused and throttled calls register nothing; a call without an answer may have."""
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    workspace.configure(
        workspace.watch(more='file_url_encoding = "raw"'),
        more='[retry]\nfirst_delay = "10m"\nmax_delay = "1h"',
    )
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="reset", effect="before"))
    assert workspace.scan().status == 5
    workspace.configure(workspace.watch())
    assert workspace.scan().status == 2


def test_exit_5_for_entries_that_wait_says_so(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    answering(
        sandbox,
        "RegisterMedia",
        vod(400, {"Retry-After": "99999"}, Code="Throttling.User", Message="slow"),
    )
    first, second = workspace.scan(), workspace.scan()
    for ran in (first, second):
        assert ran.status == 5
        assert [line[:6] for line in ran.err.splitlines() if not line.startswith("{")] == [
            "error:",
            "hint: ",
        ]
        assert f"{len(KEYS)} files are not registered yet, among them oss://{BUCKET}/" in ran.err


def test_a_probe_that_is_throttled_is_put_off(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:03}.mp4" for n in range(100)])
    workspace.configure(vod="calls_per_second = 400", more='[retry]\nfirst_delay = "500ms"')
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied", next=1))
    workspace.scan()
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="throttle", next=4))
    sandbox.vod.journal.clear()
    done = workspace.scan()
    assert done.status == 0, done.err
    probes = [call.at for call in sandbox.vod.journal[:5]]
    assert probes[4] - probes[0] > 0.5  # four rests, twice as long each


def test_a_ledger_is_one_whatever_it_is_called_by(workspace: Workspace, sandbox: Sandbox) -> None:
    """Through a link the lock is the same, and the log is found."""
    link = workspace.folder / "link.db"
    link.symlink_to(workspace.ledger)
    sandbox.oss.fill(BUCKET, KEYS)
    text = workspace.config.read_text()
    workspace.config.write_text(text.replace('"ledger.db"', '"link.db"'))
    assert workspace.scan().json["registered"] == 10
    names = {found.name for found in workspace.folder.iterdir()}
    assert names == {"watcher.toml", "link.db", "ledger.db", "ledger.db.lock"}
    with closing(sqlite3.connect(workspace.ledger)) as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (10,)
