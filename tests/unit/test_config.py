"""The meaning of a correct file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from tests.support.checkout import CHECKOUT
from watcher import config
from watcher.config.models import Table, is_table

EXAMPLE = CHECKOUT / "config" / "watcher.example.toml"
SHORTEST = """
[[watch]]
name = "videos"
source = "oss://my-bucket/videos/"
start = "all"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "watcher.toml"


def loaded(path: Path, text: str) -> config.Config:
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def watch(path: Path, lines: str, top: str = "") -> config.Watch:
    """Return the watch of the shortest file with some lines more."""
    return loaded(path, f"{top}{SHORTEST}{lines}").watches[0]


def shown_keys(raw: dict[str, Any], table: type[Table]) -> None:
    """Assert that a parsed file has every key of a table, and of the tables in it."""
    assert {field.alias or name for name, field in table.model_fields.items()} == set(raw)
    for name, field in table.model_fields.items():
        if is_table(field.annotation):
            assert isinstance(field.annotation, type)
            assert issubclass(field.annotation, Table)
            shown_keys(raw[name], field.annotation)


def test_the_example_shows_every_key_of_every_table() -> None:
    raw = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    shown_keys(raw, config.Config)
    shown_keys(raw["watch"][0], config.Watch)


def test_the_example_shows_the_defaults(path: Path) -> None:
    assert loaded(path, EXAMPLE.read_text(encoding="utf-8")) == loaded(path, SHORTEST)


def test_the_example_fits_the_width_of_a_terminal() -> None:
    assert max(len(line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 100


def test_the_shortest_file_has_the_defaults_of_the_design(path: Path) -> None:
    found = loaded(path, SHORTEST)
    assert found.timezone == ZoneInfo("UTC")
    assert found.vod.endpoint == "https://vod.cn-shanghai.aliyuncs.com"
    assert (found.vod.calls_per_second, found.vod.concurrent_calls, found.vod.timeout_s) == (
        25,
        8,
        15.0,
    )
    assert (found.retry.max_attempts, found.retry.first_delay_ms, found.retry.max_delay_ms) == (
        3,
        2_000,
        3_600_000,
    )
    assert found.http.listen == config.Address("127.0.0.1", 9464)
    only = found.watches[0]
    assert (only.bucket, only.prefix, str(only.source)) == (
        "my-bucket",
        "videos/",
        "oss://my-bucket/videos/",
    )
    assert only.endpoint == "https://oss-cn-shanghai.aliyuncs.com"
    assert (only.schedule, only.full_scan_every_ms, only.min_age_ms) == ("1m", 86_400_000, 0)
    assert (only.min_size_bytes, only.max_size_bytes) == (1, None)
    assert (only.media.title, only.media.template_group_id) == ("{stem}", "VOD_NO_TRANSCODE")


def test_a_configuration_cannot_be_changed(path: Path) -> None:
    found = loaded(path, SHORTEST)
    with pytest.raises(ValidationError, match="frozen"):
        found.vod.region = "cn-beijing"


def test_endpoints_follow_the_region(path: Path) -> None:
    found = loaded(path, f'[vod]\nregion = "cn-beijing"\n{SHORTEST}')
    assert found.vod.endpoint == "https://vod.cn-beijing.aliyuncs.com"
    assert found.watches[0].endpoint == "https://oss-cn-beijing.aliyuncs.com"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("oss-cn-shanghai-internal.aliyuncs.com", "https://oss-cn-shanghai-internal.aliyuncs.com"),
        ("https://OSS-cn-shanghai.aliyuncs.com/", "https://oss-cn-shanghai.aliyuncs.com"),
        ("oss-accelerate.aliyuncs.com", "https://oss-accelerate.aliyuncs.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.0.1", "http://127.8.0.1"),
        ("http://localhost:80", "http://localhost:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_endpoint_is_https_unless_it_is_this_machine(
    path: Path, written: str, meant: str
) -> None:
    assert watch(path, f'endpoint = "{written}"').endpoint == meant


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [("vod-vpc.cn-shanghai.aliyuncs.com", "cn-shanghai"), ("vod.example.com", "cn-hangzhou")],
)
def test_another_region_is_allowed_when_the_endpoint_is_given(
    path: Path, endpoint: str, region: str
) -> None:
    found = loaded(path, f'[vod]\nregion = "{region}"\nendpoint = "{endpoint}"\n{SHORTEST}')
    assert (found.vod.region, found.vod.endpoint) == (region, f"https://{endpoint}")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"all"', "all"),
        ('"now"', "now"),
        ('"2024-02-29T00:00:00Z"', 1_709_164_800_000),
        ('"2024-02-29T08:00:00+08:00"', 1_709_164_800_000),
        ('"2024-02-29 08:00"', 1_709_164_800_000),
        ('"2024-02-29"', 1_709_164_800_000 - 8 * 3_600_000),
        ("2024-02-29T00:00:00.25Z", 1_709_164_800_250),
        ("2024-02-29T08:00:00", 1_709_164_800_000),
        ("2024-02-29", 1_709_164_800_000 - 8 * 3_600_000),
    ],
)
def test_a_start_is_a_choice_or_an_instant_of_the_configured_time_zone(
    path: Path, written: str, meant: object
) -> None:
    text = SHORTEST.replace('"all"', written)
    assert loaded(path, f'timezone = "Asia/Shanghai"\n{text}').watches[0].start == meant


