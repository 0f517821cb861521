"""Roles: the metadata service, the token service and external commands, through the real library, on this machine."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import shlex
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from watcher.credentials import chain
from watcher.credentials.library import Provider, why
from watcher.errors import CredentialsMissing
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "never-to-be-shown-0123456789"
METADATA = "/latest/meta-data/ram/security-credentials/"


class Service(ThreadingHTTPServer):
    """A metadata service and a token service; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[tuple[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.key_id = "first"
        self.expiration = "2099-01-01T00:00:00Z"
        self.status = 200

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def keys(self) -> dict[str, str]:
        return {
            "AccessKeyId": self.key_id,
            "AccessKeySecret": SECRET,
            "SecurityToken": f"{SECRET}-token",
            "Expiration": self.expiration,
        }


class _Answering(BaseHTTPRequestHandler):
    server: Service

    def do_PUT(self) -> None:
        self._answer("metadata-token")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.queries.append({name: values[0] for name, values in parse_qs(url.query).items()})
        if url.path == METADATA:
            self._answer("watcher-role" if self._with_token() else "", 200 if self._with_token() else 403)
        elif url.path.startswith(METADATA):
            self._answer(json.dumps({"Code": "Success"} | self.server.keys()), 200 if self._with_token() else 403)
        elif self.server.status == 200:
            self._answer(json.dumps({"Credentials": self.server.keys()}))
        else:
            self._answer(json.dumps({"Code": "AuthenticationFail.OIDCToken.Expired", "Message": SECRET}))

    def _with_token(self) -> bool:
        return self.headers.get("X-aliyun-ecs-metadata-token") == "metadata-token"

    def _answer(self, body: str, status: int = 200) -> None:
        self.server.asked.append((self.command, urlsplit(self.path).path))
        self.send_response(status if self.server.status == 200 else self.server.status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def stand_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Let the library take a local server for the cloud's services."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    library = importlib.import_module("alibabacloud_credentials.provider")

    class LocalEcs(library.EcsRamRoleCredentialsProvider):  # type: ignore[name-defined, misc]
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            # The library offers no way to set the address, which is link-local and fixed.
            assert hasattr(self, "_EcsRamRoleCredentialsProvider__metadata_service_host")
            self._EcsRamRoleCredentialsProvider__metadata_service_host = host

    oidc = functools.partial(library.OIDCRoleArnCredentialsProvider, sts_endpoint=f"http://{host}")
    monkeypatch.setattr(library, "EcsRamRoleCredentialsProvider", LocalEcs)
    monkeypatch.setattr(library, "OIDCRoleArnCredentialsProvider", oidc)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return a local service that the library takes for the cloud's."""
    with running() as local:
        stand_in(monkeypatch, local.host)
        yield local


def told(env: dict[str, str], home: Path) -> str:
    with pytest.raises(CredentialsMissing) as caught:
        chain(profile="", env=env, home=lambda: home).get()
    text = f"{caught.value} {caught.value.hint}"
    assert SECRET not in text
    assert caught.value.__cause__ is None
    return text


def oidc_env(folder: Path) -> dict[str, str]:
    token = folder / "token"
    token.write_text(f"{SECRET}-oidc", encoding="utf-8")
    return {
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/r",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/p",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token),
    }


def test_the_role_of_the_machine_is_asked_with_metadata_tokens_only(service: Service, tmp_path: Path) -> None:
    threads = threading.active_count()
    kept = chain(profile="", env={}, home=lambda: tmp_path)
    assert kept.get() == Credentials("first", SECRET, f"{SECRET}-token")
    assert [method for method, _ in service.asked][0::2] == ["PUT"] * (len(service.asked) // 2)
    asked = len(service.asked)
    assert kept.get().access_key_id == "first"
    assert len(service.asked) == asked, "it is asked again although the keys are fresh"
    assert threading.active_count() <= threads + asked, "it started a scheduler"
    assert not [thread.name for thread in threading.enumerate() if "APScheduler" in thread.name]


def test_keys_of_a_role_about_to_expire_are_asked_for_again(
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


def test_a_machine_without_a_role_says_so_after_the_whole_chain(service: Service, tmp_path: Path) -> None:
    service.status = 404
    text = told({}, tmp_path)
    assert "ECS RAM role (the metadata service: answered HTTP 404)" in text
    assert "systemd credentials" in text


def test_the_old_metadata_protocol_is_never_spoken(service: Service, tmp_path: Path) -> None:
    service.status = 403
    told({}, tmp_path)
    assert {method for method, _ in service.asked} == {"PUT"}


def test_a_metadata_service_that_is_not_there_is_a_short_sentence(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service.shutdown()
    service.server_close()
    text = told({}, tmp_path)
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
def test_the_metadata_service_is_not_asked_where_it_must_not_be(
    service: Service, tmp_path: Path, env: dict[str, str], word: str
) -> None:
    assert word in told(env, tmp_path)
    assert service.asked == []


def test_a_profile_may_name_the_role_of_the_machine(service: Service, tmp_path: Path) -> None:
    (tmp_path / ".aliyun").mkdir()
    profile = {"name": "ecs", "mode": "EcsRamRole", "ram_role_name": "other"}
    (tmp_path / ".aliyun/config.json").write_text(json.dumps({"profiles": [profile]}), encoding="utf-8")
    assert chain(profile="ecs", env={}, home=lambda: tmp_path).get().access_key_id == "first"
    assert service.asked == [("PUT", "/latest/api/token"), ("GET", f"{METADATA}other")]


def test_a_pod_exchanges_its_token_for_keys(service: Service, tmp_path: Path) -> None:
    kept = chain(profile="", env=oidc_env(tmp_path), home=lambda: tmp_path)
    assert kept.get() == Credentials("first", SECRET, f"{SECRET}-token")
    (query,) = service.queries
    assert query["Action"] == "AssumeRoleWithOIDC"
    assert (query["OIDCToken"], query["RoleSessionName"]) == (f"{SECRET}-oidc", "oss-vod-watcher")


def test_a_refused_token_is_told_by_its_code_and_without_the_token(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service.status = 400
    assert "refused with HTTP 400 AuthenticationFail.OIDCToken.Expired" in told(oidc_env(tmp_path), tmp_path)
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

    provider = Provider()
    for _ in range(2):
        with pytest.raises(CredentialsMissing, match="place: failed with ValueError"):
            provider.ask("place", "basis", build, hint="cure")
    assert len(built) == 2


@pytest.mark.usefixtures("service")
def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    env = oidc_env(tmp_path)
    (tmp_path / "token").unlink()
    assert f"{tmp_path / 'token'} cannot be read" in told(env, tmp_path)


def external(folder: Path, code: str) -> Path:
    """Write a profile whose keys come from a command."""
    (folder / ".aliyun").mkdir(exist_ok=True)
    profile = {"name": "ext", "mode": "External", "process_command": f"{sys.executable} -c {shlex.quote(code)}"}
    path = folder / ".aliyun/config.json"
    path.write_text(json.dumps({"current": "ext", "profiles": [profile]}), encoding="utf-8")
    return path


def test_an_external_command_is_run_once_while_its_keys_are_valid(tmp_path: Path) -> None:
    answer = {"mode": "StsToken", "access_key_id": "ext", "access_key_secret": "s", "sts_token": "t"}
    answer["expiration"] = "2099-01-01T00:00:00Z"
    runs = tmp_path / "runs"
    path = external(tmp_path, f"open({str(runs)!r}, 'a').write('x'); print({json.dumps(answer)!r})")
    kept = chain(profile="", env={}, home=lambda: tmp_path)
    assert [kept.get() for _ in range(3)] == [Credentials("ext", "s", "t")] * 3
    assert runs.read_text(encoding="utf-8") == "x"
    assert json.loads(path.read_text(encoding="utf-8"))["profiles"][0]["access_key_id"] == "ext", "written back"


def test_an_external_command_that_fails_is_told_without_what_it_printed(tmp_path: Path) -> None:
    external(tmp_path, f"import sys; sys.exit({SECRET!r})")
    assert "exit status 1" in told({}, tmp_path)


def test_a_profile_that_changes_makes_another_provider(tmp_path: Path) -> None:
    answer = {"access_key_secret": "s", "expiration": "2099-01-01T00:00:00Z"}
    external(tmp_path, f"print({json.dumps(answer | {'access_key_id': 'one'})!r})")
    kept = chain(profile="ext", env={}, home=lambda: tmp_path)
    assert kept.get().access_key_id == "one"
    external(tmp_path, f"print({json.dumps(answer | {'access_key_id': 'two'})!r})")
    assert kept.get().access_key_id == "two"


@pytest.mark.usefixtures("service")
def test_the_log_handlers_of_the_library_are_taken_off(tmp_path: Path) -> None:
    logging.getLogger("credentials").addHandler(logging.NullHandler())
    chain(profile="", env={}, home=lambda: tmp_path).get()
    assert logging.getLogger("credentials").handlers == []
    assert logging.getLogger("alibabacloud-tea").handlers == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"HTTPSConnectionPool: Max retries exceeded with url: /?OIDCToken={SECRET}", "cannot be reached"),
        (f"Read timed out. url: /?OIDCToken={SECRET}", "no answer in time"),
        (f"SSLError(CERTIFICATE_VERIFY_FAILED) {SECRET}", "the server's certificate is not trusted"),
        (f"CloudSSO access token is empty or expired, please re-login with cli {SECRET}", "the login has expired"),
        (SECRET, "failed with ValueError"),
    ],
)
def test_only_harmless_words_of_an_exception_are_passed_on(text: str, sentence: str) -> None:
    assert why(ValueError(text)).startswith(sentence)
    assert SECRET not in why(ValueError(text))
