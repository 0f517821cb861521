"""The sandbox knows a request or refuses it. No request falls through to another operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET
from watcher.sandbox.oss.routes import ROUTES, SIGNING_HEADERS, SIGNING_PARAMETERS, Level

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.oss.routes import Route

KEY = "movies/a.mp4"
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH")
PLACES = {Level.SERVICE: ("", ""), Level.BUCKET: (BUCKET, ""), Level.OBJECT: (BUCKET, KEY)}
# The documented sub-resources of OSS, the parameters of its operations, and one that is neither.
PARAMETERS = [
    "accessmonitor",
    "accessPoint",
    "accessPointPolicy",
    "acl",
    "append",
    "archiveDirectRead",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cleanRestoredObject",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "delimiter",
    "encoding-type",
    "encryption",
    "endTime",
    "fetch-owner",
    "group",
    "httpsConfig",
    "img",
    "inventory",
    "inventoryId",
    "key-marker",
    "lifecycle",
    "list-type",
    "live",
    "location",
    "logging",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "metaQuery",
    "no-such-parameter",
    "objectInfo",
    "objectMeta",
    "objectWorm",
    "part-number-marker",
    "partNumber",
    "policy",
    "policyStatus",
    "position",
    "prefix",
    "processConfiguration",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "referer",
    "regions",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requesterQosInfo",
    "requestPayment",
    "resourceGroup",
    "resourcePool",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "rtc",
    "sequential",
    "start-after",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "upload-id-marker",
    "uploadId",
    "uploads",
    "userDefinedLogFieldsConfig",
    "version-id-marker",
    "versionId",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "writeGetObjectResponse",
    "x-oss-ac-source-ip",
    "x-oss-async-process",
    "x-oss-process",
    "x-oss-request-payer",
    "x-oss-traffic-limit",
]
HEADERS = (
    "x-oss-acl", "x-oss-callback", "x-oss-callback-var", "x-oss-copy-source-version-id",
    "x-oss-no-such-header", "x-oss-object-acl", "x-oss-object-worm-mode",
    "x-oss-persistent-headers", "x-oss-request-payer", "x-oss-server-side-data-encryption",
    "x-oss-server-side-encryption", "x-oss-server-side-encryption-key-id", "x-oss-tagging",
    "x-oss-tagging-directive", "x-oss-traffic-limit",
)  # fmt: skip


def known_parameters(method: str, level: Level) -> set[str]:
    """Return every parameter that some operation of this method and level understands."""
    routes = [route for route in ROUTES if (route.method, route.level) == (method, level)]
    return {name for route in routes for name in (*route.marks, *route.parameters)}


def known_headers(method: str, level: Level) -> set[str]:
    """Return every header that some operation of this method and level understands."""
    routes = [route for route in ROUTES if (route.method, route.level) == (method, level)]
    return {name for route in routes for name in (route.header, *route.headers)}


def contents(sandbox: Sandbox) -> dict[str, list[tuple[bytes, str, bytes]]]:
    """Return every byte that the sandbox keeps, with ETags that show a rewrite."""
    oss, found = sandbox.oss, {}
    for bucket in oss.buckets():
        rows = []
        for key in oss.keys(bucket):
            stored = oss.find(bucket, key.decode())
            assert stored is not None
            rows.append((key, repr(stored), oss.body(bucket, key.decode())))
        found[bucket] = rows
    return found


@pytest.fixture
def stocked(sandbox: Sandbox) -> Sandbox:
    sandbox.oss.put(BUCKET, KEY, b"the original")
    sandbox.oss.put(BUCKET, "old.mp4", b"cold", storage_class="Archive")
    sandbox.oss.create_bucket("empty-bucket")
    return sandbox


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_parameter_is_refused_and_changes_nothing(
    stocked: Sandbox, method: str, level: Level
) -> None:
    before, known = contents(stocked), known_parameters(method, level)
    for name in PARAMETERS:
        if name in known:
            continue
        for value in ("", "1"):
            answer = send_signed(
                stocked, method, *PLACES[level], params={name: value}, body=b"other"
            )
            assert (name, answer.status_code) == (name, 501)
    assert contents(stocked) == before


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_header_is_refused_and_changes_nothing(
    stocked: Sandbox, method: str, level: Level
) -> None:
    before, known = contents(stocked), known_headers(method, level)
    for name in HEADERS:
        if name in known:
            continue
        answer = send_signed(stocked, method, *PLACES[level], headers={name: "1"}, body=b"other")
        assert (name, answer.status_code) == (name, 501)
    assert contents(stocked) == before


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_operation_refuses_a_sub_resource_beside_its_own(
    stocked: Sandbox, route: Route
) -> None:
    marks = dict.fromkeys(route.marks, "1")
    headers = {route.header: f"/{BUCKET}/old.mp4"} if route.header else {}
    before = contents(stocked)
    for name in ("acl", "tagging", "policy", "lifecycle", "versionId", "no-such-parameter"):
        if name in known_parameters(route.method, route.level):
            continue
        answer = send_signed(
            stocked,
            route.method,
            *PLACES[route.level],
            params={**marks, name: ""},
            headers=headers,
            body=b"other",
        )
        assert (name, answer.status_code) == (name, 501)
    assert contents(stocked) == before


def test_the_refusal_names_what_is_not_offered(stocked: Sandbox) -> None:
    answer = send_signed(stocked, "PUT", BUCKET, KEY, params={"tagging": ""}, body=b"<Tagging/>")
    assert (answer.status_code, "PutObject with tagging" in answer.text) == (501, True)
    assert "<Code>NotImplemented</Code>" in answer.text


def test_what_signs_a_request_is_no_operation() -> None:
    for route in ROUTES:
        assert not (route.marks | route.parameters) & SIGNING_PARAMETERS
        assert not route.headers & SIGNING_HEADERS
