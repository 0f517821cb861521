"""A bucket below a prefix, listed page by page through oss2."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import oss2
import requests
from requests.utils import should_bypass_proxies

from watcher.errors import AccountRefused, CloudError, CredentialsMissing
from watcher.model import ObjectInfo, ObjectType
from watcher.oss.faults import BAD_BODY, as_cloud_error
from watcher.oss.listing import parse
from watcher.rules.backoff import asked_rest_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watcher.model import Page
    from watcher.ports import CredentialsProvider

PAGE_SIZE = 1000  # the most OSS returns; its default is 100
TIMEOUT_S = 15
_MOST_REST_S = 30.0  # between two pages, whatever OSS asks for


class _Provider(oss2.credentials.CredentialsProvider):  # type: ignore[misc]
    """Hands oss2 one snapshot of our chain for each request."""

    def __init__(self, chain: CredentialsProvider) -> None:
        self._chain = chain

    def get_credentials(self) -> oss2.credentials.Credentials:
        now = self._chain.get()
        return oss2.credentials.Credentials(now.access_key_id, now.access_key_secret, now.security_token)


class _Bucket(oss2.Bucket):  # type: ignore[misc]
    """oss2's bucket with our reading of a listing."""

    asked_rest_s = 0.0  # how long the last listing asked to be left alone

    def _parse_result(self, resp: oss2.http.Response, parse_func: object, klass: type) -> object:
        if klass is oss2.models.ListObjectsV2Result:
            self.asked_rest_s = min(asked_rest_s(resp.headers), _MOST_REST_S)
            return parse(resp.read(), resp.headers)
        return super()._parse_result(resp, parse_func, klass)


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
    """Return a client for one bucket: V4 signatures, nothing taken from the environment or ~/.netrc."""
    session = oss2.Session()
    session.session.trust_env = False
    session.session.max_redirects = 0  # OSS sends none; following them would list outside the budget
    session.session.verify = ca_bundle or True
    bypassed = should_bypass_proxies(endpoint, no_proxy=no_proxy or None) if proxies else True
    return _Bucket(
        oss2.ProviderAuthV4(_Provider(credentials)),
        endpoint,
        bucket,
        session=session,
        connect_timeout=TIMEOUT_S,
        region=region,
        proxies={} if bypassed else dict(proxies),
    )


class BucketSource:
    """`ports.Source` over one bucket and prefix."""

    def __init__(
        self, client: oss2.Bucket, *, prefix: str, pace: Callable[[float], bool] = lambda _rest_s: True
    ) -> None:
        self._client = client
        self._pace = pace  # waits until the next list call may be made, at least so many seconds; False: no more
        self.bucket: str = client.bucket_name
        self.prefix = prefix

    def pages(self, *, start_after: str = "", token: str = "") -> Iterator[Page]:
        """See `ports.Source.pages`."""
        while True:
            if not self._pace(self._client.asked_rest_s):
                return
            page = self._list(start_after, token)
            self._check(page, start_after)
            yield page
            if page.is_last:
                return
            if not page.next_token and not page.last_key:
                raise CloudError(f"the listing of bucket {self.bucket} does not advance after {start_after!r}")
            start_after, token = page.last_key or start_after, page.next_token

    def head(self, key: str) -> ObjectInfo | None:
        """See `ports.Source.head`."""
        try:
            answer = self._client.head_object(key)
            headers = answer.headers
            kind = headers.get("x-oss-object-type", "")
            return ObjectInfo(
                key,
                str(answer.etag),
                int(answer.content_length),
                int(answer.last_modified) * 1000,
                ObjectType(kind) if kind in set(ObjectType) else ObjectType.NORMAL,
                headers.get("x-oss-storage-class") or "Standard",
                'ongoing-request="false"' in headers.get("x-oss-restore", ""),
            )
        except oss2.exceptions.NotFound as error:
            if error.code == "NoSuchBucket":
                raise as_cloud_error(error, bucket=self.bucket) from None
            return None
        except (oss2.exceptions.OssError, requests.RequestException, ValueError) as error:
            raise as_cloud_error(error, bucket=self.bucket) from None

    def _list(self, start_after: str, token: str) -> Page:
        try:
            answer: Page = self._client.list_objects_v2(
                prefix=self.prefix,
                start_after="" if token else start_after,
                continuation_token=token,
                max_keys=PAGE_SIZE,
            )
        except CredentialsMissing as error:  # they were there when the scan began
            raise AccountRefused(str(error), hint=error.hint) from None
        except (oss2.exceptions.OssError, requests.RequestException, *BAD_BODY) as error:
            raise as_cloud_error(error, bucket=self.bucket) from None
        return answer

    def _check(self, page: Page, start_after: str) -> None:
        """Refuse a page that is out of order or does not advance: some stores ignore `start-after`."""
        keys = [listed.key for listed in page.objects]
        if keys and (keys[0] <= start_after or any(a >= b for a, b in pairwise(keys))):
            raise CloudError(f"the listing of bucket {self.bucket} is out of order after {start_after!r}")
