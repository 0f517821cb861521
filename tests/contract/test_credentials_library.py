"""The token service and external commands, through the real credentials library."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.role_services import SECRET, Service, error_text, oidc_env, running, stand_in
from watcher.credentials import chain
from watcher.credentials.library import LibraryProvider, reason_of
from watcher.errors import CredentialsMissing
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


def test_a_pod_exchanges_its_token_for_keys(service: Service, tmp_path: Path) -> None:
    kept = chain(profile="", env=oidc_env(tmp_path), home=lambda: tmp_path)
    assert kept.get() == Credentials("first", SECRET, f"{SECRET}-token")
    (query,) = service.queries
    assert query["Action"] == "AssumeRoleWithOIDC"
    assert (query["OIDCToken"], query["RoleSessionName"]) == (f"{SECRET}-oidc", "oss-vod-watcher")


def test_a_refused_token_is_an_error_with_its_code_and_without_the_token(
    service: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    service.status = 400
    assert "refused with HTTP 400 AuthenticationFail.OIDCToken.Expired" in error_text(
        oidc_env(tmp_path), tmp_path
    )
    assert SECRET not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_after_a_failure_the_next_call_tries_again(service: Service, tmp_path: Path) -> None:
    kept = chain(profile="", env=oidc_env(tmp_path), home=lambda: tmp_path)
    service.status = 500
    with pytest.raises(CredentialsMissing):
        kept.get()
    service.status = 200
    assert kept.get().access_key_id == "first"


def test_a_provider_is_built_once_and_again_after_it_failed() -> None:
    built: list[str] = []

    class Fake:
        def get_credentials(self) -> object:
            raise ValueError(SECRET)

    def build(_library: object) -> Fake:
        built.append("one more")
        return Fake()

    provider = LibraryProvider()
    for _ in range(2):
        with pytest.raises(CredentialsMissing, match="place: failed with ValueError"):
            provider.ask("place", "made from", build, hint="cure")
    assert len(built) == 2


@pytest.mark.usefixtures("service")
def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    env = oidc_env(tmp_path)
    (tmp_path / "token").unlink()
    assert f"{tmp_path / 'token'} cannot be read" in error_text(env, tmp_path)


def external(folder: Path, code: str) -> Path:
    """Write a profile whose keys come from a command."""
    (folder / ".aliyun").mkdir(exist_ok=True)
    profile = {
        "name": "ext",
        "mode": "External",
        "process_command": f"{sys.executable} -c {shlex.quote(code)}",
    }
    path = folder / ".aliyun/config.json"
    path.write_text(json.dumps({"current": "ext", "profiles": [profile]}), encoding="utf-8")
    return path


def test_an_external_command_is_run_once_while_its_keys_are_valid(tmp_path: Path) -> None:
    answer = {
        "mode": "StsToken",
        "access_key_id": "ext",
        "access_key_secret": "s",
        "sts_token": "t",
    }
    answer["expiration"] = "2099-01-01T00:00:00Z"
    runs = tmp_path / "runs"
    path = external(tmp_path, f"open({str(runs)!r}, 'a').write('x'); print({json.dumps(answer)!r})")
    kept = chain(profile="", env={}, home=lambda: tmp_path)
    assert [kept.get() for _ in range(3)] == [Credentials("ext", "s", "t")] * 3
    assert runs.read_text(encoding="utf-8") == "x"
    assert json.loads(path.read_text(encoding="utf-8"))["profiles"][0]["access_key_id"] == "ext", (
        "written back"
    )


def test_a_failed_external_command_is_an_error_without_its_output(tmp_path: Path) -> None:
    external(tmp_path, f"import sys; sys.exit({SECRET!r})")
    assert "exit status 1" in error_text({}, tmp_path)


def test_a_changed_profile_makes_a_new_provider(tmp_path: Path) -> None:
    answer = {"access_key_secret": "s", "expiration": "2099-01-01T00:00:00Z"}
    external(tmp_path, f"print({json.dumps(answer | {'access_key_id': 'one'})!r})")
    kept = chain(profile="ext", env={}, home=lambda: tmp_path)
    assert kept.get().access_key_id == "one"
    external(tmp_path, f"print({json.dumps(answer | {'access_key_id': 'two'})!r})")
    assert kept.get().access_key_id == "two"


@pytest.mark.usefixtures("service")
def test_the_log_handlers_of_the_library_are_removed(tmp_path: Path) -> None:
    logging.getLogger("credentials").addHandler(logging.NullHandler())
    chain(profile="", env={}, home=lambda: tmp_path).get()
    assert logging.getLogger("credentials").handlers == []
    assert logging.getLogger("alibabacloud-tea").handlers == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"HTTPSConnectionPool: Max retries exceeded with url: /?OIDCToken={SECRET}",
            "cannot be reached",
        ),
        (f"Read timed out. url: /?OIDCToken={SECRET}", "no answer in time"),
        (
            f"SSLError(CERTIFICATE_VERIFY_FAILED) {SECRET}",
            "the server's certificate is not trusted",
        ),
        (
            f"CloudSSO access token is empty or expired, please re-login with cli {SECRET}",
            "the login has expired",
        ),
        (SECRET, "failed with ValueError"),
    ],
)
def test_only_harmless_words_of_an_exception_are_passed_on(text: str, sentence: str) -> None:
    assert reason_of(ValueError(text)).startswith(sentence)
    assert SECRET not in reason_of(ValueError(text))
