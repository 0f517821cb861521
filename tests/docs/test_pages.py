"""README and docs/: their size, their order, their links, their words, and what they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import watcher
from tests.docs.test_hints import COMMANDS, OPTION, OURS, options
from tests.support.checkout import CHECKOUT
from tests.support.pages import (
    ENGLISH,
    README,
    anchor,
    chinese,
    commands,
    sections,
    without_comment,
)
from watcher import config
from watcher.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

CHINESE = [chinese(page) for page in ENGLISH if chinese(page).exists()]
PAGES = [*ENGLISH, *CHINESE]
PAIRS = [page for page in ENGLISH if chinese(page).exists()]
BEFORE_THE_FIRST_SCAN = ("console, open Configuration Management", '"vod:RegisterMedia"')
ORDER = (
    "oss-vod-watcher",
    "Install",
    "The first scan of your bucket",
    "The configuration in ten lines",
    "Run it as a service",
    "Every day",
    "From a Python program",
    "Guarantees and limits",
    "Read on",
)
SETTINGS_ZH = "全部设置"
NEVER = r"told|tells?|whoever|anew|forgives?|gone on with|in line|comes? to|wants? a person"
# Names of things, and words that Chinese operators write in Latin letters.
LATIN = {
    *("OSS", "VOD", "ApsaraVideo", "Bucket", "RAM", "ECS", "STS", "OIDC", "RRSA", "AccessKey"),
    *("oss-vod-watcher", "README", "Python", "Linux", "Debian", "Ubuntu", "SQLite", "TOML", "make"),
    *("systemd", "Prometheus", "Grafana", "crontab", "pipx", "wheel", "ossutil", "root", "stdin"),
    *(
        "stdout",
        "stderr",
        "SIGPIPE",
        "JSON",
        "CSV",
        "UTF-8",
        "CRLF",
        "PEM",
        "URL",
        "ID",
        "HTTP",
        "CRC-64",
        "Base64",
    ),
    *(
        "HTTPS",
        "HEAD",
        "GET",
        "PUT",
        "HLS",
        "ETag",
        "Size",
        "LastModifiedDate",
        "StorageClass",
        "ObjectType",
    ),
    *(
        "IMDSv2",
        "English",
        "Apache-2.0",
        "MB",
        "GB",
        "KB",
        "B",
        "ms",
        "s",
        "H:MM:SS",
        "RegisterMedia",
    ),
}


@pytest.mark.parametrize("page", [README, chinese(README)], ids=lambda page: page.name)
def test_the_readme_is_short_and_shows_no_generator(page: Path) -> None:
    raw = page.read_bytes()
    assert len(raw.splitlines()) <= 250
    assert len(raw) <= 14 * 1024
    assert b"cog" not in raw


def test_the_readme_keeps_its_order() -> None:
    assert [section.title for section in sections(README)] == list(ORDER)
    text = README.read_text(encoding="utf-8")
    places = [
        text.index(f"Version {watcher.__version__}. Not yet run against the live service"),
        text.index("$ make demo"),
        text.index("![The status page](docs/status-page.png)"),
        text.index("## Install"),
        *(text.index(step) for step in BEFORE_THE_FIRST_SCAN),
        text.index("$ oss-vod-watcher ledger init"),
    ]
    assert places == sorted(places)


def test_the_configuration_in_ten_lines_has_ten_lines_and_is_right(tmp_path: Path) -> None:
    (section,) = [each for each in sections(README) if "ten lines" in each.title]
    (block,) = section.blocks
    assert len([line for line in block.text.splitlines() if line]) == 10
    (tmp_path / "watcher.toml").write_text(block.text, encoding="utf-8")
    assert config.load(tmp_path / "watcher.toml").watches[0].name == "videos"


def test_six_commands_are_for_every_day() -> None:
    (section,) = [each for each in sections(README) if each.title == "Every day"]
    (block,) = section.blocks
    assert len(commands(block)) == 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in (link for section in sections(page) for link in section.links):
        path, _, name = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        known = {anchor(each.title) for each in sections(target)} if name else {""}
        if not target.is_relative_to(CHECKOUT) or not target.exists() or name not in known:
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {link for section in sections(README) for link in section.links}
    assert {f"docs/{page.name}" for page in ENGLISH if page != README} - linked == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_is_shown_exists(page: Path) -> None:
    wrong = []
    for shown in shown_commands(page):
        words = shown.split()
        path: tuple[str, ...] = ()
        while words and (*path, words[0]) in COMMANDS:
            path = (*path, words.pop(0))
        allowed = options(COMMANDS[path]) | options(cli)
        if not path or set(OPTION.findall(shown)) - allowed:
            wrong.append(shown)
    assert wrong == []


def shown_commands(page: Path) -> list[str]:
    """Return our commands of a page's code, by the words behind the program's name."""
    code = [span for section in sections(page) for span in section.code]
    blocks = [block for section in sections(page) for block in section.blocks]
    code += [
        without_comment(command)
        for block in blocks
        if block.language == "console"
        for command in commands(block)
    ]
    plain = (
        re.sub(r"^(?:sudo |runuser .* -- |systemd-run [^/]*/usr/local/bin/)", "", text)
        for text in code
    )
    options_before = (
        re.sub(r"^oss-vod-watcher (?:-c \S+|--version)", "oss-vod-watcher", text) for text in plain
    )
    return [found[1] for text in options_before if (found := OURS.match(text))]


def test_every_command_event_setting_and_exit_status_is_on_a_page() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in ENGLISH)
    for words in COMMANDS:
        assert not words or f"`{' '.join(words)}" in text, words
    for status in ("0", "1", "2", "3", "4", "5", "6", "130, 143", "141"):
        assert f"\n| {status} | " in text


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_the_words_are_plain(page: Path) -> None:
    prose = "\n".join(section.prose for section in sections(page))
    assert re.findall(rf"(?i)\b(?:{NEVER})\b", prose) == []
    assert re.findall(r"(?:^|[.:] )(?:Let|What|Whoever) \w+ ", prose, re.MULTILINE) == []


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_sentences_have_at_most_20_words(page: Path) -> None:
    """Tables are left to the code that they come from; a colon ends a sentence, too."""
    prose = "\n".join(section.prose for section in sections(page))
    text = re.sub(r"^\|.*$", "", prose, flags=re.MULTILINE)
    paragraphs = re.split(r"\n\s*\n|\n(?=- |\d+\. )", text)
    sentences = [each for part in paragraphs for each in re.split(r"(?<=[.!?:])\s", part)]
    assert [each for each in sentences if len(re.findall(r"\S*[\w`]\S*", each)) > 20] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_fit_100_columns(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 100 and line[:1] != "|"] == []


@pytest.mark.parametrize("page", PAIRS, ids=lambda page: page.name)
def test_the_chinese_page_has_the_same_sections(page: Path) -> None:
    english, other = sections(page), sections(chinese(page))
    assert [section.level for section in english] == [section.level for section in other]
    for ours, theirs in zip(english, other, strict=True):
        assert ours.shape == theirs.shape, theirs.title
        assert [block.language for block in ours.blocks] == [b.language for b in theirs.blocks]


@pytest.mark.parametrize("page", PAIRS, ids=lambda page: page.name)
def test_the_chinese_page_has_the_same_figures_names_and_commands(page: Path) -> None:
    for ours, theirs in zip(sections(page), sections(chinese(page)), strict=True):
        assert ours.figures == theirs.figures, theirs.title
        assert set(ours.code) == set(theirs.code), theirs.title
        for block, other in zip(ours.blocks, theirs.blocks, strict=True):
            assert without_comment(block.text) == without_comment(other.text), theirs.title


@pytest.mark.parametrize("page", PAIRS, ids=lambda page: page.name)
def test_the_chinese_page_is_not_half_english(page: Path) -> None:
    """No English word but names; the table of settings is full of names, so there no phrase."""
    found = sections(chinese(page))
    everything = " ".join(section.prose for section in found)
    assert re.findall(r"\b[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}\b", everything) == []
    plain = "\n".join(section.prose for section in found if section.title != SETTINGS_ZH)
    plain = re.sub(r"https?://\S+|\"now\"", " ", plain)
    assert set(re.findall(r"(?a)[A-Za-z](?:[\w.:-]*\w)?", plain)) - LATIN == set()
    for wrong, right in (
        ("答复", "响应"),
        ("监视的", "监视项的"),
        ("退出码", "退出状态"),
        ("杀死", "终止"),
    ):
        assert wrong not in plain, right


@pytest.mark.parametrize("page", PAIRS, ids=lambda page: page.name)
def test_the_chinese_page_says_the_field_s_words(page: Path) -> None:
    """Where the English page has the word, the Chinese one has its one translation."""
    english = "\n".join(section.prose for section in sections(page)).lower()
    other = "\n".join(section.prose for section in sections(chinese(page)))
    for word, translation in (
        ("queued", "排队"),
        ("a watch", "监视项"),
        ("ledger", "台账"),
        ("retries", "重试"),
        ("retried", "重试"),
    ):
        assert word not in english or translation in other, word


@pytest.mark.parametrize(("title", "root"), [("Where things are", "watcher"), ("Tests", "tests")])
def test_the_development_page_lists_every_folder(title: str, root: str) -> None:
    page = CHECKOUT / "docs" / "development.md"
    (section,) = [each for each in sections(page) if each.title == title]
    names = re.findall(r"^  ([\w.]+)/? ", section.blocks[0].text, re.MULTILINE)
    assert [name for name in names if not (CHECKOUT / root / name).exists()] == []
    there = {
        path.relative_to(CHECKOUT / root).parts[0] for path in (CHECKOUT / root).glob("*/**/*.py")
    }
    assert there - set(names) == set()
