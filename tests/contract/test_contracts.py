"""The promises of `watcher.ports`, for every implementation, the fakes included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.contracts import WRAPPED, FakeService, FakeStore, RealStore, pages, real_service
from tests.support.workspace import BUCKET
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CloudError,
    Throttled,
    Unanswered,
    Unreachable,
)
from watcher.model import Accepted, BatchResult, CallOptions, Media, Page, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.contracts import Service, Store

KEYS = ["a", "a b+%.mp4", "a/é.mp4", "b/1", "b/2", "\ue000", "\uffff", "\U00010000", "中 文/🎬.mp4"]
IN_ORDER = sorted(KEYS, key=str.encode)
OPTIONS = CallOptions(template_group_id="VOD_NO_TRANSCODE")

# Sources


@pytest.fixture(params=["real", "fake"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    made = FakeStore() if request.param == "fake" else RealStore(request.getfixturevalue("sandbox"))
    yield made
    made.close()


def listed(pages: Sequence[Page]) -> list[str]:
    return [key for page in pages for key in page.objects.keys]


def test_a_listing_has_every_key_exactly_and_in_utf8_order(store: Store) -> None:
    for key in reversed(IN_ORDER):
        store.put(key)
    found = list(pages(store.source()))
    assert listed(found) == IN_ORDER
    assert [page.is_last for page in found] == [False, False, True]
    assert [page.last_key for page in found] == [page.objects[-1].key for page in found]
    assert all(page.at for page in found)


def test_an_empty_listing_is_one_last_page_without_a_key(store: Store) -> None:
    (page,) = pages(store.source())
    assert (list(page.objects), page.last_key, page.next_token, page.is_last, page.not_utf8) == (
        [],
        "",
        "",
        True,
        (),
    )


def test_a_prefix_is_only_text_and_nothing_else_is_listed(store: Store) -> None:
    for key in KEYS:
        store.put(key)
    assert listed(list(pages(store.source("a")))) == [
        key for key in IN_ORDER if key.startswith("a")
    ]
    assert store.source("a").prefix == "a"
    assert store.source("a").bucket == BUCKET


def test_start_after_is_exclusive_and_need_not_exist(store: Store) -> None:
    for key in KEYS:
        store.put(key)
    for after in (*IN_ORDER, "a ", "zzz"):
        behind = [key for key in IN_ORDER if key.encode() > after.encode()]
        assert listed(list(pages(store.source(), start_after=after))) == behind, after


def test_a_listing_continues_behind_any_page_even_one_that_ends_in_a_key_that_is_not_utf8(
    store: Store,
) -> None:
    for key in ("a", "b", "\U00010000", "\U00010001"):
        store.put(key)
    for n in range(4):
        store.put("", raw=b"c\xff%d" % n)
    found = list(pages(store.source()))
    assert [raw for page in found for raw in page.not_utf8] == [b"c\xff%d" % n for n in range(4)]
    assert any(page.next_token for page in found)
    for place, page in enumerate(found[:-1]):
        assert page.next_token or page.last_key
        again = list(pages(store.source(), start_after=page.last_key, token=page.next_token))
        assert [each.objects for each in again] == [each.objects for each in found[place + 1 :]]


def test_the_pages_before_an_error_are_still_true(store: Store) -> None:
    for key in KEYS:
        store.put(key)
    seen = []
    with pytest.raises(CloudError):  # noqa: PT012 (the pages before it matter)
        for page in pages(store.source()):
            seen.append(page)
            store.stop_answering()
    assert listed(seen) == IN_ORDER[:3]
    assert not seen[-1].is_last


def test_an_answer_repeats_itself_until_an_object_in_it_changes(store: Store) -> None:
    for key in KEYS[:5]:
        store.put(key)
    answer = store.source().list_objects(max_keys=3)
    for n in range(4):
        n_bytes, digest = answer.digest(n)
        again = store.source().list_objects(max_keys=3)
        assert again.repeats(n_bytes, digest, n=n, to_the_end=False), n
        assert not again.repeats(n_bytes, digest, n=n, to_the_end=True), n
    with pytest.raises(ValueError, match=r"\d"):
        answer.digest(4)
    store.delete(IN_ORDER[1])
    assert (
        not store.source().list_objects(max_keys=3).repeats(n_bytes, digest, n=3, to_the_end=False)
    )


def test_an_answer_repeats_to_the_end_if_nothing_is_listed_behind(store: Store) -> None:
    for key in ("a", "b"):
        store.put(key)
    n_bytes, digest = store.source().list_objects(max_keys=3).digest(2)
    assert store.source().list_objects(max_keys=3).repeats(n_bytes, digest, n=2, to_the_end=True)
    assert (
        not store.source().list_objects(max_keys=1).repeats(n_bytes, digest, n=2, to_the_end=False)
    )
    store.put("c")
    assert (
        not store.source().list_objects(max_keys=3).repeats(n_bytes, digest, n=2, to_the_end=True)
    )
    assert (
        not store.source().list_objects(max_keys=2).repeats(n_bytes, digest, n=2, to_the_end=True)
    )
    assert (
        store.source("z")
        .list_objects()
        .repeats(*store.source("z").list_objects().digest(0), n=0, to_the_end=True)
    )


def test_head_returns_the_object_as_listed_or_none(store: Store) -> None:
    store.put("a/é.mp4")
    ((shown,),) = (page.objects for page in pages(store.source()))
    assert store.source().head("a/é.mp4") == shown
    store.delete("a/é.mp4")
    assert store.source().head("a/é.mp4") is None
    store.stop_answering()
    with pytest.raises(CloudError):
        store.source().head("a/é.mp4")


# Registrars


@pytest.fixture(
    params=[f"{kind} {wrapping}".strip() for kind in ("real", "fake") for wrapping in WRAPPED]
)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    kind, _, wrapping = str(request.param).partition(" ")
    if kind == "fake":
        made: Service = FakeService()
        made.registrar = WRAPPED[wrapping](made.registrar)
        yield made
        return
    with real_service(request.getfixturevalue("sandbox")) as made:
        made.registrar = WRAPPED[wrapping](made.registrar)
        yield made


def ask(service: Service, *keys: str) -> BatchResult:
    url = f"https://{BUCKET}.oss-cn-shanghai.aliyuncs.com/"
    return service.registrar.register(
        [Media(bucket=BUCKET, key=key, file_url=url + key, title=key) for key in keys], OPTIONS
    )


def test_each_item_has_one_outcome_none_is_missing_and_none_is_extra(service: Service) -> None:
    """Ten at once: known, new, refused, and not there at all."""
    keys = [f"{n}.mp4" for n in range(10)]
    service.put(*keys[:9])
    service.refuse(keys[8])
    ask(service, *keys[:2])
    result = ask(service, *keys)
    assert sorted(result.outcomes) == keys
    assert (result.error, bool(result.request_id)) == (None, True)
    accepted = {
        key: o.new_register for key, o in result.outcomes.items() if isinstance(o, Accepted)
    }
    assert accepted == {key: key not in keys[:2] for key in keys[:8]}
    assert {
        key for key, o in result.outcomes.items() if isinstance(o, Refused) and not o.final
    } == set(keys[8:])
    assert len({o.media_id for o in result.outcomes.values() if isinstance(o, Accepted)}) == 8


def test_to_ask_again_is_safe_and_changes_nothing(service: Service) -> None:
    service.put("a.mp4")
    first, second = ask(service, "a.mp4").outcomes["a.mp4"], ask(service, "a.mp4").outcomes["a.mp4"]
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.new_register, second.new_register) == (True, False)
    assert first.media_id == second.media_id


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("throttle", Throttled),
        ("service_unavailable", Unreachable),
        ("arrears", AccountRefused),
        ("unregistered_bucket", BucketRefused),
    ],
)
def test_a_call_that_raises_took_no_effect(
    service: Service, fault: str, raised: type[CloudError]
) -> None:
    service.put("a.mp4", "b.mp4")
    service.befall(fault)
    with pytest.raises(raised):
        ask(service, "a.mp4", "b.mp4")
    assert [
        o.new_register
        for o in ask(service, "a.mp4", "b.mp4").outcomes.values()
        if isinstance(o, Accepted)
    ] == [
        True,
        True,
    ]


@pytest.mark.parametrize("effect", ["before", "none"])
def test_a_possible_effect_is_returned_as_unknown_with_its_error(
    service: Service, effect: str
) -> None:
    service.put("a.mp4", "b.mp4")
    service.befall(f"reset,{effect}")
    result = ask(service, "a.mp4", "b.mp4")
    assert isinstance(result.error, Unanswered)
    assert [isinstance(o, Unknown) and not o.unmentioned for o in result.outcomes.values()] == [
        True,
        True,
    ]
    settled = ask(service, "a.mp4", "b.mp4").outcomes.values()
    assert {o.new_register for o in settled if isinstance(o, Accepted)} == {effect == "none"}


@pytest.mark.parametrize("effect", ["before", "none"])
def test_an_item_that_the_answer_does_not_mention_is_unknown_and_the_others_stand(
    service: Service, effect: str
) -> None:
    service.put("a.mp4", "b.mp4")
    service.befall(f"missing_items,{effect}")
    result = ask(service, "a.mp4", "b.mp4")
    missing, other = result.outcomes["a.mp4"], result.outcomes["b.mp4"]
    assert isinstance(missing, Unknown)
    assert (missing.unmentioned, result.error) == (True, None)
    assert isinstance(other, Accepted)
    settled = ask(service, "a.mp4").outcomes["a.mp4"]
    assert isinstance(settled, Accepted)
    assert settled.new_register == (effect == "none")
