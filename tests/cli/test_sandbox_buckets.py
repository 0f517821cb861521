"""`sandbox --bucket`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from watcher.cli.sandbox import bucket_names
from watcher.errors import UsageError

if TYPE_CHECKING:
    from tests.support.workspace import Workspace


@pytest.mark.parametrize("more", [[], ["--print-hosts"]])
def test_what_is_no_bucket_s_name_is_exit_2(workspace: Workspace, more: list[str]) -> None:
    ran = workspace.run("sandbox", "--bucket", "Bad_Name", *more)
    assert ran.status == 2
    assert "--bucket Bad_Name: not a bucket's name" in ran.err


@pytest.mark.parametrize("name", ["", "a", "-aaa", "aaa/b"])
def test_a_bucket_needs_a_name(name: str) -> None:
    with pytest.raises(UsageError, match="not a bucket's name"):
        bucket_names((name,))


def test_a_bucket_that_is_named_twice_is_one() -> None:
    assert bucket_names(("bbb", "aaa", "bbb")) == ("bbb", "aaa")
