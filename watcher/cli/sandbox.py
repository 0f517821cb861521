"""`sandbox`: a local OSS and VOD."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watcher.cli.context import global_options
from watcher.cli.output import give_up_when, work_comes_first
from watcher.cli.parameters import DURATION
from watcher.errors import UsageError

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.account import Principal

BUCKET = "sandbox-bucket"
REGION = "cn-shanghai"
_HTTPS_PORT = 443  # where clients look for the real host names
_HTTPS_HINT = (
    "Clients expect the real host names at port 443. Stop what uses it, and run the sandbox as "
    "root or with CAP_NET_BIND_SERVICE. Or name another --port, and forward port 443 to it."
)


def _start(
    port: int, *, region: str = REGION, tls: bool = False, faults: Path | None = None
) -> Sandbox:
    try:
        from watcher.sandbox import Sandbox
        from watcher.sandbox.faults import Faults
        from watcher.sandbox.faults.file import load

        hook = Faults(*(load(faults) if faults else ()))
        return Sandbox(port=port, region=region, hook=hook, tls=tls)
    except ImportError as error:
        raise UsageError(
            f"the sandbox needs packages that are not installed ({error.name})",
            hint="pip install 'oss-vod-watcher[sandbox]'",
        ) from error
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used: {error.strerror}",
            hint=_HTTPS_HINT if tls else "Name another --port, or leave it out for any free one.",
        ) from error


def _bucket_names(
    _context: click.Context, _option: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    from watcher.config import parsers

    for name in names:
        try:
            parsers.bucket(name)
        except ValueError as error:
            raise click.BadParameter(f'"{name}" is {error}') from None
    return tuple(dict.fromkeys(names))


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Default: a free one; with --tls {_HTTPS_PORT}.",
)
@click.option("--region", default=REGION, show_default=True, help="Of both services.")
@click.option(
    "--bucket",
    "buckets",
    multiple=True,
    metavar="NAME",
    default=(BUCKET,),
    callback=_bucket_names,
    help="May be repeated.",
)
@click.option(
    "--samples", is_flag=True, help="Put the demo's sample objects into the first bucket."
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What goes wrong: TOML with [[fault]] tables.",
)
@click.option(
    "--tls", is_flag=True, help="Serve https for the real host names of the region, at port 443."
)
@click.option(
    "--print-hosts", is_flag=True, help="Print the lines for /etc/hosts that --tls needs, and exit."
)
@click.option(
    "--sts",
    "lifetime_ms",
    type=DURATION,
    is_flag=False,
    flag_value="1h",
    metavar="[LIFETIME]",
    help="Print a temporary credential, valid for 1h or LIFETIME, before the permanent one.",
)
@global_options
def sandbox(
    *,
    port: int | None,
    region: str,
    buckets: tuple[str, ...],
    samples: bool,
    faults: Path | None,
    tls: bool,
    print_hosts: bool,
    lifetime_ms: int | None,
) -> None:
    """Run a local OSS and VOD until stopped.

    Prints a configuration that points to them; its first lines are the environment to export.
    """
    from watcher.clock import SystemClock
    from watcher.sandbox.hosts import hosts_lines
    from watcher.sandbox.samples import put_samples

    _check_region(region)
    if print_hosts:
        click.echo("\n".join(hosts_lines(region, buckets)))
        return
    if port is None:
        port = _HTTPS_PORT if tls else 0
    with _start(port, region=region, tls=tls, faults=faults) as local, SystemClock() as clock:
        clock.stop_on_signals()
        work_comes_first()
        give_up_when(lambda: clock.stopping)
        for bucket in buckets:
            local.oss.create_bucket(bucket)
        if samples:
            put_samples(local, buckets[0])
        issued = None if lifetime_ms is None else local.issue(lifetime_ms / 1000)
        click.echo(configuration(local, buckets, issued))
        sys.stdout.flush()
        while not clock.wait(3600):
            pass


def _check_region(region: str) -> None:
    from watcher.rules import regions

    try:
        regions.region(region, endpoint_given=True)
    except ValueError as error:
        raise UsageError(f"--region {region}: {error}") from None


def configuration(local: Sandbox, buckets: tuple[str, ...], issued: Principal | None = None) -> str:
    """Return a ready configuration for the sandbox, with the environment to export as comments.

    Over TLS it names no endpoint: the real host names lead to the sandbox.
    """
    exports = [f"# export {name}={value}" for name, value in environment(local, issued).items()]
    endpoint, network = f'endpoint = "{local.url}"\n', []
    if local.ca_bundle:
        exports += _names_wanted(local, buckets)
        endpoint, network = "", [f'[network]\nca_bundle = "{local.ca_bundle}"\n']
    watches = [
        f'[[watch]]\nname = "{bucket}"\nsource = "oss://{bucket}/"\n{endpoint}start = "all"\n'
        for bucket in buckets
    ]
    vod = f'[vod]\n{endpoint}region = "{local.region}"\n'
    return "\n".join([*exports, "", *network, vod, *watches])


def _names_wanted(local: Sandbox, buckets: tuple[str, ...]) -> list[str]:
    """Return comments on what the host names of the real services need to lead here."""
    from watcher.sandbox.hosts import hosts_lines

    lines = ["# /etc/hosts, unless a resolver leads these names here:"]
    lines += [f"# {line}" for line in hosts_lines(local.region, buckets)]
    if local.port != _HTTPS_PORT:
        lines.append(f"# Forward port {_HTTPS_PORT} to port {local.port}: clients expect it there.")
    return lines


def environment(local: Sandbox, issued: Principal | None = None) -> dict[str, str]:
    """Return the variables with which the sandbox is signed for.

    They hold the temporary credential `issued`, if there is one, and the permanent one after it.
    """
    permanent = local.credentials
    current = issued or permanent
    found = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": current.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": current.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": current.security_token,
    }
    if issued:
        found |= {
            "SANDBOX_PERMANENT_ACCESS_KEY_ID": permanent.access_key_id,
            "SANDBOX_PERMANENT_ACCESS_KEY_SECRET": permanent.access_key_secret,
        }
    return {name: value for name, value in found.items() if value}
