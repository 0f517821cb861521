"""What the page tells: counts that agree with the ledger, and any key found, shown whole, and harmless."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.asking import get, search, story
from tests.watching import CHINESE, CONTROL, LONG, ODD, REFUSED_KEY, SCRIPT, Served, remember, served, stop_calls
from watcher.ledger import LedgerReader
from watcher.model import Failure
from watcher.observe.web.wording import CURES, retry_command

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
def test_whatever_a_key_holds_it_is_found_and_its_story_told_and_it_stays_text(page: Served, key: str) -> None:
    found, told = search(page, key), story(page, key)
    link = html.escape("/entry?" + urlencode({"bucket": "b", "key": key}))
    assert f'href="{link}"' in found.text
    assert told.status == 200
    for got in (found, told, get(page)):
        assert "<script>document" not in got.text
        assert "<b>.mp4" not in got.text
        assert not set(got.text) & set("\x07\x1b\u202e")


def test_what_cannot_be_printed_is_written_out(page: Served) -> None:
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
            finds = next(entry.key for entry in reader.entries(lambda *_: "") if entry.media_id == text)
    assert html.escape("/entry?" + urlencode({"bucket": "b", "key": finds})) in got.text


def test_what_is_not_there_is_said_in_a_sentence(page: Served) -> None:
    assert "No entry has no-such-thing in its key or as its media ID" in search(page, "no-such-thing").told
    assert search(page, "oss://other/gone.mp4").told.count("No entry has") == 1
    got = story(page, "no-such-key")
    assert got.status == 404
    assert "The ledger has no such entry" in got.told


def test_a_failed_entry_tells_its_reason_its_cure_and_its_call(page: Served) -> None:
    told = story(page, REFUSED_KEY).told
    for part in (CURES[Failure.REFUSED].cure, "VOD said <i>no</i>", "RequestId R1", "Refusals 1"):
        assert part in told
    assert f"oss-vod-watcher retry 'oss://b/{REFUSED_KEY}'" in told


def test_an_overwritten_entry_is_told_apart_and_how_it_is_acknowledged(page: Served) -> None:
    told = story(page, CHINESE).told
    assert "registered changed" in told
    assert "Changed since yes: registered was ETag E1" in told
    assert "oss-vod-watcher retry --changed" in told


def test_the_command_for_a_key_that_no_shell_takes_is_percent_encoded() -> None:
    assert retry_command("b", "a\nb") == "oss-vod-watcher retry --encoding-type url oss://b/a%0Ab"


def test_each_reason_has_a_meaning_and_a_cure() -> None:
    assert set(CURES) == set(Failure)
    assert all(cure.meaning and cure.cure for cure in CURES.values())


def test_failures_scans_and_charts_are_on_the_page(page: Served) -> None:
    got = get(page)
    assert "1 refused in w" in got.told
    assert "1 gone in second" in got.told
    assert "incomplete OSS did not answer within 15 s" in got.told
    assert "4 extension" in got.told
    assert len(re.findall(r"<svg ", got.text)) == 2
    assert got.text.count('<rect class="registered"') > 30


def test_an_open_breaker_is_shown_with_its_cure_and_explains_why_an_entry_waits(tmp_path: Path) -> None:
    with served(tmp_path) as it:
        stop_calls(it.ledger, now_ms=it.view.now_ms())
        told = get(it).told
        assert "Calls are stopped for all buckets VOD refuses the account: it is in arrears. Top it up" in told
        assert "calls are stopped: VOD refuses the account" in story(it, "waiting-050.mp4").told


def test_a_new_ledger_has_a_page_too(tmp_path: Path) -> None:
    with served(tmp_path, filled=False) as it:
        told = get(it).told
        for sentence in ("None. Every entry is registered", "No scan has ended", "Drawn once this process"):
            assert sentence in told


def test_a_ledger_that_cannot_be_read_is_told_and_the_process_still_probed(tmp_path: Path) -> None:
    with served(tmp_path) as it:
        it.view.close()
        hidden = it.path.rename(tmp_path / "hidden.db")
        try:
            got = get(it)
            assert got.status == 503
            assert "ledger" in got.told
            assert get(it, "/status.json").status == 503
            assert get(it, "/livez").status == 200
            metrics = get(it, "/metrics")
            assert metrics.status == 200
            assert 'register_calls_total{code="OK"}' in metrics.text
        finally:
            hidden.rename(it.path)
        assert get(it).status == 200
