"""Globs: what they match, what is wrong with one, and that none takes for ever."""

import re
import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.rules.glob_parser import MAX_ALTERNATIVES
from watcher.rules.globs import check, compile_globs

MATCHING = [
    ("*.mp4", "a.mp4"),
    ("*.mp4", "2024/视频/第 1 集.MP4"),
    ("*.mp4", ".mp4"),
    ("*.mp4", "a.b.mp4"),
    ("*.tar.gz", "x/a.tar.gz"),
    ("**.mp4", "x/a.mp4"),
    ("a.mp4", "x/A.mp4"),
    ("?.mp4", "x/集.mp4"),
    ("*", "a\nb"),
    ("*.mp4", "a\n.mp4"),
    ("a?b", "a\nb"),
    ("**/*.mp4", "a.mp4"),
    ("**/*.mp4", "x/y/a.mp4"),
    ("**/x/*.mp4", "x/a.mp4"),
    ("a/**/b", "a/b"),
    ("a/**/b", "a/x/b"),
    ("a/**/b", "a/x/y/b"),
    ("a/**/b", "a//b"),
    ("a/**", "a/x/y"),
    ("a**/b", "ax/y/b"),
    ("a/b**c", "a/bx/y/c"),
    ("a/b**c", "a/bc"),
    ("a/**", "a/x\ny"),
    ("**/**/a.mp4", "a.mp4"),
    ("x/*/../a", "x/y/../a"),
    ("x//*.mp4", "x//a.mp4"),
    ("[abc].mp4", "B.mp4"),
    ("[!abc].mp4", "d.mp4"),
    ("[a-c].mp4", "b.mp4"),
    ("[]].mp4", "].mp4"),
    ("[!]].mp4", "a.mp4"),
    ("[a-].mp4", "-.mp4"),
    (r"[\]\-a].mp4", "-.mp4"),
    (r"[a\^].mp4", "^.mp4"),
    ("[*].mp4", "*.mp4"),
    ("*.{mp4,mov}", "a.MOV"),
    ("*.m{p{4,3},ov}", "a.mp3"),
    ("a{,b}.mp4", "a.mp4"),
    ("a{,b}.mp4", "ab.mp4"),
    ("{**,x}/b", "b"),
    ("{a/b,c}.mp4", "a/b.mp4"),
    ("a}b,c", "a}b,c"),
    (r"\*.mp4", "*.mp4"),
    (r"\{a\}", "{a}"),
    (r"{a\,b,c}", "a,b"),
    (r"a\\b", "a\\b"),
    ("ÄÖ*.mp4", "äöx.MP4"),
    ("*.mKV", "a.mKv"),
    ("*.mkv", "a.m\u212av"),  # the Kelvin sign is a capital k
    ("*.ДОК", "a.док"),
    ("*.ΑΣ", "a.ας"),
    ("*.ΑΣ", "a.ασ"),
    ("*.ας", "a.ΑΣ"),
    ("{*,x}{**,y}*/b", "a/b"),
    ("第*集.mp4", "视频/第一集.mp4"),
]
OTHER = [
    ("*.mp4", "a.mp4x"),
    ("*.mp4", "mp4"),
    ("*.mp4", "a.mp4/b"),
    ("*.mp4", "a.mp4\n"),
    ("*.mp4", "a.mp44"),
    ("a?b", "a/b"),
    ("?", ""),
    ("?.mp4", "ab.mp4"),
    ("x/*.mp4", "x/y/a.mp4"),
    ("x/*.mp4", "z/x/a.mp4"),
    ("x/*/a", "x/a"),
    ("a/**/b", "a/xb"),
    ("a/**/b", "ab"),
    ("a/**", "a"),
    ("**/x", "yx"),
    ("**/*.mp4", "a.mp4/b"),
    ("a[!b]c/d", "a/c/d"),
    ("a[+-9]c/d", "a/c/d"),
    ("[!abc].mp4", "B.mp4"),
    ("[a-c].mp4", "d.mp4"),
    ("*.{mp4,mov}", "a.mpv"),
    ("{a/b,c}.mp4", "x/c.mp4"),
    (r"\*.mp4", "a.mp4"),
    ("a.mp4", "axmp4"),
    ("a**/b", "ab"),
    ("x/./a", "x/a"),
]


@pytest.mark.parametrize(("glob", "key"), MATCHING)
def test_a_glob_matches_its_keys_and_no_others(glob: str, key: str) -> None:
    assert check(glob) is None
    assert compile_globs([glob])(key)


@pytest.mark.parametrize(("glob", "key"), OTHER)
def test_a_glob_matches_nothing_else(glob: str, key: str) -> None:
    assert check(glob) is None
    assert not compile_globs([glob])(key)


def test_one_of_several_globs_is_enough() -> None:
    matches = compile_globs(["*.mp4", "raw/**", "[xy]*"])
    assert [
        key for key in ("a.mp4", "raw/a.bin", "z/y.bin", "a/raw/b.bin", "b.bin") if matches(key)
    ] == [*("a.mp4", "raw/a.bin", "z/y.bin")]


