"""A certificate authority of a sandbox's own, and its certificate for the real host names."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import trustme

from watcher.sandbox.hosts import served_names


class RegionCertificate:
    """A certificate for the OSS and VOD names of one region, and for no other name.

    `context` serves it. `ca_bundle` is the file that its clients have to trust. They may run as
    another user: port 443 needs root, and a client does not. `close` removes the file. No private
    key is left on a disk.
    """

    def __init__(self, region: str) -> None:
        authority = trustme.CA(organization_name="oss-vod-watcher sandbox")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*served_names(region)).configure_cert(self.context)
        self._folder = tempfile.TemporaryDirectory(prefix="oss-vod-watcher-sandbox-")
        self.ca_bundle = Path(self._folder.name, "ca.pem")
        self.ca_bundle.write_bytes(authority.cert_pem.bytes())
        self.ca_bundle.chmod(0o644)
        self.ca_bundle.parent.chmod(0o755)

    def close(self) -> None:
        """Remove the folder with the file."""
        self._folder.cleanup()
