"""The page: its counts agree with the ledger, and any key is found and shown harmlessly."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support.http_get import get, search, story
from tests.support.page_fixture import (
    CHINESE,
    CONTROL,
    LONG,
    ODD,
    REFUSED_KEY,
    SCRIPT,
    Served,
    remember,
    served,
    stop_calls,
)
from watcher.ledger.sqlite import LedgerReader
from watcher.model import Failure
from watcher.observe.web.advice import CURES, retry_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("page")) as it:
        remember(it.view, now_ms=it.view.now_ms())
        yield it


def test_counts_on_the_page_are_those_of_the_ledger(page: Served) -> None:
    tiles = dict(re.findall(r'class="tile ([a-z]+)[^"]*"><b>([\d\u202f]+)</b>', get(page).text))
    with LedgerReader(page.path, beside=True) as reader:
        rows = reader.status()
    assert tiles == {
        name: str(sum(getattr(row, name) for row in rows))
        for name in ("registered", "pending", "claimed", "failed", "changed")
    }


@pytest.mark.parametrize("key", [*ODD, REFUSED_KEY])
def test_any_key_is_found_and_shown_as_text(page: Served, key: str) -> None:
    found, entry = search(page, key), story(page, key)
    link = html.escape("/entry?" + urlencode({"bucket": "b", "key": key}))
    assert f'href="{link}"' in found.text
    assert entry.status == 200
    for got in (found, entry, get(page)):
        assert "<script>document" not in got.text
        assert "<b>.mp4" not in got.text
        assert not set(got.text) & set("\x07\x1b\u202e")


def test_unprintable_characters_are_escaped(page: Served) -> None:
    text = story(page, CONTROL).text
    assert '<span class="odd">\\x07</span>' in text
    assert '<span class="odd">\\u202e</span>' in text


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        (CHINESE, CHINESE),
        ("影片/", CHINESE),
        ("一集\" '完", CHINESE),
        (f"oss://b/{CHINESE}", CHINESE),
        (SCRIPT[:9], SCRIPT),
        (LONG[500:], LONG),
        ("media-1", None),
        ("gone", "gone.mp4"),
    ],
)
def test_search_by_the_whole_key_its_beginning_a_part_of_it_or_the_media_id(
    page: Served, text: str, finds: str | None
) -> None:
    got = search(page, text)
    assert got.status == 200
    if finds is None:
        with LedgerReader(page.path, beside=True) as reader:
            finds = next(
                entry.key for entry in reader.entries(lambda *_: "") if entry.media_id == text
            )
    assert html.escape("/entry?" + urlencode({"bucket": "b", "key": finds})) in got.text


def test_a_missing_entry_is_explained_in_a_sentence(page: Served) -> None:
    assert (
        "No entry has no-such-thing in its key or as its media ID"
        in search(page, "no-such-thing").visible_text
    )
    assert search(page, "oss://other/gone.mp4").visible_text.count("No entry has") == 1
    got = story(page, "no-such-key")
    assert got.status == 404
    assert "The ledger has no such entry" in got.visible_text


def test_a_failed_entry_shows_its_reason_its_cure_and_its_call(page: Served) -> None:
    text = story(page, REFUSED_KEY).visible_text
    for part in (CURES[Failure.REFUSED].cure, "VOD said <i>no</i>", "RequestId R1", "Refusals 1"):
        assert part in text
    assert f"oss-vod-watcher retry 'oss://b/{REFUSED_KEY}'" in text


def test_an_overwritten_entry_is_marked_with_the_command_to_acknowledge_it(page: Served) -> None:
    text = story(page, CHINESE).visible_text
    assert "registered changed" in text
    assert "Changed since yes, registered as ETag E1" in text
    assert "oss-vod-watcher retry --changed" in text


def test_the_command_for_a_key_with_control_characters_is_percent_encoded() -> None:
    assert retry_command("b", "a\nb") == "oss-vod-watcher retry --encoding-type url oss://b/a%0Ab"


def test_each_reason_has_a_meaning_and_a_cure() -> None:
    assert set(CURES) == set(Failure)
    assert all(cure.meaning and cure.cure for cure in CURES.values())


def test_failures_scans_and_charts_are_on_the_page(page: Served) -> None:
    got = get(page)
    assert "1 refused in w" in got.visible_text
    assert "1 gone in second" in got.visible_text
    assert "incomplete OSS did not answer within 15 s" in got.visible_text
    assert "4 extension" in got.visible_text
    assert len(re.findall(r"<svg ", got.text)) == 2
    assert got.text.count('<rect class="registered"') > 30


def test_an_open_breaker_is_shown_with_its_cure_and_explains_why_an_entry_waits(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as it:
        stop_calls(it.ledger, now_ms=it.view.now_ms())
        text = get(it).visible_text
        assert (
            "Calls are stopped for all buckets VOD refuses the account: it is in arrears. Top it up"
            in text
        )
        assert (
            "calls are stopped: VOD refuses the account"
            in story(it, "waiting-050.mp4").visible_text
        )


def test_an_empty_ledger_has_a_page(tmp_path: Path) -> None:
    with served(tmp_path, filled=False) as it:
        text = get(it).visible_text
        for sentence in (
            "None. All entries are registered",
            "No scan has ended",
            "The chart appears after",
        ):
            assert sentence in text


def test_an_unreadable_ledger_is_shown_and_probes_still_work(tmp_path: Path) -> None:
    with served(tmp_path) as it:
        it.view.close()
        hidden = it.path.rename(tmp_path / "hidden.db")
        try:
            got = get(it)
            assert got.status == 503
            assert "ledger" in got.visible_text
            assert get(it, "/status.json").status == 503
            assert get(it, "/livez").status == 200
            metrics = get(it, "/metrics")
            assert metrics.status == 200
            assert 'register_calls_total{code="OK"}' in metrics.text
        finally:
            hidden.rename(it.path)
        assert get(it).status == 200
