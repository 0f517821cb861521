"""One chain of credentials for both SDKs.

In this order, and the first that answers is kept for the life of the process: systemd credentials,
ALIBABA_CLOUD_ACCESS_KEY_*, OSS_ACCESS_KEY_*, OIDC (RRSA), ~/.aliyun/config.json, ~/.alibabacloud/credentials, the RAM
role of the ECS instance.  Every `get` reads its source again, so rotation is seen.  A profile named in the
configuration is the only link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.credentials.cli_profile import CliProfile
from watcher.credentials.ini_profile import IniProfile
from watcher.credentials.library import EcsRole, Oidc
from watcher.credentials.links import Chain, Link, nobody
from watcher.credentials.static import from_systemd, from_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from watcher.ports import Credentials


def chain(
    *,
    profile: str,
    env: Mapping[str, str],
    home: Path,
    proxies: Mapping[str, str] | None = None,
    learnt: Callable[[Credentials], None] = nobody,
) -> Chain:
    """Return the provider for this configuration; nothing is read or asked before its first `get`.

    Args:
        profile: of ~/.aliyun/config.json, and then only that; "" = the whole chain.
        env: the environment.
        home: the home directory.
        proxies: {scheme: URL}, for the token service behind OIDC.
        learnt: is told of every new snapshot, e.g. to keep its secrets out of the log.
    """
    role = EcsRole(env)
    config_json = home / ".aliyun" / "config.json"
    if profile:
        only = CliProfile(config_json, name=profile, env=env, required=True)
        return Chain([Link(f'profile "{profile}" of ~/.aliyun/config.json', only.ask)], learnt=learnt)
    named = env.get("ALIBABA_CLOUD_PROFILE", "")
    links = [
        Link("systemd credentials", lambda: from_systemd(env)),
        Link("ALIBABA_CLOUD_ACCESS_KEY_ID", lambda: from_variables(env, _ALIBABA_CLOUD)),
        Link("OSS_ACCESS_KEY_ID", lambda: from_variables(env, _OSS)),
        Link("OIDC", Oidc(env, proxy=(proxies or {}).get("https", "")).ask),
        Link("~/.aliyun/config.json", CliProfile(config_json, name=named, env=env).ask),
        Link("~/.alibabacloud/credentials", IniProfile(home / ".alibabacloud", name=named, env=env).ask),
    ]
    if not named:  # a profile asked for by name is never replaced by the machine's own role
        links.append(Link("ECS RAM role", role.ask))
    return Chain(links, learnt=learnt)


_ALIBABA_CLOUD = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
_OSS = ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN")

__all__ = ["Chain", "chain"]
