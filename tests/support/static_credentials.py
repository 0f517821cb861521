"""Fixed credentials, and one medium, for tests of the adapters."""

from __future__ import annotations

from watcher.model import Media
from watcher.ports import Credentials

SECRET, TOKEN = "the-secret-of-the-test", "the-token-of-the-test"


class StaticCredentials:
    """A chain with fixed credentials."""

    def __init__(self, access_key_id: str = "LTAItest") -> None:
        self.access_key_id = access_key_id

    def get(self) -> Credentials:
        return Credentials(self.access_key_id, SECRET, TOKEN)


MEDIA = Media(
    bucket="b", key="a.mp4", file_url="https://b.oss-cn-shanghai.aliyuncs.com/a.mp4", title="a"
)
