"""The sandbox as a service beside ours.

Only this module knows how to start the `sandbox` command and read its output.
"""

import re
import shlex
import time
from dataclasses import dataclass

from tests.system.machine import Booted

PROGRAM = "/usr/local/bin/oss-vod-watcher"
PYTHON = "/usr/local/lib/oss-vod-watcher/bin/python"
BUCKET = "incoming"
PUT = "import oss2, sys; id, secret, endpoint, bucket, *keys = sys.argv[1:]; \
to = oss2.Bucket(oss2.Auth(id, secret), endpoint, bucket); \
[to.put_object(key, b'film') for key in keys]"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: the configuration that points to it, and the key that it knows."""

    config: str
    endpoint: str
    access_key_id: str
    access_key_secret: str

    def put(self, machine: Booted, *keys: str, bucket: str = BUCKET) -> None:
        """Upload objects, with the SDK and not through our own code."""
        arguments = [self.access_key_id, self.access_key_secret, self.endpoint, bucket, *keys]
        machine.run(f"{PYTHON} -c {shlex.quote(PUT)} {shlex.join(arguments)}")


def start_sandbox(machine: Booted, *, unit: str = "sandbox", bucket: str = BUCKET) -> Sandbox:
    """Start a sandbox in a unit of its own; return when it has printed its address."""
    output = f"/run/{unit}.toml"
    machine.run(
        f"systemd-run --unit={unit} --property=StandardOutput=file:{output} "
        f"{PROGRAM} sandbox --bucket {bucket}"
    )
    printed = ""
    for _ in range(150):
        printed = machine.run(f"cat {output}", check=False).stdout
        if "[[watch]]" in printed and "start = " in printed:
            break
        time.sleep(0.2)  # noqa: TID251 (a real systemd keeps real time)
    else:
        raise AssertionError(
            machine.run(f"journalctl --no-pager -u {unit}; cat {output}", check=False).stdout
        )
    exported = dict(re.findall(r"^# export (\w+)=(.*)$", printed, re.MULTILINE))
    endpoint = re.search(r'^endpoint = "(http://[^"]+)"$', printed, re.MULTILINE)
    assert endpoint, printed
    return Sandbox(
        config=re.sub(
            r"^#.*\n", "", printed, flags=re.MULTILINE
        ),  # the secret is for the credential file alone
        endpoint=endpoint[1],
        access_key_id=exported["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=exported["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    )