def test_no_globs_match_nothing() -> None:
    assert not compile_globs([])("a.mp4")


@pytest.mark.parametrize(
    ("glob", "cure"),
    [
        ("", "write \\* for every name"),
        ("/a.mp4", 'keys below the prefix never start with "/"'),
        ("a/", r"write a/\*\* for everything below"),
        ("[abc", r'has a "\[" without "\]"'),
        ("[]", r'has a "\[" without "\]"'),
        ("[a-", r'has a "\[" without "\]"'),
        ("[!", r'has a "\[" without "\]"'),
        ("[^a]", r"write \[!\.\.\.\]"),
        ("x[a/b]", "a class never matches it"),
        ("[z-a]", "write the lower character first"),
        ("*.{mp4,mov", r'has a "\{" without "\}"'),
        ("{a,{b}", r'has a "\{" without "\}"'),
        ("a\\", "ends in a backslash"),
        ("[a\\", r'has a "\[" without "\]"|ends in a backslash'),
        ("{a,b}" * 10, f"more than {MAX_ALTERNATIVES}"),
        ("{" + "a," * MAX_ALTERNATIVES + "b}", f"more than {MAX_ALTERNATIVES}"),
    ],
)
def test_a_malformed_glob_is_named_with_its_cure(glob: str, cure: str) -> None:
    problem = check(glob)
    assert problem is not None
    assert re.search(cure, problem)
    with pytest.raises(ValueError, match=cure):
        compile_globs(["*.mp4", glob])


def plain_match(glob: str, key: str) -> bool:
    """Decide by trying everything, for globs without braces, classes and backslashes."""

    @cache
    def rest(g: int, k: int) -> bool:
        if g == len(glob):
            return k == len(key)
        if glob.startswith("**", g):
            if glob.startswith("**/", g) and (g == 0 or glob[g - 1] == "/"):
                return rest(g + 3, k) or any(
                    rest(g + 3, n + 1) for n in range(k, len(key)) if key[n] == "/"
                )
            return any(rest(g + 2, n) for n in range(k, len(key) + 1))
        if glob[g] == "*":
            return rest(g + 1, k) or (k < len(key) and key[k] != "/" and rest(g, k + 1))
        return (
            k < len(key)
            and (key[k] == glob[g] or (glob[g] == "?" and key[k] != "/"))
            and rest(g + 1, k + 1)
        )

    return rest(0, 0)


@given(
    st.lists(
        st.sampled_from(["a", "b", "/", "?", "*", "/**/", "**/", "**", ".a", "a/b"]), max_size=9
    ).map("".join),
    st.lists(st.text("ab/.", max_size=14), min_size=1, max_size=8),
)
def test_the_quick_match_is_the_plain_one(glob: str, keys: list[str]) -> None:
    glob = re.sub(r"\*{3,}", "**", glob).strip("/") or "*"
    glob = glob if "/" in glob else f"x/{glob}"
    matches = compile_globs([glob])
    for key in [*keys, *(f"x/{key}" for key in keys)]:
        assert matches(key) == plain_match(glob, key), key


@given(st.text(min_size=1, max_size=12), st.text(max_size=6))
def test_an_escaped_name_matches_itself_and_no_longer_name(name: str, more: str) -> None:
    name = name.replace("/", "_")
    glob = "".join(f"\\{character}" for character in name)
    matches = compile_globs([glob])
    assert matches(name)
    assert matches(f"{more}/{name}")
    assert not matches(f"{name}x")


@given(
    st.characters(categories=["Lu"]).filter(
        lambda c: len(c.lower()) == 1 and c.lower().upper() == c
    )
)
def test_letter_case_never_counts_in_any_script(letter: str) -> None:
    for glob, key in (
        (letter, letter.lower()),
        (letter.lower(), letter),
        (f"*.{letter}", f"a.{letter.lower()}"),
    ):
        assert compile_globs([glob])(key)
        assert compile_globs([f"[{glob[-1]}]"])(key[-1])


@given(st.text(max_size=12))
def test_check_never_crashes_and_speaks_for_compile(glob: str) -> None:
    if check(glob) is None:
        compile_globs([glob])("a/b.mp4")
    else:
        with pytest.raises(ValueError, match="The glob"):
            compile_globs([glob])


@pytest.mark.parametrize(
    "glob",
    [
        "*a*a*a*a*a*a*a*a*b",
        "**/a/**/a/**/a/**/a/**/b",
        "**a**a**a**a**a**a**/b",
        "x/**/*a*a*a*a*a*/**/*a*a*b",
        "{a,*a}{a,*a}{a,*a}{a,*a}b",
        "**/{*a,a*}/**/{*a,a*}/b",
    ],
)
def test_no_key_makes_a_match_take_for_ever(glob: str) -> None:
    matches = compile_globs([glob])
    keys = ["a" * 1023, "a/" * 511, "x/" + "a/" * 510, "x/" + "aa/a" * 255]
    began = time.perf_counter()
    assert not any(map(matches, keys))
    assert time.perf_counter() - began < 1
