"""A certificate authority of a sandbox's own, and its certificate for the real host names."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

import trustme

from watcher.sandbox.hosts import served_names


class RegionCertificate:
    """A certificate for the OSS and VOD names of one region, and for no other name.

    `context` serves it. `ca_bundle` is the file that its clients have to trust, in a private folder
    that `close` removes. No private key is left on a disk.
    """

    def __init__(self, region: str) -> None:
        authority = trustme.CA(organization_name="oss-vod-watcher sandbox")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*served_names(region)).configure_cert(self.context)
        self._folder = tempfile.TemporaryDirectory(prefix="oss-vod-watcher-sandbox-")
        self.ca_bundle = Path(self._folder.name, "ca.pem")
        descriptor = os.open(self.ca_bundle, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(authority.cert_pem.bytes())

    def close(self) -> None:
        """Remove the folder with the file."""
        self._folder.cleanup()
