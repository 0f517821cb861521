"""`sandbox --sts` prints a temporary credential that the program itself can use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import oss2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PERMANENT = {
    "SANDBOX_PERMANENT_ACCESS_KEY_ID": "sandbox-id",
    "SANDBOX_PERMANENT_ACCESS_KEY_SECRET": "sandbox-secret",
}


@contextmanager
def printed(folder: Path, *options: str) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the exports of a running sandbox, and its address."""
    command = [sys.executable, "-m", "watcher", "sandbox", "--bucket", "media-bucket", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        try:
            exports, url = {}, ""
            for line in process.stdout:
                if line.startswith("# export "):
                    name, _, value = line.removeprefix("# export ").strip().partition("=")
                    exports[name] = value
                if line.startswith("endpoint"):
                    url = line.split('"')[1]
                    break
            yield exports, url
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def listed(exports: dict[str, str], url: str) -> int:
    auth = oss2.StsAuth(
        exports["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        exports["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        exports.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
        auth_version="v4",
    )
    bucket = oss2.Bucket(auth, url, "media-bucket", region="cn-shanghai")
    return int(bucket.list_objects_v2().status)


@pytest.mark.parametrize("options", [["--sts"], ["--sts", "30m"]])
def test_a_temporary_credential_stands_before_the_permanent_one(
    tmp_path: Path, options: list[str]
) -> None:
    with printed(tmp_path, *options) as (exports, url):
        assert [*exports] == [
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "ALIBABA_CLOUD_SECURITY_TOKEN",
            *PERMANENT,
        ]
        assert exports.items() >= PERMANENT.items()
        assert exports["ALIBABA_CLOUD_ACCESS_KEY_ID"].startswith("STS.")
        assert listed(exports, url) == 200


def test_a_temporary_credential_expires(tmp_path: Path) -> None:
    with (
        printed(tmp_path, "--sts", "1ms") as (exports, url),
        pytest.raises(oss2.exceptions.ServerError, match="SecurityTokenExpired"),
    ):
        listed(exports, url)


def test_without_it_the_permanent_credential_is_the_only_one(tmp_path: Path) -> None:
    with printed(tmp_path) as (exports, url):
        assert exports == {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "sandbox-id",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "sandbox-secret",
        }
        assert listed(exports, url) == 200


def test_a_lifetime_that_is_no_duration_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "watcher", "sandbox", "--sts", "soon"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert '"soon": not a duration' in done.stderr
