"""The RAM role of the machine: the metadata service, asked through the real library."""

from __future__ import annotations

import importlib
import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.role_services import METADATA, SECRET, Service, error_text, running, stand_in
from watcher.credentials import chain
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return a local service that the library uses in place of the cloud's."""
    with running() as local:
        stand_in(monkeypatch, local.host)
        yield local


def test_the_role_of_the_machine_is_asked_with_metadata_tokens_only(
    service: Service, tmp_path: Path
) -> None:
    threads = threading.active_count()
    kept = chain(profile="", env={}, home=lambda: tmp_path)
    assert kept.get() == Credentials("first", SECRET, f"{SECRET}-token")
    assert [method for method, _ in service.asked][0::2] == ["PUT"] * (len(service.asked) // 2)
    asked = len(service.asked)
    assert kept.get().access_key_id == "first"
    assert len(service.asked) == asked, "it is asked again although the keys are fresh"
    assert threading.active_count() <= threads + asked, "it started a scheduler"
    assert not [thread.name for thread in threading.enumerate() if "APScheduler" in thread.name]


def test_keys_of_a_role_are_refreshed_before_they_expire(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshable = importlib.import_module("alibabacloud_credentials.provider.refreshable")
    kept = chain(profile="", env={"ALIBABA_CLOUD_ECS_METADATA": "named"}, home=lambda: tmp_path)
    assert kept.get().access_key_id == "first"
    assert ("GET", f"{METADATA}named") in service.asked
    service.key_id = "second"
    assert kept.get().access_key_id == "first"
    cache = refreshable.RefreshCachedSupplier
    monkeypatch.setattr(cache, "_cache_is_stale", lambda _self: True)
    assert kept.get().access_key_id == "second"


def test_a_machine_without_a_role_says_so_after_the_whole_chain(
    service: Service, tmp_path: Path
) -> None:
    service.status = 404
    text = error_text({}, tmp_path)
    assert "ECS RAM role (the metadata service: answered HTTP 404)" in text
    assert "systemd credentials" in text


def test_the_old_metadata_protocol_is_never_used(service: Service, tmp_path: Path) -> None:
    service.status = 403
    error_text({}, tmp_path)
    assert {method for method, _ in service.asked} == {"PUT"}


def test_a_missing_metadata_service_is_a_short_reason(
    service: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    service.shutdown()
    service.server_close()
    text = error_text({}, tmp_path)
    assert "ECS RAM role (the metadata service: cannot be reached)" in text
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}, "switched off"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "HTTP_PROXY"),
    ],
)
def test_the_metadata_service_is_not_asked_when_disabled_or_proxied(
    service: Service, tmp_path: Path, env: dict[str, str], word: str
) -> None:
    assert word in error_text(env, tmp_path)
    assert service.asked == []


def test_a_profile_may_name_the_role_of_the_machine(service: Service, tmp_path: Path) -> None:
    (tmp_path / ".aliyun").mkdir()
    profile = {"name": "ecs", "mode": "EcsRamRole", "ram_role_name": "other"}
    (tmp_path / ".aliyun/config.json").write_text(
        json.dumps({"profiles": [profile]}), encoding="utf-8"
    )
    assert chain(profile="ecs", env={}, home=lambda: tmp_path).get().access_key_id == "first"
    assert service.asked == [("PUT", "/latest/api/token"), ("GET", f"{METADATA}other")]
