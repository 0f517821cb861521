"""A refusal of OSS shows with its cure wherever a person looks, also once the daemon is down."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemons import EVERY_SECOND
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

ON_ANY_PORT = '[http]\nlisten = "127.0.0.1:0"'
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of OSS, or of a proxy, to a listing; the sentence that a person reads; the cure."""

    error: str
    hint: str
    fault: dict[str, Any] = field(default_factory=dict)


def refused(code: str, message: str, *, status: int = 403) -> dict[str, Any]:
    return {"kind": "error", "status": status, "code": code, "message": message}


REFUSALS = {
    "not granted": Refusal(
        "AccessDenied",
        "Grant oss:ListObjects on acs:oss:*:*:media-bucket",
        {"kind": "access_denied"},
    ),
    "denied by a policy": Refusal(
        "bucket policy",
        "look for a Deny in the bucket policy",
        refused("AccessDenied", "The bucket policy does not allow it."),
    ),
    "another account's bucket": Refusal(
        "not belong to you",
        "The bucket belongs to another account",
        refused("AccessDenied", "The bucket you access does not belong to you."),
    ),
    "another region": Refusal(
        "specified endpoint",
        "The bucket lies in another region",
        refused("AccessDenied", "The bucket must be addressed using the specified endpoint."),
    ),
    "wrong key": Refusal(
        "InvalidAccessKeyId",
        "does not exist or is disabled",
        refused("InvalidAccessKeyId", "No such key."),
    ),
    "wrong secret": Refusal(
        "SignatureDoesNotMatch",
        "The AccessKey secret is wrong",
        refused("SignatureDoesNotMatch", "It differs."),
    ),
    "expired token": Refusal(
        "SecurityTokenExpired", "The STS token has expired", {"kind": "expired_token"}
    ),
    "arrears": Refusal("UserDisable", "often for arrears", {"kind": "arrears"}),
    "clock skew": Refusal(
        "RequestTimeTooSkewed", "synchronise it (chrony, ntp)", {"kind": "clock_skew"}
    ),
    "no bucket": Refusal(
        "NoSuchBucket",
        "Create the bucket, or correct `source`",
        refused("NoSuchBucket", "No such bucket.", status=404),
    ),
    "HTML": Refusal(
        "a body that is no listing", "Look for a proxy or captive portal", {"kind": "html"}
    ),
    "HTML with 403": Refusal(
        "403", "The answer does not come from OSS", {"kind": "html", "status": 403}
    ),
    "a redirect": Refusal(
        "with a redirect", "Look for a proxy or captive portal", {"kind": "html", "status": 302}
    ),
    "XML of another": Refusal(
        "a body that is no listing", "Look for a proxy", {"kind": "foreign_xml"}
    ),
    "no UTF-8": Refusal("a body that is no listing", "Look for a proxy", {"kind": "not_utf8"}),
    "out of order": Refusal(
        "is out of order", "The answer does not come from OSS", {"kind": "out_of_order"}
    ),
    "no advance": Refusal("does not advance", "proxy", {"kind": "no_advance"}),
}


def last_scan(text: str) -> dict[str, Any]:
    (watch,) = json.loads(text)["watches"]
    assert set(watch["last_scan"]) == {"at", "complete", "error", "hint"}
    found: dict[str, Any] = watch["last_scan"]
    return found


def says(refusal: Refusal, text: str) -> bool:
    return refusal.error in text and refusal.hint in text


PLACES = {"a reason", "below its watch", "last scans"}


def on_page(refusal: Refusal, running: Running) -> set[str]:
    """Return where the page shows a refusal with its cure."""
    page = html.unescape(running.get("/")[1])
    watches, scans = page.index("<h2>Watches</h2>"), page.index("<h2>Last scans</h2>")
    parts = {
        "a reason": page[:watches],
        "below its watch": page[watches:scans],
        "last scans": page[scans:],
    }
    return {where for where, part in parts.items() if says(refusal, part)}


