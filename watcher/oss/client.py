"""A bucket below a prefix: our own transport lists it, oss2 looks single objects up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
from requests.utils import should_bypass_proxies

from watcher.clock import SystemClock
from watcher.errors import AccountRefused, CredentialsMissing
from watcher.http_deadline import DeadlineAdapter
from watcher.model import ObjectInfo, ObjectType
from watcher.oss.error_codes import BAD_ANSWER, as_cloud_error
from watcher.oss.listing.answer import OssListAnswer
from watcher.oss.refusals import Refusal, Session
from watcher.oss.transport import TIMEOUT_S, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.ports import CredentialsProvider

_MAX_HEADS = 64  # HEADs: as `list_concurrency` allows
PAGE_SIZE = 1000  # the most OSS returns; its default is 100
_NOT_FOUND = 404
_PLACEHOLDER = "http://localhost"
_CONNECTIONS = 16  # kept alive by default


class _Provider(oss2.credentials.CredentialsProvider):  # type: ignore[misc]
    """Gives oss2 one snapshot of our chain for each request."""

    def __init__(self, chain: CredentialsProvider) -> None:
        self._chain = chain

    def get_credentials(self) -> oss2.credentials.Credentials:
        now = self._chain.get()
        return oss2.credentials.Credentials(
            now.access_key_id, now.access_key_secret, now.security_token
        )


def connect(
    *,
    bucket: str,
    endpoint: str,
    region: str,
    credentials: CredentialsProvider,
    proxies: Mapping[str, str],
    no_proxy: str,
    ca_bundle: str,
) -> oss2.Bucket:
    """Return a client for one bucket, with V4 signatures.

    The environment and ~/.netrc have no influence.
    """
    session = Session(pool_size=_MAX_HEADS)
    session.session.trust_env = False
    session.session.max_redirects = 0  # OSS sends none; a redirect would escape the call budget
    session.session.verify = ca_bundle or True
    bypassed = should_bypass_proxies(endpoint, no_proxy=no_proxy or None) if proxies else True
    client = oss2.Bucket(
        oss2.ProviderAuthV4(_Provider(credentials)),
        _PLACEHOLDER if "[" in endpoint else endpoint,
        bucket,
        session=session,
        connect_timeout=TIMEOUT_S,
        region=region,
        proxies={} if bypassed else dict(proxies),
    )
    if "[" in endpoint:  # oss2 drops the brackets of an IPv6 address
        client.endpoint = endpoint
        client._make_url = oss2.api._UrlMaker(endpoint, is_cname=False, is_path_style=False)  # noqa: SLF001
    return client


class BucketSource:
    """`ports.Source` over one bucket and prefix. Close it after use."""

    def __init__(
        self, client: oss2.Bucket, *, prefix: str, connections: int = _CONNECTIONS
    ) -> None:
        self._client = client
        # For HEAD answers, which are short. Readers of whole objects have their own clients.
        for scheme in ("http://", "https://"):
            ending = DeadlineAdapter(TIMEOUT_S, pool_size=_MAX_HEADS, elapsed=SystemClock.read_s)
            client.session.session.mount(scheme, ending)
        self._transport = Transport(client, connections=connections)
        self._endpoint: str = client.endpoint
        self.bucket: str = client.bucket_name
        self.prefix = prefix

    def list_objects(
        self, *, start_after: str = "", token: str = "", max_keys: int = PAGE_SIZE
    ) -> OssListAnswer:
        """See `ports.Source.list_objects`."""
        given = {
            "list-type": "2",
            "prefix": self.prefix,
            "start-after": "" if token else start_after,
            "continuation-token": token,
            "max-keys": str(max_keys),
            "encoding-type": "url",
        }
        try:
            received = self._transport.get({name: value for name, value in given.items() if value})
        except CredentialsMissing as error:  # the scan began with credentials
            raise AccountRefused(str(error), hint=error.hint) from None
        return OssListAnswer(received, bucket=self.bucket, start_after=start_after)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ports.Source.head`."""
        try:
            answer = self._client.head_object(key)
            headers = answer.headers
            kind, restore = headers.get("x-oss-object-type", ""), headers.get("x-oss-restore", "")
            return ObjectInfo(
                key,
                str(answer.etag),
                int(answer.content_length),
                int(answer.last_modified) * 1000,
                ObjectType(kind) if kind in set(ObjectType) else ObjectType.NORMAL,
                headers.get("x-oss-storage-class") or "Standard",
                'ongoing-request="false"' in restore,
                'ongoing-request="true"' in restore,
            )
        except Refusal as refusal:
            if (
                refusal.status == _NOT_FOUND
                and refusal.request_id
                and refusal.code in {"", "NoSuchKey"}
            ):
                return None
            raise as_cloud_error(refusal, bucket=self.bucket) from None
        except BAD_ANSWER as error:
            self._client.session.drop()
            raise as_cloud_error(error, bucket=self.bucket, endpoint=self._endpoint) from None

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._client.session.session.close()
