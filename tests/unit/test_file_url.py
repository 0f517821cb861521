"""File URLs: the one form that is sent, and the key of an echo in any form."""

import re
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watcher.rules.file_url import FileUrlForm, Matcher, check_form, confusable

TEMPLATE = "https://{bucket}.oss-{region}.aliyuncs.com/{key}"
PERCENT = FileUrlForm(template=TEMPLATE, encoding="percent", region="cn-shanghai")
RAW = FileUrlForm(template=TEMPLATE, encoding="raw", region="cn-shanghai")
CDN = FileUrlForm(
    template="https://Media.example.com:8443/o%20k/{bucket}/{key}", encoding="percent", region=""
)
FORMS = [PERCENT, RAW, CDN, FileUrlForm(template=CDN.template, encoding="raw", region="")]
HOST = "https://media.oss-cn-shanghai.aliyuncs.com/"

weird = st.text(
    st.one_of(
        st.sampled_from("%%%2025bB+ ?#&=/.:;@~*'\"<>[]{}|\\^`"),
        st.characters(codec="utf-8", categories=("L", "N", "S", "Cc")),
    ),
    min_size=1,
    max_size=12,
).filter(lambda key: not key.startswith("/"))
pieces = st.lists(
    st.sampled_from(
        ["a", "b", "%", "20", "%20", " ", "+", "%2B", "%25", "/", "%2F", "é", "%C3%A9"]
    ),
    min_size=1,
)
keys = st.one_of(weird, pieces.map("".join).map(lambda key: key.lstrip("/") or "a"))
batches = st.lists(keys, min_size=1, max_size=10, unique=True)


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("a.mp4", "a.mp4"),
        ("x/第 1 集.mp4", "x/%E7%AC%AC%201%20%E9%9B%86.mp4"),
        ("a+b&c=d?e#f.mp4", "a%2Bb%26c%3Dd%3Fe%23f.mp4"),
        ("-._~", "-._~"),
        ("100%.mp4", "100%25.mp4"),
        ("a//b/../c", "a//b/../c"),
        ("a\nb", "a%0Ab"),
        ("(1)*!'.mp4", "%281%29%2A%21%27.mp4"),
    ],
)
def test_percent_encoding_keeps_the_slash_and_the_unreserved_characters_of_rfc_3986(
    key: str, url: str
) -> None:
    assert PERCENT.url("media", key) == HOST + url


def test_raw_keeps_the_key_as_it_is() -> None:
    assert RAW.url("media", "第 1 集?#%.mp4") == HOST + "第 1 集?#%.mp4"


def test_a_key_that_looks_like_a_field_is_only_text() -> None:
    assert RAW.url("media", "{bucket}{region}{key}") == HOST + "{bucket}{region}{key}"


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        "http://cdn.example.com/{key}",
        "https://h/x/{bucket}/{key}",
        "https://{bucket}.h:80/{key}",
    ],
)
def test_templates_that_end_in_the_key_are_fine(template: str) -> None:
    assert check_form(template, "percent") is None


@pytest.mark.parametrize(
    "template",
    [
        *(
            "",
            "{key}",
            "oss://{bucket}/{key}",
            "https://h/{name}/{key}",
            "https://h/{key}?x=1",
            "https://h/{key}{key}",
        ),
        *(
            "https://h/",
            "https://{key}",
            "https://h/x{key}",
            "https:///{key}",
            "https://h/?k={key}",
            "https://h /{key}",
        ),
    ],
)
def test_other_templates_are_refused_with_the_cure(template: str) -> None:
    assert "must be http(s)://HOST/{key}" in (check_form(template, "percent") or "")


def test_an_unknown_encoding_is_refused_with_the_cure() -> None:
    assert 'use "percent" or "raw"' in (check_form(TEMPLATE, "url") or "")


def asked(form: FileUrlForm, batch: list[str]) -> dict[str, str]:
    return {form.url("media", key): key for key in batch}


def echoes(form: FileUrlForm, key: str) -> list[str]:
    """Return every form in which the URL of `key` may come back."""
    base = form.url("media", "")
    lower_hex = re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), quote(key))
    paths = [
        form.url("media", key)[len(base) :],
        quote(key),
        quote(key, safe="/+"),
        quote(key, safe="/-_.!~*'()"),
        lower_hex,
        key,
    ]
    scheme, rest = base.split("://", 1)
    host, slash, folder = rest.partition("/")
    bases = [base, f"http://{rest}", f"{scheme.upper()}://{host.upper()}{slash}{folder}"]
    return [each + path for each in bases for path in paths]