def test_units_are_in_the_names_of_the_attributes(path: Path) -> None:
    found = watch(
        path, 'min_size = "10K"\nmax_size = "1.5G"\nmin_age = "90s"\nfull_scan_every = "1d12h"'
    )
    assert (found.min_size_bytes, found.max_size_bytes) == (10_240, 3 * 2**29)
    assert (found.min_age_ms, found.full_scan_every_ms) == (90_000, 129_600_000)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("192.0.2.1:80", "192.0.2.1", 80),
        ("[::1]:9464", "::1", 9464),
        ("localhost:0", "localhost", 0),
    ],
)
def test_where_to_listen_is_a_host_and_a_port(
    path: Path, written: str, host: str, port: int
) -> None:
    address = loaded(path, f'[http]\nlisten = "{written}"\n{SHORTEST}').http.listen
    assert address == config.Address(host, port)
    assert str(address) == written


def test_a_proxy_and_its_password_are_not_printed(path: Path) -> None:
    assert "hush" not in repr(
        loaded(path, f'[network]\nproxy = "http://user:hush@10.0.0.1:1"\n{SHORTEST}')
    )


def test_a_ledger_of_a_hopeless_name_is_left_to_the_ledger(path: Path) -> None:
    name = "a" * 5000
    assert loaded(path, f'[ledger]\npath = "{name}"\n{SHORTEST}').ledger_path == path.parent / name


def test_no_address_to_listen_on_switches_http_off(path: Path) -> None:
    assert loaded(path, f'[http]\nlisten = ""\n{SHORTEST}').http.listen is None


@pytest.mark.parametrize(
    "proxy", ["", "env", "http://proxy.example.com:3128", "http://user:word@10.0.0.1:3128/"]
)
def test_a_proxy_is_a_url_or_the_environments(path: Path, proxy: str) -> None:
    assert loaded(path, f'[network]\nproxy = "{proxy}"\n{SHORTEST}').network.proxy == proxy


def test_templates_may_use_the_groups_of_the_pattern(path: Path) -> None:
    media = watch(
        path,
        """[watch.media]
        title = "{show} {modified:%Y} {dirs[0]}"
        tags = ["{show}", "库"]
        cate_id = "{cate}"
        cover_url = "https://example.com/{stem}.jpg"
        pattern = '(?P<show>\\w+)/(?P<cate>\\d+)'
        user_data = '{"Extend": {"from": "oss"}}'""",
    ).media
    assert media.title == "{show} {modified:%Y} {dirs[0]}"
    assert (media.tags, media.cate_id) == (("{show}", "库"), "{cate}")


def test_watches_keep_the_order_of_the_file_and_may_be_alike(path: Path) -> None:
    found = loaded(path, SHORTEST + SHORTEST.replace('"videos"', '"again"'))
    assert [only.name for only in found.watches] == ["videos", "again"]


def test_a_mark_before_the_text_and_windows_line_ends_are_accepted(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + SHORTEST.replace("\n", "\r\n").encode())
    assert config.load(path).watches[0].name == "videos"


def test_the_ledger_lies_beside_the_folder_of_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = loaded(path, SHORTEST)
    assert (found.path, found.ledger_path) == (path, path.parents[1] / "state" / "ledger.db")
    monkeypatch.chdir(path.parent)
    assert config.load(Path("watcher.toml")) == found


@pytest.mark.parametrize(
    ("written", "below"),
    [("ledger.db", "config/ledger.db"), ("../a/b.db", "a/b.db"), ("/srv/l.db", "/srv/l.db")],
)
def test_a_ledger_is_named_from_the_folder_of_the_file(
    path: Path, written: str, below: str
) -> None:
    found = loaded(path, f'[ledger]\npath = "{written}"\n{SHORTEST}')
    assert found.ledger_path == path.parents[1] / below


@pytest.mark.parametrize(
    ("file", "ledger"),
    [
        ("/etc/oss-vod-watcher/watcher.toml", "/var/lib/oss-vod-watcher/ledger.db"),
        ("/etc/oss-vod-watcher/staging.toml", "/var/lib/oss-vod-watcher/staging/ledger.db"),
        ("/etc/oss-vod-watcher/a/watcher.toml", "/etc/oss-vod-watcher/state/ledger.db"),
        ("/srv/config/watcher.toml", "/srv/state/ledger.db"),
        ("/srv/watcher.toml", "/state/ledger.db"),
    ],
)
def test_the_default_ledger_depends_on_where_the_file_lies(file: str, ledger: str) -> None:
    assert config.parsers.ledger_path("", Path(file)) == ledger
