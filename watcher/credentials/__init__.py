"""One chain of credentials for both SDKs.

The order: systemd credentials, ALIBABA_CLOUD_ACCESS_KEY_*, OSS_ACCESS_KEY_*, OIDC (RRSA),
~/.aliyun/config.json, ~/.alibabacloud/credentials, the RAM role of the ECS instance. The process
keeps the first link with credentials. Every `get` reads that link again, so rotation is seen. With
a profile in the configuration, that profile is the only link.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from watcher.credentials.cli_profile import CliProfile
from watcher.credentials.ini_profile import IniProfile
from watcher.credentials.library import EcsRole, Oidc
from watcher.credentials.links import Chain, Link, below_home, ignore
from watcher.credentials.static import from_systemd, from_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.credentials.links import Absent
    from watcher.ports import Credentials


def chain(
    *,
    profile: str,
    env: Mapping[str, str],
    home: Callable[[], Path],
    proxies: Mapping[str, str] | None = None,
    on_change: Callable[[Credentials], None] = ignore,
) -> Chain:
    """Return the provider for this configuration. Nothing is read before its first `get`.

    Args:
        profile: name of the only profile of ~/.aliyun/config.json to use; "" = the whole chain.
        env: the environment.
        home: finds the home directory, called only when needed; may raise RuntimeError.
        proxies: {scheme: URL}, for the token service behind OIDC.
        on_change: called with every new snapshot, e.g. to mask its secrets in the log.
    """
    if profile:
        only = below_home(
            home,
            lambda at: CliProfile(_config_json(at), name=profile, env=env, required=True),
            required=True,
        )
        named = f'profile "{profile}" of ~/.aliyun/config.json'
        return Chain([Link(named, only)], on_change=on_change)
    return Chain(_links(env, home, proxy=(proxies or {}).get("https", "")), on_change=on_change)


def _links(env: Mapping[str, str], home: Callable[[], Path], *, proxy: str) -> list[Link]:
    """Return the whole chain, in order."""
    named = env.get("ALIBABA_CLOUD_PROFILE", "")
    links = [
        Link("systemd credentials", lambda: from_systemd(env)),
        Link("ALIBABA_CLOUD_ACCESS_KEY_ID", lambda: from_variables(env, _ALIBABA_CLOUD)),
        Link("OSS_ACCESS_KEY_ID", lambda: from_variables(env, _OSS)),
        Link("OIDC", Oidc(env, proxy=proxy).ask),
        Link(
            "~/.aliyun/config.json",
            below_home(home, lambda at: CliProfile(_config_json(at), name=named, env=env)),
        ),
        Link("~/.alibabacloud/credentials", _ini_profile(home, named, env)),
    ]
    if not named:  # the machine's own role never replaces a profile chosen by name
        links.append(Link("ECS RAM role", EcsRole(env).ask))
    return links


def _config_json(home: Path) -> Path:
    return home / ".aliyun" / "config.json"


def _ini_profile(
    home: Callable[[], Path], name: str, env: Mapping[str, str]
) -> Callable[[], Credentials | Absent]:
    if file := env.get("ALIBABA_CLOUD_CREDENTIALS_FILE", ""):
        return IniProfile(Path(file), name=name, env=env).ask
    return below_home(home, lambda at: IniProfile(at / ".alibabacloud", name=name, env=env))


_ALIBABA_CLOUD = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
_OSS = ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN")

__all__ = ["Chain", "chain"]