@given(st.sampled_from(FORMS), batches)
def test_every_form_leads_back_to_its_key_and_never_to_another(
    form: FileUrlForm, batch: list[str]
) -> None:
    distinct: list[str] = []
    for key in batch:
        if not confusable(key, distinct):
            distinct.append(key)
    matcher = Matcher(asked(form, distinct))
    for key in distinct:
        for echoed in echoes(form, key):
            assert matcher.key_of(echoed) == key, echoed


@given(st.sampled_from(FORMS), batches)
def test_a_faithful_echo_leads_back_to_its_key_whatever_else_was_asked(
    form: FileUrlForm, batch: list[str]
) -> None:
    matcher = Matcher(asked(form, batch))
    for key in batch:
        assert matcher.key_of(form.url("media", key)) == key
        assert matcher.key_of(form.url("media", key).replace("https://", "http://", 1)) == key


@given(st.sampled_from(FORMS), batches, keys)
def test_a_url_that_was_not_sent_belongs_to_no_key(
    form: FileUrlForm, batch: list[str], stranger: str
) -> None:
    assume(
        unquote_to_bytes(stranger)
        not in {text for key in batch for text in (key.encode(), unquote_to_bytes(key))}
    )
    assume(not confusable(stranger, batch))
    matcher = Matcher(asked(form, batch))
    assert {matcher.key_of(echoed) for echoed in echoes(form, stranger)} == {None}


@pytest.mark.parametrize(
    "echoed",
    [
        *(
            "",
            "a b.mp4",
            "oss://media/a%20b.mp4",
            "https://media.oss-cn-shanghai.aliyuncs.com",
            HOST,
            "https://",
        ),
        *(
            "https://other.oss-cn-shanghai.aliyuncs.com/a%20b.mp4",
            HOST + "A%20b.mp4",
            HOST + "a%2520b.mp4",
        ),
        *(
            HOST + "x/a%20b.mp4",
            HOST + "/a%20b.mp4",
            HOST + "a+b.mp4",
            "https://media.example.com/a%20b.mp4",
        ),
    ],
)
def test_another_host_path_or_scheme_is_unknown(echoed: str) -> None:
    assert Matcher({PERCENT.url("media", "a b.mp4"): "a b.mp4"}).key_of(echoed) is None


@pytest.mark.parametrize(
    "host",
    [
        "MEDIA.OSS-CN-SHANGHAI.aliyuncs.com",
        "media.oss-cn-shanghai-internal.aliyuncs.com",
        "media.vod.aliyuncs.com",
    ],
)
def test_of_an_aliyun_host_only_the_bucket_counts(host: str) -> None:
    matcher = Matcher({PERCENT.url("media", "a b.mp4"): "a b.mp4"})
    assert matcher.key_of(f"http://{host}/a%20b.mp4") == "a b.mp4"


def test_a_raw_url_that_came_back_half_escaped_is_found() -> None:
    matcher = Matcher({RAW.url("media", "a%20 b"): "a%20 b", RAW.url("media", "c"): "c"})
    assert matcher.key_of(HOST + "a%20%20b") == "a%20 b"


def test_an_echo_that_fits_two_keys_is_unknown() -> None:
    matcher = Matcher(asked(RAW, ["a%20 b", "a %20b"]))
    assert matcher.key_of(HOST + "a%20%20b") is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b", "a%20b", True),
        ("a", "%61", True),
        ("a/b", "a%2fb", True),
        ("a%", "a%25", True),
        ("a b", "a+b", True),
        ("a%2Bb", "a b", True),
        ("a%2Fb", "a%2fb", True),
        ("a b", "a%2520b", True),
        ("a", "a?b", True),
        ("a", "a%3Fb", True),
        ("a?b", "a?c", False),
        ("a", "ab", False),
        ("a", "A", False),
        ("%ff", "%fe", False),
        ("a%20b", "a%20b", False),
        ("a", "a", False),
    ],
)
def test_keys_are_confusable_if_one_is_the_other_escaped(
    one: str, other: str, *, expected: bool
) -> None:
    assert confusable(one, [other]) is expected
    assert confusable(other, ["x", one]) is expected
