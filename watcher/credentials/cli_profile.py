"""Profiles of the aliyun command line: ~/.aliyun/config.json."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from watcher.credentials.library import EcsRole, Provider
from watcher.credentials.links import Absent, assemble
from watcher.errors import CredentialsMissing
from watcher.texts import CURE, MARK, WrongEncodingError, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from watcher.ports import Credentials

_NEEDS: dict[str, tuple[str, ...]] = {  # without them the library would borrow from the environment, or fail darkly
    "RamRoleArn": ("access_key_id", "access_key_secret", "ram_role_arn"),
    "ChainableRamRoleArn": ("source_profile", "ram_role_arn"),
    "OIDC": ("ram_role_arn", "oidc_provider_arn", "oidc_token_file"),
    "CloudSSO": ("cloud_sso_sign_in_url", "cloud_sso_account_id", "cloud_sso_access_config", "access_token"),
    "OAuth": (),
    "External": ("process_command",),
}
_SECRETS = {"access_key_id", "access_key_secret", "sts_token", "sts_expiration"}
_WRITTEN_BACK = {  # by the library after a refresh: not a change of the profile
    "External": _SECRETS,
    "OAuth": {*_SECRETS, "oauth_access_token", "oauth_access_token_expire", "oauth_refresh_token"},
}


class CliProfile:
    """One profile; the file is read for every call, so `aliyun configure` takes effect at once."""

    def __init__(self, path: Path, *, name: str, env: Mapping[str, str], required: bool = False) -> None:
        self._path = path
        self._name = name
        self._env = env
        self._required = required
        self._provider = Provider()
        self._roles: dict[str, EcsRole] = {}

    def ask(self) -> Credentials | Absent:
        """Return the profile's credentials."""
        found = self._ask()
        if self._required and isinstance(found, Absent):
            raise CredentialsMissing(
                f'no credentials in profile "{self._name}" of {self._path}: {found.why}',
                hint=f"Run: aliyun configure --profile {self._name}; or leave [credentials] profile empty.",
            )
        return found

    def _ask(self) -> Credentials | Absent:
        if not self._required and self._env.get("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "").lower() == "true":
            return Absent("switched off by ALIBABA_CLOUD_CLI_PROFILE_DISABLED")
        text = read_text(self._path)
        if text is None:
            return Absent("not there")
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
            problem = "it has another form than the aliyun command writes"
        raise CredentialsMissing(
            f"{self._path} cannot be understood: {problem}", hint="Run: aliyun configure; or move the file away."
        )

    def _from_profile(self, name: str, profiles: dict[str, dict[str, Any]]) -> Credentials | Absent:
        profile = profiles[name]
        mode = str(profile.get("mode") or "AK")
        place = f'profile "{name}" of {self._path}'
        match mode:
            case "AK":
                return assemble(_texts(profile, "access_key_id", "access_key_secret", ""), place=place)
            case "StsToken":
                found = assemble(_texts(profile, "access_key_id", "access_key_secret", "sts_token"), place=place)
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

    def _from_library(self, place: str, name: str, profiles: dict[str, dict[str, Any]]) -> Credentials:
        basis = [profiles[name]]
        for profile in basis:  # grows by the profiles that one rests on
            mode = str(profile.get("mode"))
            for field in _NEEDS.get(mode, ()):
                if not profile.get(field):
                    self._refuse(place, mode, field)
            source = profiles.get(str(profile.get("source_profile"))) if mode == "ChainableRamRoleArn" else None
            if source in basis:
                raise CredentialsMissing(f"{place} rests on itself", hint="Correct source_profile.")
            if source is not None:
                basis.append(source)
        refuse_mark(self._path)
        return self._provider.ask(
            place,
            json.dumps([_lasting(profile) for profile in basis], sort_keys=True),
            lambda library: library.CLIProfileCredentialsProvider(profile_name=name, profile_file=str(self._path)),
            hint=f"Check it with: aliyun sts GetCallerIdentity --profile {name}",
        )

    @staticmethod
    def _refuse(place: str, mode: str, field: str) -> None:
        raise CredentialsMissing(f'{place}: mode "{mode}" needs {field}', hint="Run: aliyun configure")


def _lasting(profile: dict[str, Any]) -> dict[str, Any]:
    passing = _WRITTEN_BACK.get(str(profile.get("mode")), set())
    return {name: value for name, value in profile.items() if name not in passing}


def _texts(profile: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(profile.get(name) or "") for name in names}


def read_text(path: Path) -> str | None:
    """Return a file's text; None if it, or the way to it, is not there (systemd's ProtectHome= shuts homes).

    Raises:
        CredentialsMissing: it is there and cannot be read.
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
    raise CredentialsMissing(f"{path} cannot be read: {problem}", hint="Let this user read it, or move it away.")


def refuse_mark(path: Path) -> None:
    """See that the library can read a file of profiles: it does not read behind a byte order mark.

    Raises:
        CredentialsMissing: there is one.
    """
    with suppress(OSError), path.open("rb") as file:
        if file.read(len(MARK)) == MARK:
            raise CredentialsMissing(
                f"{path} begins with a byte order mark, and a profile of this kind is read without one",
                hint="Save it as UTF-8 without a byte order mark (BOM).",
            )
