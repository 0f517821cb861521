"""Each problem of a configuration names the place, the fault and the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.config_problems import AT, one_watch, problems

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "watcher.toml"


WHOLE_FILE: list[tuple[str, str]] = [
    (
        'timezone = "Asia/Beijing"',
        'timezone = "Asia/Beijing": not a time zone. Did you mean "Asia/Shanghai"?',
    ),
    ('timezone = "Europe/Berln"', 'Did you mean "Europe/Berlin"?'),
    ('timezone = "America"', 'timezone = "America": not a time zone.'),
    ('timezone = "../UTC"', "not a time zone"),
    ('timezone = ""', 'Write an IANA name, e.g. "UTC" or "Asia/Shanghai".'),
    ("timezone = 8", "timezone = 8: must be text in quotes."),
    ('regon = "x"', "regon: unknown key. Did you mean region of [vod]?"),
    ('region = "x"', "region: unknown key here. It belongs to [vod]."),
    ("[vodd]", "vodd: unknown key. Did you mean vod?"),
    ("zzz = 1", "zzz: unknown key. Here may stand timezone, ledger,"),
    ("vod = 1", "vod = 1: must be a table. Start it with [vod]."),
    ("[[vod]]", "vod: must be a table. Start it with [vod]."),
    ('[ledger]\npath = "~/ledger.db"', "~ is not expanded here. Write the whole path."),
    ('[ledger]\npath = "/tmp/"', "a folder. Name a file in it, e.g. /tmp/ledger.db."),
    ('[ledger]\npath = "a\\u0000b"', "holds a control character"),
    (f'[network]\nca_bundle = "{"a" * 5000}"', "cannot be read (File name too long)."),
    ('[credentials]\nprofil = "x"', "credentials.profil: unknown key. Did you mean profile?"),
    (
        '[credentials]\naccess_key_id = "LTAI"',
        "credentials.access_key_id: secrets never belong in this file.",
    ),
    ('access-key-secret = "abc"', "access-key-secret: secrets never belong in this file."),
    (
        '[credentials.aliyun]\nAccessKeySecret = "abc"',
        "credentials.aliyun.AccessKeySecret: secrets never belong",
    ),
    ('[notify]\nsecret = "abc"', "give it as the credential file notify-secret."),
    (
        '[network]\nproxy = "socks5://h:1"',
        'network.proxy: not a proxy. Write http://HOST:PORT, or "env"',
    ),
    ('[network]\nproxy = "http://h:99999"', "network.proxy: port 99999 does not exist."),
    ('[network]\nca_bundle = "/nowhere/ca.pem"', "cannot be read (No such file or directory)."),
    (
        '[network]\nca_bundle = "/dev/null"',
        "holds no certificate. Name a file of certificates in PEM form.",
    ),
    ('[vod]\nregion = "oss-cn-shanghai"', 'an OSS location, not a region. Write "cn-shanghai".'),
    (
        '[vod]\nregion = "cn-hangzhou"',
        "VOD has no documented endpoint there. Write one of cn-shanghai, cn-beijing,",
    ),
    ('[vod]\nregion = "Shanghai"', 'not a region. Write e.g. "cn-shanghai".'),
    ('[vod]\nregion = "cn/x"\nendpoint = "vod.example.com"', 'vod.region = "cn/x": not a region.'),
    (
        '[vod]\nendpoint = "http://vod.cn-shanghai.aliyuncs.com"',
        "http:// would send signatures in the clear",
    ),
    (
        '[vod]\nendpoint = "vod.cn-beijing.aliyuncs.com"',
        "lies in cn-beijing, and vod.region is cn-shanghai.",
    ),
    (
        '[vod]\ncalls_per_second = "25"',
        'vod.calls_per_second = "25": must be a whole number without quotes.',
    ),
    (
        "[vod]\ncalls_per_second = true",
        "vod.calls_per_second = true: must be a whole number without quotes.",
    ),
    (
        "[vod]\ncalls_per_second = 2.0",
        "vod.calls_per_second = 2.0: must be a whole number without quotes.",
    ),
    ("[vod]\ncalls_per_second = 0", "vod.calls_per_second = 0: too small. Write 1 or more."),
    ("[vod]\nconcurrent_calls = 65", "vod.concurrent_calls = 65: too large. Write 64 or less."),
    (f"[vod]\nconcurrent_calls = 0x{'f' * 9000}", "vod.concurrent_calls = a huge number: "),
    (
        '[vod]\nparameters_in = "url"',
        'vod.parameters_in = "url": no such choice. Write "auto", "query" or "body".',
    ),
    ("[vod]\ntimeout = 15", "vod.timeout = 15: must be text in quotes."),
    ('[vod]\ntimeout = "15"', 'vod.timeout = "15": not a duration. Write "15s" for seconds.'),
    ('[vod]\ntimeout = "0s"', "out of range. Write more than 0s and at most 1h."),
    ("[retry]\nmax_attempts = 0", "retry.max_attempts = 0: too small. Write 1 or more."),
    ('[retry]\nfirst_delay = "0s"', 'retry.first_delay = "0s": no delay at all.'),
    (
        '[retry]\nfirst_delay = "2h"',
        "retry: max_delay is shorter than first_delay. Raise it, or lower first_delay.",
    ),
    ('[retry]\nmax_delay = "1s"', "retry: max_delay is shorter than first_delay."),
    ('[http]\nlisten = ":9464"', "not HOST:PORT. Write e.g. 127.0.0.1:9464"),
    ('[http]\nlisten = "127.0.0.1"', "not HOST:PORT"),
    ('[http]\nlisten = "127.0.0.1:70000"', "port 70000 does not exist."),
    ('[http]\nlisten = "[::zz]:80"', "not HOST:PORT"),
    ('[http]\nlisten = "[1:2]:80"', "[1:2] is not an IPv6 address."),
    ('[http]\nallowed_hosts = "a.example"', "must be a list in brackets"),
    ('[http]\nallowed_hosts = ["https://a.example/"]', "http.allowed_hosts[0]"),
    ('[notify]\nurl = "example.com/hook"', "notify.url: not a URL. Write https://HOST/PATH"),
    ('[log]\nformat = "xml"', 'no such choice. Write "auto", "console", "json" or "journal".'),
    (
        '[log]\nlevel = "warn"',
        'log.level = "warn": no such choice. Write "debug", "info", "warning" or "error".',
    ),
]


@pytest.mark.parametrize(("text", "words"), WHOLE_FILE)
def test_a_wrong_setting_is_named_with_its_cure(path: Path, text: str, words: str) -> None:
    found = problems(path, f"{text}\n{one_watch()}")
    assert any(words in line for line in found), found


OF_A_WATCH: list[tuple[str, str, str]] = [
    ("name", "", "watch[0]: name: missing."),
    ("name", '"a b"', 'watch[0] "a b": name = "a b": not a name: 1 to 64 letters, digits,'),
    ("name", f'"{"a" * 65}"', "not a name"),
    ("source", "", AT + 'source: missing. Write e.g. source = "oss://my-bucket/videos/".'),
    ("source", '"my-bucket/videos"', "does not start with oss://. Write oss://BUCKET/PREFIX."),
    (
        "source",
        '"oss://My-Bucket/"',
        "not a bucket's name: 3 to 63 lower-case letters, digits and hyphens",
    ),
    ("source", '"oss://ab/"', "not a bucket's name"),
    ("source", '"oss://-abc/"', "not a bucket's name"),
    (
        "source",
        '"oss://my-bucket//videos/"',
        "no key of OSS ever does. Write oss://my-bucket/videos/.",
    ),
    (
        "source",
        f'"oss://my-bucket/{"é" * 600}"',
        "the prefix is longer than any key of OSS (1023 bytes)",
    ),
    (
        "start",
        "",
        AT + 'start: missing. Write "all" for everything in the bucket, "now" for what is uploaded',
    ),
    (
        "start",
        '"yesterday"',
        'start = "yesterday": neither a choice nor an instant. Write "all" for everything',
    ),
    ("start", "1700000000", "start = 1700000000: neither a choice nor an instant"),
    ("start", "08:00:00", "start = 08:00:00: neither a choice nor an instant"),
    ("start", '"2024-02-30"', "neither a choice nor an instant"),
    (
        "endpoint",
        '"http://oss-cn-shanghai.aliyuncs.com"',
        "Write https://oss-cn-shanghai.aliyuncs.com.",
    ),
    ("endpoint", '"ftp://oss-cn-shanghai.aliyuncs.com"', "ftp:// is no way to call a service."),
    (
        "endpoint",
        '"https://oss-cn-shanghai.aliyuncs.com/videos"',
        "holds a path. Write https://oss-cn-shanghai.",
    ),
    ("endpoint", '"https://user:word@example.com"', "holds a user name or password."),
    ("endpoint", '"not a host"', "not a host name or address."),
    ("endpoint", '"my-bucket.oss-cn-shanghai.aliyuncs.com"', "Write oss-cn-shanghai.aliyuncs.com."),
    (
        "endpoint",
        '"oss-cn-beijing-internal.aliyuncs.com"',
        "lies in cn-beijing, and vod.region is cn-shanghai.",
    ),
    ("endpoint", '"http://127.0.0.1:99999"', "port 99999 does not exist."),
    ("schedule", '"often"', 'schedule = "often": not a duration.'),
    ("schedule", '"* * * *"', "4 fields, and crontab(5) has five"),
    ("shedule", '"1m"', AT + "shedule: unknown key. Did you mean schedule?"),
    ("region", '"cn-shanghai"', AT + "region: unknown key here. It belongs to [vod]."),
    ("title", '"x"', AT + "title: unknown key here. It belongs to [watch.media]."),
    ("full_scan_every", '"1 day"', "not a duration"),
    ("include", '"*.mp4"', 'must be a list in brackets, e.g. ["a", "b"].'),
    ("include", '["*.mp4", 5]', AT + "include[1] = 5: must be text in quotes."),
    ("include", '["{a"]', AT + 'include[0]: The glob "{a" has a "{" without "}"'),
    ("exclude", '["/a"]', AT + "exclude[0]: "),
    ("min_size", '"10MB"', 'not a size. Write "10M" (1K = 1024).'),
    ("max_size", '"0"', "smaller than min_size, so that nothing matches."),
    ("on_overwrite", '"replace"', 'no such choice. Write "report" or "ignore".'),
    ("list_concurrency", "0", "list_concurrency = 0: too small. Write 1 or more."),
    ("list_calls_per_second", "1.5", "must be a whole number without quotes."),
    ("file_url", '"https://example.com/{key}"', "{bucket} is missing."),
    ("file_url", '"https://{bucket}.example.com/"', "{key} is missing."),
    ("file_url", '"ftp://{bucket}/{key}"', "file_url: The file URL"),
    ("file_url", '"https://{bucket}.{name}/{key}"', "only {bucket} and {region} may stand"),
    ("file_url_encoding", '"quoted"', 'no such choice. Write "percent" or "raw".'),
    (
        "media.title",
        '"{nope}"',
        AT + 'media.title: The template "{nope}" names {nope}, which does not exist',
    ),
    ("media.title", '"{size:>9}"', "has a format on {size}"),
    ("media.title", '"{"', "has a brace too many or too few"),
    ("media.description", '"{show}"', "names {show}, which does not exist"),
    ("media.pattern", '"("', AT + 'media.pattern: The pattern "(" is no regular expression'),
    ("media.pattern", "'(?P<name>.)'", 'The group "name" of the pattern has the name of a field'),
    (
        "media.tags",
        '["a,b"]',
        AT + 'media.tags[0] = "a,b": a tag cannot hold a comma. Write two tags.',
    ),
    ("media.tags", f'["{"库" * 11}"]', "is longer than the 32 bytes VOD takes"),
    ("media.tags", '[""]', "an empty tag. Remove it."),
    (
        "media.tags",
        str([str(n) for n in range(17)]),
        AT + "media.tags: there are 17 tags, and VOD takes 16.",
    ),
    ("media.tags", '["{nope}"]', AT + 'media.tags[0]: The template "{nope}" names'),
    ("media.cate_id", "-1", "media.cate_id = -1: not a category's number."),
    ("media.cate_id", "true", "not a category's number."),
    ("media.cate_id", '"films"', "not a category's number."),
    ("media.cate_id", '"{cate}"', "names {cate}, which does not exist"),
    (
        "media.cover_url",
        f'"https://example.com/{"a" * 1024}"',
        "longer than the 1024 bytes VOD takes.",
    ),
    ("media.user_data", '"[1]"', "JSON, but not an object."),
    ("media.user_data", '"{"', "not JSON. Write one in single quotes"),
    ("media.workflow_id", "7", "media.workflow_id = 7: must be text in quotes."),
    ("media.schedule", '"1m"', AT + "media.schedule: unknown key here. It belongs to [[watch]]."),
]


@pytest.mark.parametrize(("key", "value", "words"), OF_A_WATCH)
def test_a_wrong_key_of_a_watch_is_named_with_its_cure(
    path: Path, key: str, value: str, words: str
) -> None:
    found = problems(path, one_watch(**{key: value}))
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "watch: missing. Write at least one [[watch]] with name, source and start."),
        ("watch = []", "watch: no watch at all. Write at least one [[watch]]"),
        (
            '[watch]\nname = "videos"',
            "watch: must be a list of tables. Start each with [[watch]], in double brackets.",
        ),
        ("watch = [1]", "watch[0] = 1: must be a table. Start it with [[watch]]."),
        (
            one_watch() + "media = 1",
            AT + "media = 1: must be a table. Start it with [watch.media].",
        ),
        (
            one_watch() * 2,
            'watch[1] "videos": name: watch[0] has this name too. Rename one of them.',
        ),
        (
            one_watch() + one_watch(name='"raw"', file_url_encoding='"raw"'),
            'watch[1] "raw": file_url_encoding: watch[0] has another one for the same bucket.',
        ),
        (
            one_watch(file_url='"https://{bucket}.example.com/{key}"')
            + one_watch(name='"b"', source='"oss://my-bucket/x"'),
            'watch[1] "b": file_url: watch[0] has another one for the same bucket.',
        ),
    ],
)
def test_watches_that_cannot_be_are_refused(path: Path, text: str, words: str) -> None:
    found = problems(path, text)
    assert len(found) == 1
    assert words in found[0]
