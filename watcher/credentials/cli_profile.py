"""Profiles of the aliyun command line: ~/.aliyun/config.json."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from watcher.credentials.library import EcsRole, LibraryProvider
from watcher.credentials.links import Absent, assemble
from watcher.errors import CredentialsMissing
from watcher.model.decoding import CURE, MARK, WrongEncodingError, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from watcher.ports import Credentials

# Without these fields the library would read the environment, or fail with an obscure error.
_NEEDS: dict[str, tuple[str, ...]] = {
    "RamRoleArn": ("access_key_id", "access_key_secret", "ram_role_arn"),
    "ChainableRamRoleArn": ("source_profile", "ram_role_arn"),
    "OIDC": ("ram_role_arn", "oidc_provider_arn", "oidc_token_file"),
    "CloudSSO": (
        "cloud_sso_sign_in_url",
        "cloud_sso_account_id",
        "cloud_sso_access_config",
        "access_token",
    ),
    "OAuth": (),
    "External": ("process_command",),
}
_SECRETS = {"access_key_id", "access_key_secret", "sts_token", "sts_expiration"}
# The library writes these fields after a refresh, which is no change of the profile.
_WRITTEN_BACK = {
    "External": _SECRETS,
    "OAuth": {*_SECRETS, "oauth_access_token", "oauth_access_token_expire", "oauth_refresh_token"},
}


class CliProfile:
    """One profile. Each call reads the file, so `aliyun configure` takes effect at once."""

    def __init__(
        self, path: Path, *, name: str, env: Mapping[str, str], required: bool = False
    ) -> None:
        self._path = path
        self._name = name
        self._env = env
        self._required = required
        self._provider = LibraryProvider()
        self._roles: dict[str, EcsRole] = {}

    def ask(self) -> Credentials | Absent:
        """Return the profile's credentials."""
        found = self._ask()
        if self._required and isinstance(found, Absent):
            raise CredentialsMissing(
                f'no credentials in profile "{self._name}" of {self._path}: {found.why}',
                hint=(
                    f"Run: aliyun configure --profile {self._name}; or leave [credentials] profile "
                    "empty."
                ),
            )
        return found

    def _ask(self) -> Credentials | Absent:
        if (
            not self._required
            and self._env.get("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "").lower() == "true"
        ):
            return Absent("switched off by ALIBABA_CLOUD_CLI_PROFILE_DISABLED")
        text = read_text(self._path)
        if text is None:
            return Absent("no such file")
        profiles, current = self._parse(text)
        name = self._name or current
        if name not in profiles:
            return Absent(f'no profile "{name}"' if name else "no current profile")
        return self._from_profile(name, profiles)

    def _parse(self, text: str) -> tuple[dict[str, dict[str, Any]], str]:
        try:
            document = json.loads(text)
            profiles = {str(each["name"]): each for each in document.get("profiles") or []}
            return profiles, str(document.get("current") or "")
        except json.JSONDecodeError as error:
            problem = f"line {error.lineno}: {error.msg}"
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            problem = "this is not the format of the aliyun command"
        raise CredentialsMissing(
            f"{self._path} cannot be parsed: {problem}",
            hint="Run: aliyun configure; or move the file away.",
        )

    def _from_profile(self, name: str, profiles: dict[str, dict[str, Any]]) -> Credentials | Absent:
        profile = profiles[name]
        mode = str(profile.get("mode") or "AK")
        place = f'profile "{name}" of {self._path}'
        match mode:
            case "AK":
                return assemble(
                    _texts(profile, "access_key_id", "access_key_secret", ""), place=place
                )
            case "StsToken":
                found = assemble(
                    _texts(profile, "access_key_id", "access_key_secret", "sts_token"), place=place
                )
                if not isinstance(found, Absent) and not found.security_token:
                    self._refuse(place, mode, "sts_token")
                return found
            case "EcsRamRole":
                role = str(profile.get("ram_role_name") or "")
                return self._roles.setdefault(role, EcsRole(self._env, role=role)).ask()
            case _ if mode in _NEEDS:
                return self._from_library(place, name, profiles)
            case _:
                raise CredentialsMissing(
                    f'{place}: its mode "{mode}" is not supported',
                    hint=f"Supported are AK, StsToken, EcsRamRole, {', '.join(_NEEDS)}.",
                )

    def _from_library(
        self, place: str, name: str, profiles: dict[str, dict[str, Any]]
    ) -> Credentials:
        chain = [profiles[name]]
        for profile in chain:  # grows by each source profile
            mode = str(profile.get("mode"))
            for field in _NEEDS.get(mode, ()):
                if not profile.get(field):
                    self._refuse(place, mode, field)
            source = (
                profiles.get(str(profile.get("source_profile")))
                if mode == "ChainableRamRoleArn"
                else None
            )
            if source in chain:
                raise CredentialsMissing(
                    f"{place} is its own source profile", hint="Correct source_profile."
                )
            if source is not None:
                chain.append(source)
        refuse_bom(self._path)
        return self._provider.ask(
            place,
            json.dumps([_without_refreshed(profile) for profile in chain], sort_keys=True),
            lambda library: library.CLIProfileCredentialsProvider(
                profile_name=name, profile_file=str(self._path)
            ),
            hint=f"Check it with: aliyun sts GetCallerIdentity --profile {name}",
        )

    @staticmethod
    def _refuse(place: str, mode: str, field: str) -> None:
        raise CredentialsMissing(
            f'{place}: mode "{mode}" needs {field}', hint="Run: aliyun configure"
        )


def _without_refreshed(profile: dict[str, Any]) -> dict[str, Any]:
    passing = _WRITTEN_BACK.get(str(profile.get("mode")), set())
    return {name: value for name, value in profile.items() if name not in passing}


def _texts(profile: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(profile.get(name) or "") for name in names}


def read_text(path: Path) -> str | None:
    """Return a file's text; None if there is no such file.

    A home that systemd hides (ProtectHome=) counts as missing.

    Raises:
        CredentialsMissing: the file exists and cannot be read.
    """
    try:
        path.stat()
    except OSError:
        return None
    try:
        return decoded(path.read_bytes())
    except WrongEncodingError as error:
        raise CredentialsMissing(f"{path} {error}", hint=CURE) from None
    except OSError as error:
        problem = error.strerror or type(error).__name__
    raise CredentialsMissing(
        f"{path} cannot be read: {problem}",
        hint="Give this user the right to read it, or move it away.",
    )


def refuse_bom(path: Path) -> None:
    """Refuse a profile file with a byte order mark: the library cannot parse it.

    Raises:
        CredentialsMissing: the file begins with a byte order mark.
    """
    with suppress(OSError), path.open("rb") as file:
        if file.read(len(MARK)) == MARK:
            raise CredentialsMissing(
                f"{path} begins with a byte order mark, which a profile of this kind must not have",
                hint="Save it as UTF-8 without a byte order mark (BOM).",
            )
