"""The page in a real browser shows what the ledger holds, and nothing leaves the host."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.page_fixture import CHINESE, LONG, ODD, SCRIPT, Served, remember, served
from tests.system.machine import lacking
from watcher.ledger.sqlite import LedgerReader
from watcher.model import ScanEnd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
STATES = ("registered", "pending", "claimed", "failed", "changed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        lacking("needs a browser (apt-get install chromium)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only where there is a browser)

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("page")) as page:
        remember(page.view, now_ms=page.view.now_ms())
        yield page


class Visit:
    """One browser window; what it asks for, and what it complains of."""

    def __init__(self, browser: Browser, it: Served, **settings: object) -> None:
        self.it = it
        self.context = browser.new_context(**settings)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def go(self, target: str = "/") -> Page:
        self.page.goto(self.it.url + target)
        return self.page

    def leave(self) -> None:
        """Close the window; it asked nobody else, and had nothing to complain of."""
        self.context.close()
        assert self.asked
        assert {urlsplit(url).netloc for url in self.asked} == {self.it.server.address}
        assert self.complaints == []


@pytest.fixture
def visit(browser: Browser, it: Served) -> Iterator[Visit]:
    window = Visit(browser, it)
    yield window
    window.leave()


def entry(key: str) -> str:
    return "/entry?" + urlencode({"bucket": "b", "key": key})


def background(page: Page) -> tuple[int, ...]:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return tuple(map(int, re.findall(r"\d+", colour)[:3]))


def test_counts_agree_with_the_ledger(visit: Visit, it: Served) -> None:
    page = visit.go()
    with LedgerReader(it.path, beside=True) as reader:
        rows = reader.status()
    for state in STATES:
        shown = page.locator(f".tile.{state} b").first.inner_text()
        assert int(shown) == sum(getattr(row, state) for row in rows), state


def test_a_refused_scan_is_shown_with_its_cure_on_any_screen(
    browser: Browser, tmp_path: Path
) -> None:
    """The page shows it below its watch, also before this process has scanned; in whole words."""
    with served(tmp_path) as it:
        now_ms = it.view.now_ms()
        end = ScanEnd(
            kind="scan",
            at=now_ms,
            complete=False,
            error=f"OSS refused {SCRIPT}",
            hint="Grant it all.",
        )
        it.ledger.discovery.end_scan("w", end, source="oss://b/")
        remember(it.view, now_ms=now_ms)
        for width in (390, 1280):
            visit = Visit(browser, it, viewport={"width": width, "height": 900})
            page = visit.go()
            more = page.locator("tr.more").first
            assert "last scan incomplete" in more.inner_text()
            assert more.locator("strong").inner_text() == "Grant it all."
            assert page.title() != "owned"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            visit.leave()


def test_the_page_refreshes_itself(browser: Browser, it: Served) -> None:
    visit = Visit(browser, it)
    page = visit.go()
    page.evaluate("document.body.dataset.same = 'yes'")
    before = page.locator(".asof").inner_text()
    page.wait_for_function(
        "before => document.querySelector('.asof').innerText !== before", arg=before, timeout=15_000
    )
    assert page.evaluate("document.body.dataset.same") == "yes"
    visit.leave()


def test_without_scripts_the_page_is_whole_and_asks_to_be_refreshed(
    browser: Browser, it: Served
) -> None:
    visit = Visit(browser, it, java_script_enabled=False)
    page = visit.go()
    assert page.locator(".tile").count() == 8
    assert (
        page.locator('noscript meta[http-equiv="refresh"], meta[http-equiv="refresh"]').count() == 1
    )
    visit.leave()


def test_search_finds_a_key_with_chinese_and_quotes_and_leads_to_its_story(visit: Visit) -> None:
    page = visit.go()
    page.get_by_role("searchbox").fill("第一集\" '完")
    page.get_by_role("button", name="Search").click()
    links = page.locator("a.key")
    assert links.all_inner_texts() == [f"b/{CHINESE}"]
    links.first.click()
    assert page.locator("h1").inner_text() == f"oss://b/{CHINESE}"
    assert page.get_by_text("Next step").count() == 1


def test_a_key_that_is_a_script_does_nothing(visit: Visit) -> None:
    for target in ("/", "/search?" + urlencode({"q": SCRIPT}), entry(SCRIPT)):
        page = visit.go(target)
        assert page.title() != "owned"
        assert page.evaluate("document.body.dataset.owned") is None
        assert page.locator("script:not([src])").count() == 0
    assert page.locator("h1").inner_text() == f"oss://b/{SCRIPT}"


@pytest.mark.parametrize(
    "target", ["/", "/?span=day", "/search?q=mp4", "/search?q=nothing", *map(entry, ODD)]
)
def test_at_400_pixels_nothing_scrolls_sideways(browser: Browser, it: Served, target: str) -> None:
    visit = Visit(browser, it, viewport={"width": 400, "height": 800})
    page = visit.go(target)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    hidden = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((each) => !each.closest("svg, .unseen")
                && each.getBoundingClientRect().right > 400.5)
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert hidden == []
    visit.leave()


def test_a_long_key_is_shown_whole(visit: Visit) -> None:
    assert visit.go(entry(LONG)).locator("h1").inner_text() == f"oss://b/{LONG}"


def test_it_is_light_or_dark_as_the_reader_likes(browser: Browser, it: Served) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        visit = Visit(browser, it, color_scheme=scheme)
        shades[scheme] = sum(background(visit.go()))
        visit.leave()
    assert shades["light"] > 600
    assert shades["dark"] < 120


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("target", ["/", "/search?q=mp4", entry(CHINESE)])
def test_text_stands_out_from_its_ground(
    browser: Browser, it: Served, target: str, scheme: str
) -> None:
    """WCAG 2.2, AA: 4.5 to 1."""
    visit = Visit(browser, it, color_scheme=scheme)
    faint = visit.go(target).evaluate(_CONTRAST)
    assert faint == []
    visit.leave()


_CONTRAST = """() => {
  const parse = (text) => text.match(/[0-9.]+/g).map(Number);
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (each) => {
    for (; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || parent.closest(
        "svg, .unseen, .skip, noscript, script")) continue;
    const [a, b] = [luminance(parse(getComputedStyle(parent).color)), luminance(ground(parent))]
        .sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const where = `${parent.className || parent.tagName}: `
        + `${walker.currentNode.data.trim().slice(0, 30)}`;
    if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${where}`);
  }
  return [...faint];
}"""
