"""The bodies of all objects in moto's S3 store: a bucket of moto is a shelf."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, Final

from watcher.sandbox.text import key_text

if TYPE_CHECKING:
    from watcher.sandbox.bodies import Body

_REGION: Final = "us-east-1"
_BODY: Final = "body"
_NAME_CHARACTERS: Final = 38  # with what makes it unique, moto's limit for a bucket name
_moto_lock: Final = threading.Lock()  # moto lists what it holds once for the whole process


class Shelves:
    """The shelves of one sandbox.

    moto reads a body whole into memory. So its keys are empty, and bear our bodies as metadata.
    """

    def __init__(self) -> None:
        from moto.s3.models import S3Backend  # slow to import

        self._account = f"{secrets.randbelow(10**12):012d}"
        self._moto: Any = S3Backend(_REGION, self._account)
        self._shelves: set[str] = set()

    def add(self, bucket: str) -> str:
        """Return a new shelf. Its name is unique in the process, where other sandboxes are."""
        shelf = f"{bucket[:_NAME_CHARACTERS]}-{secrets.token_hex(12)}"
        with _moto_lock:
            self._moto.create_bucket(shelf, _REGION)
        self._shelves.add(shelf)
        return shelf

    def remove(self, shelf: str) -> None:
        """Remove an empty shelf."""
        with _moto_lock:
            self._moto.delete_bucket(shelf)
        self._shelves.discard(shelf)

    def put(self, shelf: str, key: bytes, body: Body) -> None:
        """Keep the body of a key, in the place of the one before."""
        with _moto_lock:
            name = key_text(key)
            held = self._moto.get_object(shelf, name)
            if held is None:
                held = self._moto.put_object(shelf, name, b"", disable_notification=True)
            held.set_metadata({_BODY: body})

    def get(self, shelf: str, key: bytes) -> Body:
        """Return the body of a key that is there."""
        with _moto_lock:
            held: Body = self._moto.get_object(shelf, key_text(key)).metadata[_BODY]
        return held

    def delete(self, shelf: str, key: bytes) -> None:
        """Forget the body of a key."""
        with _moto_lock:
            held = self._moto.get_object(shelf, key_text(key))
            self._moto.delete_object(shelf, key_text(key))
            held.dispose()
            held.instances_tracked.remove(held)  # or moto would keep it until the process ends

    def close(self) -> None:
        """Free the memory of moto, which would keep every object until the process ends."""
        from moto.s3.models import FakeAcl, FakeGrant, FakeGrantee, FakeKey, s3_backends

        with _moto_lock:
            kind: Any = FakeKey
            tracked: list[Any] = kind.instances_tracked
            for held in [each for each in tracked if each.account_id == self._account]:
                held.dispose()
            tracked[:] = [each for each in tracked if each.account_id != self._account]
            unused: tuple[Any, ...] = (FakeAcl, FakeGrant, FakeGrantee)  # moto never reads these
            for each in unused:
                each.instances_tracked.clear()
            for shelf in self._shelves:
                s3_backends.bucket_accounts.pop(shelf, None)
