"""One chain of credentials for both SDKs.

In this order, and the first that answers is kept for the life of the process: systemd credentials,
ALIBABA_CLOUD_ACCESS_KEY_*, OSS_ACCESS_KEY_*, OIDC (RRSA), ~/.aliyun/config.json, ~/.alibabacloud/credentials, the RAM
role of the ECS instance.  Every `get` reads its source again, so rotation is seen.  A profile named in the
configuration is the only link.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from watcher.credentials.cli_profile import CliProfile
from watcher.credentials.ini_profile import IniProfile
from watcher.credentials.library import EcsRole, Oidc
from watcher.credentials.links import Chain, Link, at_home, nobody
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
    learnt: Callable[[Credentials], None] = nobody,
) -> Chain:
    """Return the provider for this configuration; nothing is read or asked before its first `get`.

    Args:
        profile: of ~/.aliyun/config.json, and then only that; "" = the whole chain.
        env: the environment.
        home: finds the home directory; asked only where it is needed, and may raise RuntimeError.
        proxies: {scheme: URL}, for the token service behind OIDC.
        learnt: is told of every new snapshot, e.g. to keep its secrets out of the log.
    """
    role = EcsRole(env)
    if profile:
        only = at_home(
            home,
            lambda at: CliProfile(_config_json(at), name=profile, env=env, required=True),
            required=True,
        )
        return Chain([Link(f'profile "{profile}" of ~/.aliyun/config.json', only)], learnt=learnt)
    named = env.get("ALIBABA_CLOUD_PROFILE", "")
    links = [
        Link("systemd credentials", lambda: from_systemd(env)),
        Link("ALIBABA_CLOUD_ACCESS_KEY_ID", lambda: from_variables(env, _ALIBABA_CLOUD)),
        Link("OSS_ACCESS_KEY_ID", lambda: from_variables(env, _OSS)),
        Link("OIDC", Oidc(env, proxy=(proxies or {}).get("https", "")).ask),
        Link("~/.aliyun/config.json", at_home(home, lambda at: CliProfile(_config_json(at), name=named, env=env))),
        Link("~/.alibabacloud/credentials", _ini_profile(home, named, env)),
    ]
    if not named:  # a profile asked for by name is never replaced by the machine's own role
        links.append(Link("ECS RAM role", role.ask))
    return Chain(links, learnt=learnt)


def _config_json(home: Path) -> Path:
    return home / ".aliyun" / "config.json"


def _ini_profile(home: Callable[[], Path], name: str, env: Mapping[str, str]) -> Callable[[], Credentials | Absent]:
    if file := env.get("ALIBABA_CLOUD_CREDENTIALS_FILE", ""):
        return IniProfile(Path(file), name=name, env=env).ask
    return at_home(home, lambda at: IniProfile(at / ".alibabacloud", name=name, env=env))


_ALIBABA_CLOUD = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
_OSS = ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN")

__all__ = ["Chain", "chain"]
