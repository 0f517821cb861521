"""VOD may spell file URLs in any way, and still each file gets its own medium."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cli.test_main_job import ODD_KEYS
from tests.support.history_configs import WatchAs
from tests.support.in_memory_app import World
from tests.support.workspace import BUCKET
from watcher.model import Accepted, CallOptions, Media, Outcome, Refused, Unknown
from watcher.rules.file_url import FileUrlForm
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.vod.echo import SPELLINGS
from watcher.vod import VodRegistrar
from watcher.vod.client import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aliyunsdkvod.request.v20170321.RegisterMediaRequest import RegisterMediaRequest

    from tests.support.workspace import Workspace
    from watcher.model import BatchResult
    from watcher.sandbox import Sandbox

REGION = "cn-shanghai"
FORM = FileUrlForm(
    template="https://{bucket}.oss-{region}.aliyuncs.com/{key}", encoding="percent", region=REGION
)
TWINS = (
    "a b.mp4",
    "a+b.mp4",
    "a%20b.mp4",
    "a%2Bb.mp4",
    "a%2520b.mp4",
    "a",
    "a?x=1.mp4",
    "a.mp4",
    "a.mp4?x.mp4",
)


def books(sandbox: Sandbox) -> dict[str, str]:
    return {key: media.media_id for (_, key), media in sandbox.vod.media.items()}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_file_gets_its_own_medium_however_the_answer_spells_urls(
    workspace: Workspace, sandbox: Sandbox, spelling: str
) -> None:
    workspace.configure(vod="calls_per_second = 400", more='[retry]\nfirst_delay = "100ms"')
    sandbox.vod.calls_per_second = 500
    keys = dict.fromkeys([*ODD_KEYS, *(key for key in TWINS if key.endswith(".mp4"))])
    for key in keys:
        sandbox.oss.put(BUCKET, key)
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="echo", spelling=spelling))

    ran = workspace.scan()

    assert (ran.status, ran.json["registered"], ran.json["pending"]) == (0, len(keys), 0), ran.err
    assert {entry["key"]: entry["media_id"] for entry in workspace.entries()} == books(sandbox)
    for call in sandbox.vod.journal[-5:]:
        assert len(call.items) <= 10
    assert max(media.times_asked for media in sandbox.vod.media.values()) <= 2


@pytest.mark.parametrize("spelling", ["plus", "port", "query", "path_style", "other_host", "bare"])
def test_a_refusal_hits_its_own_file_however_the_answer_spells_urls(
    workspace: Workspace, sandbox: Sandbox, spelling: str
) -> None:
    workspace.configure(more='[retry]\nfirst_delay = "100ms"')
    for key in ("a b.mp4", "a+b.mp4", "c d.mp4", "e.mp4"):
        sandbox.oss.put(BUCKET, key)
    sandbox.vod.refuse(BUCKET, "a b.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="echo", spelling=spelling))

    ran = workspace.scan()

    assert (ran.status, ran.json["registered"], ran.json["failed"], ran.json["pending"]) == (
        6,
        3,
        1,
        0,
    ), ran.err
    states = {entry["key"]: (entry["state"], entry["reason"]) for entry in workspace.entries()}
    assert states.pop("a b.mp4") == ("failed", "refused")
    assert set(states.values()) == {("registered", None)}


class Echoing:
    """A client of a VOD that spells each item in its own way. `answers` holds all its answers."""

    def __init__(self, spellings: Sequence[str], left_out: Sequence[bool] = ()) -> None:
        self._spellings = spellings
        self._left_out = left_out
        self._items = 0
        self.media: dict[str, str] = {}
        self.sizes: list[int] = []

    def call(self, request: RegisterMediaRequest) -> HttpAnswer:
        """Register all, and echo most of them."""
        listed: list[dict[str, Any]] = []
        items = json.loads(request.get_RegisterMetadatas())
        self.sizes.append(len(items))
        for item in items:
            key = unquote(item["FileURL"].partition(".aliyuncs.com/")[2])
            known = key in self.media
            self.media[key] = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
            spelling = self._spellings[self._items % len(self._spellings)]
            if (
                len(items) == 1
                or not self._left_out
                or not self._left_out[self._items % len(self._left_out)]
            ):
                url = SPELLINGS[spelling](BUCKET, REGION, key)
                listed.append(
                    {"FileURL": url, "MediaId": self.media[key], "NewRegister": not known}
                )
            self._items += 1
        body = {"RequestId": "R", "RegisteredMediaList": listed[::-1], "FailedFileURLs": []}
        return HttpAnswer(status=200, headers={}, body=json.dumps(body).encode())


class EchoingVod:
    """`VodRegistrar` over such a client, for the in-memory app."""

    def __init__(self, client: Echoing) -> None:
        self._registrar = VodRegistrar(client)  # type: ignore[arg-type]
        self.calls = 0

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        self.calls += 1
        return self._registrar.register(batch, options)


PIECES = [
    "a",
    "b",
    " ",
    "+",
    "%",
    "20",
    "%20",
    "%2B",
    "%25",
    "?",
    "#",
    "/",
    "é",
    "%3F",
    "media-bucket/",
    "🎬",
]
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(
    lambda pieces: ("".join(pieces).lstrip("/") or "a") + ".mp4"
)
KEY_SETS = st.one_of(
    st.lists(NAMES, min_size=1, max_size=25, unique=True),
    st.lists(
        st.sampled_from([key for key in TWINS if key.endswith(".mp4")]), min_size=2, unique=True
    ),
)


@settings(deadline=None, max_examples=200)
@given(
    KEY_SETS,
    st.lists(st.sampled_from(sorted(SPELLINGS)), min_size=1, max_size=13),
    st.lists(st.booleans(), max_size=7),
)
@example(["a b.mp4", "a+b.mp4"], ["plus"], [False, True])
@example(["a b.mp4", "a%2Bb.mp4"], ["raw_plus"], [False, True])
@example(["a+b.mp4", "a%20b.mp4"], ["raw"], [True, False])
def test_no_medium_goes_to_another_file_and_no_file_is_left(
    keys: list[str], spellings: list[str], left_out: list[bool]
) -> None:
    """For any keys, any spellings, and any items that an answer leaves out."""
    world = World([WatchAs("videos")])
    try:
        client = Echoing(spellings, left_out)
        world.vod = EchoingVod(client)  # type: ignore[assignment]
        for key in keys:
            world.bucket.put(key)
        world.scan("videos")
        for _ in range(2):
            world.register()
            world.clock.wait(600)
        world.register()
        rows = dict(world.db.execute("SELECT key, media_id FROM entry").fetchall())
        assert rows == {key: client.media.get(key) for key in keys}
        assert None not in rows.values()
    finally:
        world.remove()


def test_an_unmatched_file_costs_one_more_call_and_delays_no_other() -> None:
    world = World([WatchAs("videos")])
    try:
        client = Echoing(["port", "encoded"])
        world.vod = EchoingVod(client)  # type: ignore[assignment]
        for n in range(25):
            world.bucket.put(f"{n:02}.mp4")
        world.scan("videos")
        assert world.register() == 3 + 13
        assert client.sizes == [10, *[1] * 5, 10, *[1] * 5, 5, *[1] * 3]
        assert world.ledger.queue.next_due_at(BUCKET, ["videos"]) is None
    finally:
        world.remove()


URL = FORM.url(BUCKET, "a b.mp4")
ONE = {"FileURL": "strange", "MediaId": "m1", "NewRegister": True}
OWN = {**ONE, "FileURL": URL}


@pytest.mark.parametrize(
    ("registered", "failed", "kind"),
    [
        ([ONE], [], Accepted),
        ([{"MediaId": "m1"}], [], Accepted),
        ([{**ONE, "FileURL": None}], [], Accepted),
        ([], ["strange"], Refused),
        ([], [URL], Refused),
        ([OWN], [], Accepted),
        ([OWN], ["strange"], Accepted),
        ([OWN, {**ONE, "MediaId": "m2"}], [], Accepted),
        ([], [], Unknown),
        ([ONE], ["strange"], Unknown),
        ([ONE, ONE], [], Unknown),
        ([], ["strange", "stranger"], Unknown),
        ([{**ONE, "MediaId": " "}], [], Unknown),
        ([{**ONE, "MediaId": None}], [], Unknown),
        ([{**ONE, "MediaId": "m\n1"}], [], Unknown),
        (["strange"], [], Unknown),
    ],
)
def test_the_only_result_of_a_call_with_one_item_belongs_to_it(
    registered: list[Any], failed: list[str], kind: type[Outcome]
) -> None:
    outcome = outcomes(registered, failed, "a b.mp4")["a b.mp4"]
    assert type(outcome) is kind
    if isinstance(outcome, Accepted):
        assert outcome.media_id == "m1"
    if isinstance(outcome, Unknown):
        assert outcome.unmentioned


@pytest.mark.parametrize(
    ("registered", "failed"),
    [
        ([ONE], []),
        ([], ["strange"]),
        ([OWN, {**OWN, "MediaId": "m2"}], []),
        ([OWN], [URL]),
    ],
)
def test_results_for_several_items_are_never_guessed(
    registered: list[Any], failed: list[str]
) -> None:
    """Neither for the only item left nor for one that the answer names twice."""
    found = outcomes(registered, failed, "a b.mp4", "c.mp4")
    assert all(isinstance(outcome, Unknown) and outcome.unmentioned for outcome in found.values())


def outcomes(registered: list[Any], failed: list[str], *keys: str) -> dict[str, Outcome]:
    """Return the outcomes of these keys in such an answer."""

    class Fixed:
        def call(self, _: RegisterMediaRequest) -> HttpAnswer:
            body = {"RequestId": "R", "RegisteredMediaList": registered, "FailedFileURLs": failed}
            return HttpAnswer(status=200, headers={}, body=json.dumps(body).encode())

    media = [
        Media(bucket=BUCKET, key=key, file_url=FORM.url(BUCKET, key), title=key) for key in keys
    ]
    return VodRegistrar(Fixed()).register(media, CallOptions()).outcomes  # type: ignore[arg-type]
