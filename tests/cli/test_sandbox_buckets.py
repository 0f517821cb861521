"""`sandbox --bucket`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.workspace import Workspace


@pytest.mark.parametrize("more", [[], ["--print-hosts"]])
@pytest.mark.parametrize("name", ["Bad_Name", "", "a", "-aaa", "aaa/b"])
def test_a_name_that_no_bucket_has_is_exit_2(
    workspace: Workspace, name: str, more: list[str]
) -> None:
    ran = workspace.run("sandbox", "--bucket", name, *more)
    assert ran.status == 2
    assert f'"{name}" is not a bucket\'s name' in " ".join(ran.err.split())


def test_a_bucket_that_is_named_twice_is_one(workspace: Workspace) -> None:
    named = ("--bucket", "bbb", "--bucket", "aaa", "--bucket", "bbb")
    ran = workspace.run("sandbox", "--print-hosts", *named)
    assert ran.status == 0
    assert ran.out.splitlines()[0].split()[2:] == [
        f"{bucket}.oss-cn-shanghai.aliyuncs.com" for bucket in ("bbb", "aaa")
    ]