def test_it_is_shown_everywhere_while_the_daemon_runs(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A refusal shows in the log, /readyz, /status.json, the page and `status`, and heals."""
    sandbox.oss.fill(BUCKET, [f"{n:03}.mp4" for n in range(3)])
    workspace.configure(workspace.watch(more=EVERY_SECOND), more=ON_ANY_PORT)
    with Running(workspace) as running:
        running.until_logged("scan.finished")
        for name, refusal in REFUSALS.items():
            sandbox.hook = Faults(Fault(operation="ListObjectsV2", **refusal.fault))
            before = len(running.events)

            def logged(refusal: Refusal = refusal, before: int = before) -> list[dict[str, Any]]:
                return [
                    event
                    for event in running.events[before:]
                    if event["event"] == "scan.incomplete" and refusal.error in event["reason"]
                ]

            running.until(logged, f"scan.incomplete: {name}")
            assert refusal.hint in logged()[0]["hint"], name
            running.until(lambda r=refusal: says(r, running.get("/readyz")[1]), f"/readyz: {name}")  # type: ignore[misc]
            found = last_scan(running.get("/status.json")[1])
            assert (found["complete"], refusal.error in found["error"]) == (False, True), name
            assert refusal.hint in found["hint"], name
            running.until(lambda r=refusal: on_page(r, running) == PLACES, f"page: {name}")  # type: ignore[misc]
        shown = workspace.run("status")
        assert says(refusal, shown.out), shown.out
        sandbox.hook = Faults()
        running.until(lambda: running.get("/readyz")[0] == 200, "ready again")
        assert last_scan(running.get("/status.json")[1])["complete"] is True
        running.until(
            lambda: "last scan incomplete" not in running.get("/")[1], "gone from the page"
        )
        degraded = running.logged("daemon.degraded")
        assert says(REFUSALS["not granted"], "\n".join(degraded[0]["reasons"]))
        assert running.stop() == 0


@pytest.mark.parametrize("name", ["not granted", "clock skew", "HTML", "no bucket", "unreachable"])
def test_it_is_shown_once_the_daemon_is_down(
    workspace: Workspace, sandbox: Sandbox, name: str
) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:03}.mp4" for n in range(3)])
    refusal = REFUSALS.get(name) or Refusal("could not be reached", "Check the network, DNS")
    table = workspace.watch(more=EVERY_SECOND)
    match name:
        case "unreachable":
            table = table.replace(f'endpoint = "{sandbox.url}"', f'endpoint = "{NOWHERE}"')
        case "no bucket":  # a real one that is not there
            table = table.replace(BUCKET, "nobodys-bucket")
        case _:
            sandbox.hook = Faults(Fault(operation="ListObjectsV2", **refusal.fault))
    workspace.configure(table, more=ON_ANY_PORT)
    with Running(workspace) as running:
        running.until_logged("scan.incomplete")
        assert running.stop() == 0

    shown, found = (
        workspace.run("status"),
        last_scan(workspace.run("status", "--output-format", "json").out),
    )

    assert says(refusal, shown.out), shown.out
    assert "never" in shown.out  # no scan was complete
    assert (found["complete"], refusal.error in found["error"], refusal.hint in found["hint"]) == (
        False,
        True,
        True,
    )
    csv = workspace.run("status", "--output-format", "csv").out
    assert f"incomplete: {found['error']}"[:40] in csv


@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_a_one_shot_leaves_it_for_status_too(
    workspace: Workspace, sandbox: Sandbox, command: str
) -> None:
    refusal = REFUSALS["not granted"]
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.hook = Faults(Fault(operation="ListObjectsV2", **refusal.fault))
    ran = workspace.run(command, "--output-format", "json")
    assert (ran.status, says(refusal, ran.err)) == (5, True)
    assert refusal.hint in next(
        event["hint"] for event in ran.events if event["event"] == "scan.incomplete"
    )
    assert says(refusal, workspace.run("status").out)
    assert last_scan(workspace.run("status", "--output-format", "json").out)["complete"] is False

    sandbox.hook = Faults()
    assert workspace.run(command).status == 0

    found = last_scan(workspace.run("status", "--output-format", "json").out)
    assert (found["complete"], found["error"], found["hint"]) == (True, None, None)
    assert refusal.hint not in workspace.run("status").out


def test_a_dry_run_keeps_nothing(workspace: Workspace, sandbox: Sandbox) -> None:
    assert workspace.scan().status == 0
    sandbox.hook = Faults(Fault(operation="ListObjectsV2", kind="access_denied"))
    assert workspace.scan("--dry-run").status == 5
    assert last_scan(workspace.run("status", "--output-format", "json").out)["complete"] is True


def test_no_secret_enters_the_ledger_or_a_report(workspace: Workspace, sandbox: Sandbox) -> None:
    """A service that echoes the request: key, secret, signature and token, by name and by value."""
    keys = sandbox.credentials
    secrets = [keys.access_key_secret, "c2lnbmF0dXJlLW9mLXRoZS1jYWxs", "token-of-the-session-1234"]
    message = (
        f"OSSAccessKeyId={keys.access_key_id} secret {keys.access_key_secret} "
        f"Signature={secrets[1]} "
        f"x-oss-security-token: {secrets[2]}"
    )
    sandbox.hook = Faults(Fault(operation="ListObjectsV2", **refused("AccessDenied", message)))
    ran: list[Ran] = [workspace.scan(), workspace.backfill(), workspace.run("status")]
    ran += [workspace.run("status", "--output-format", kind) for kind in ("json", "csv")]
    text = "".join(each.out + each.err for each in ran)
    assert "AccessDenied" in ran[2].out
    kept = b"".join(path.read_bytes() for path in workspace.folder.glob("ledger.db*"))
    assert b"AccessDenied" in kept
    for secret in secrets:
        assert secret not in text
        assert secret.encode() not in kept
