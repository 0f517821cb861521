"""Profiles of the SDKs: ~/.alibabacloud/credentials, with or without .ini."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.credentials.cli_profile import read_text, refuse_bom
from watcher.credentials.library import EcsRole, LibraryProvider
from watcher.credentials.links import Absent, assemble
from watcher.errors import CredentialsMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.ports import Credentials

# Without these fields the library would read the environment, or fail with an obscure error.
_NEEDS = {
    "ram_role_arn": ("access_key_id", "access_key_secret", "role_arn"),
    "oidc_role_arn": ("role_arn", "oidc_provider_arn", "oidc_token_file_path"),
    "rsa_key_pair": ("public_key_id", "private_key_file"),
}


class IniProfile:
    """One section. Each call reads the file."""

    def __init__(self, folder: Path, *, name: str, env: Mapping[str, str]) -> None:
        named = env.get("ALIBABA_CLOUD_CREDENTIALS_FILE", "")
        self._named = bool(named)
        self._paths = (
            (Path(named),) if named else (folder / "credentials.ini", folder / "credentials")
        )
        self._name = name or "default"
        self._env = env
        self._provider = LibraryProvider()
        self._roles: dict[str, EcsRole] = {}

    def ask(self) -> Credentials | Absent:
        """Return the section's credentials, from the first file that exists."""
        for path in self._paths:
            text = read_text(path)
            if text is not None:
                return self._from_file(path, text)
        if self._named:
            raise CredentialsMissing(
                f"ALIBABA_CLOUD_CREDENTIALS_FILE names {self._paths[0]}, which does not exist",
                hint="Set it to the file, or unset it.",
            )
        return Absent("no such file")

    def _from_file(self, path: Path, text: str) -> Credentials | Absent:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(text)
        except configparser.Error as error:  # its text quotes the line with the secret
            line = getattr(error, "lineno", None)
            raise CredentialsMissing(
                f"{path} cannot be parsed" + (f": line {line}" if line else ""),
                hint="Write it as an INI file: [default], then lines such as type = access_key.",
            ) from None
        if not parser.has_section(self._name):
            return Absent(f'no profile "{self._name}"')
        section = {name: value.split("#")[0].strip() for name, value in parser.items(self._name)}
        return self._from_section(path, section)

    def _from_section(self, path: Path, section: dict[str, str]) -> Credentials | Absent:
        place = f'profile "{self._name}" of {path}'
        kind = section.get("type") or "access_key"
        match kind:
            case "access_key" | "sts":
                names = ("access_key_id", "access_key_secret", "security_token")
                return assemble({name: section.get(name, "") for name in names}, place=place)
            case "ecs_ram_role":
                role = section.get("role_name", "")
                return self._roles.setdefault(role, EcsRole(self._env, role=role)).ask()
            case _ if kind in _NEEDS:
                return self._from_library(path, place, kind, section)
            case _:
                raise CredentialsMissing(
                    f'{place}: its type "{kind}" is not supported',
                    hint=f"Supported are access_key, sts, ecs_ram_role, {', '.join(_NEEDS)}.",
                )

    def _from_library(
        self, path: Path, place: str, kind: str, section: dict[str, str]
    ) -> Credentials:
        for name in _NEEDS[kind]:
            if not section.get(name):
                raise CredentialsMissing(
                    f'{place}: type "{kind}" needs {name}', hint=f"Add {name} to the section."
                )
        refuse_bom(path)
        return self._provider.ask(
            place,
            repr(sorted(section.items())),
            lambda library: library.ProfileCredentialsProvider(
                profile_file=str(path), profile_name=self._name
            ),
            hint="Check the role, and that these keys may assume it.",
        )
