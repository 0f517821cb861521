"""Globs over a page of keys: they match what they match key by key, and try few keys one by one."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.model import ObjectInfo, Objects
from watcher.rules.columns import PageKeys
from watcher.rules.globs import FLAGS, check, compile_globs
from watcher.rules.page_globs import PageGlobs, is_plain

EVERY_CHARACTER = [chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n <= 0xDFFF]


def page(keys: list[str], prefix: str = "") -> PageKeys:
    return PageKeys(
        Objects.of(ObjectInfo(prefix + key, "E", 1, 0) for key in sorted(set(keys))), prefix
    )


def test_a_text_that_overlaps_itself_is_found_in_each_key() -> None:
    keys = ["aaa.x", *(f"b{n}" for n in range(50)), "caa"]
    assert list(PageGlobs(("*aa*",)).places(page(keys))) == [0, 51]


texts = st.lists(
    st.sampled_from(
        [
            *"abks./",
            "A",
            "K",
            "S",
            "\u212a",
            "\u017f",
            "\u0131",
            "\u0130",
            "\n",
            "é",
            "É",
            "采",
            "mp4",
            ".mp4",
            "clips/",
        ]
    ),
    min_size=1,
    max_size=7,
).map("".join)
globs = (
    st.lists(
        st.sampled_from(
            [
                *"abks./?*",
                "**",
                "**/",
                "/**",
                "*.mp4",
                ".K",
                "采",
                "é",
                "[ab]",
                "[!s]",
                "{a,k}",
                "clips/",
            ]
        ),
        min_size=1,
        max_size=6,
    )
    .map("".join)
    .filter(lambda glob: check(glob) is None)
)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(globs, min_size=1, max_size=3),
    st.lists(texts, min_size=1, max_size=6),
    st.sampled_from(["", "a/", "a", "x.m", "采"]),
)
@pytest.mark.parametrize("few_hits", [1, 8])
def test_a_page_is_matched_as_its_keys_are(
    few_hits: int, patterns: list[str], keys: list[str], prefix: str
) -> None:
    """Few hits of a text are searched for one by one, many line by line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watcher.rules.columns._FEW_HITS", few_hits)
        matched_as_its_keys_are(patterns, keys, prefix)


def matched_as_its_keys_are(patterns: list[str], keys: list[str], prefix: str) -> None:
    found = page(keys, prefix)
    matches = compile_globs(patterns)
    wanted = [place for place, key in enumerate(found.below) if matches(key)]
    assert list(PageGlobs(patterns).places(found)) == wanted
    decided = range(1, len(found), 2)
    others = [place for place in PageGlobs(patterns).places(found, decided) if place not in decided]
    assert others == [place for place in wanted if place not in decided]


ENDS = (".MP4", ".mov", "_proxy.mov", "_PROXY.MOV", " 采访.mkv")
KEYS = [
    f"{folder}/{n:03}{ENDS[n % 5]}" for folder in ("aaaaaa", "clips", "xxxxxx") for n in range(100)
]
KEYS += ["xxxxxx/proxies/a.mkv"]


@pytest.mark.parametrize(
    ("glob", "tried"),
    [
        *(
            ("*.mp4", 0),
            ("clips/**", 3),
            ("**", 0),
            ("*", 0),
            ("*_proxy.mov", 0),
            ("trash/**", 3),
            ("**/*.mov", 0),
        ),
        *(
            ("**/proxies/**", 1),
            ("*采访*", 60),
            ("*采*.mkv", 61),
            ("*.tar.gz", 0),
            ("{clips,trash}/**", 6),
        ),
    ],
)
def test_few_keys_are_tried_one_by_one(
    glob: str, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends need no try and beginnings one each; other globs only keys with their longest text."""
    n = 0
    compiled = re.compile

    class Counting:
        def __init__(self, expression: str, flags: int) -> None:
            self._compiled = compiled(expression, flags)

        def fullmatch(self, text: str) -> object:
            nonlocal n
            n += 1
            return self._compiled.fullmatch(text)

    monkeypatch.setattr("watcher.rules.page_globs.re.compile", Counting)
    of_a_page = PageGlobs((glob,))
    monkeypatch.undo()
    found = page(KEYS)
    assert list(of_a_page.places(found)) == [
        n for n, key in enumerate(found.keys) if compile_globs((glob,))(key)
    ]
    assert n == tried


def test_a_beginning_that_a_whole_page_shares_is_tried_once() -> None:
    keys = [f"clips/{n:04}.bin" for n in range(1000)]
    assert PageGlobs(("CLIPS/**",)).places(page(keys)) == range(1000)
    assert list(PageGlobs(("clip/**", "*.mp4")).places(page(keys))) == []


def test_no_character_but_four_is_an_ascii_letter_in_another_case() -> None:
    """The search for a text in lower case relies on this, for each character there is."""
    others = "".join(each for each in EVERY_CHARACTER if not each.isascii())
    found = {
        each
        for letter in "abcdefghijklmnopqrstuvwxyz0123456789_.-/ %+"
        for each in re.findall(re.escape(letter), others, FLAGS)
    }
    assert found == {"\u0130", "\u0131", "\u017f", "\u212a"}


def test_a_character_without_letter_case_is_matched_by_itself_alone() -> None:
    lower = {}
    for each in EVERY_CHARACTER:
        for folded in {each.lower(), each.upper(), each.casefold()} - {each}:
            lower[folded] = each
    assert [
        each for each in EVERY_CHARACTER if not each.isascii() and is_plain(each) and each in lower
    ] == []
