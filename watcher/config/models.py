"""The file's tables and keys, with their units in their names and their defaults beside them.

A key that reads "1m" or "1B" in the file has its unit in the attribute's name here, and the file's
name as its alias.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from watcher.config import parsers, validators
from watcher.config.parsers import Location  # noqa: TC001 (pydantic reads it from the annotation)
from watcher.rules import addresses, regions, schedule
from watcher.rules.addresses import Address
from watcher.rules.units import parse_duration_ms, parse_size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_MOST_TIMEOUT_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The settings outside its table that a key depends on, as known before all checks."""

    path: Path  # of the file, absolute
    zone: ZoneInfo
    region: str
    vod_endpoint_given: bool


def _around(info: ValidationInfo) -> Surroundings:
    return cast("Surroundings", info.context)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes.")  # noqa: TRY004 (pydantic wants it)
    return value


def _parsed(parse: Callable[[str], _T]) -> PlainValidator:
    """Return a validator that takes text and nothing else."""
    return PlainValidator(lambda value: parse(_text(value)))


def _groups(info: ValidationInfo) -> frozenset[str] | None:
    """Return the named groups of the pattern above; None if it is wrong, which is reported once."""
    text = info.data.get("pattern")
    return None if text is None else validators.groups(text)


def _templated(check: Callable[[Any, frozenset[str]], Any]) -> Callable[[Any, ValidationInfo], Any]:
    def checked(value: Any, info: ValidationInfo) -> Any:
        groups = _groups(info)
        return value if groups is None else check(value, groups)

    return checked


def _schedule(text: str) -> str:
    schedule.check(text)
    return text


def _start(value: object, info: ValidationInfo) -> Literal["all", "now"] | int:
    return parsers.start(value, _around(info).zone)


Text = Annotated[str, AfterValidator(parsers.without_control)]
Milliseconds = Annotated[int, _parsed(parse_duration_ms)]
Seconds = Annotated[
    float, _parsed(lambda text: parsers.seconds(parse_duration_ms(text), most_ms=_MOST_TIMEOUT_MS))
]
Bytes = Annotated[int, _parsed(parse_size_bytes)]
BytesOrNone = Annotated[int | None, _parsed(lambda text: parse_size_bytes(text) if text else None)]
Glob = Annotated[str, AfterValidator(validators.glob)]
Host = Annotated[str, AfterValidator(addresses.allowed_host)]
Template = Annotated[str, AfterValidator(_templated(validators.template))]
Tag = Annotated[str, AfterValidator(_templated(validators.tag))]
List = Annotated[tuple[_T, ...], Field(strict=False)]  # TOML has lists, we keep tuples


class Table(BaseModel):
    """A table of the file: frozen, of strict types, without unknown keys.

    Tables in it may be left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _with_tables_left_out(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        return {
            key: {} for key, field in cls.model_fields.items() if is_table(field.annotation)
        } | raw


def is_table(annotation: object) -> bool:
    """Tell whether a key holds a table."""
    return isinstance(annotation, type) and issubclass(annotation, Table)


class LedgerSettings(Table):
    """`[ledger]`."""

    path: str = Field(default="", validate_default=True)  # absolute

    @field_validator("path")
    @classmethod
    def _absolute(cls, text: str, info: ValidationInfo) -> str:
        return parsers.ledger_path(text, _around(info).path)


class CredentialsSettings(Table):
    """`[credentials]`."""

    profile: Text = ""


class NetworkSettings(Table):
    """`[network]`."""

    proxy: Annotated[str, AfterValidator(addresses.proxy)] = Field(
        default="", repr=False
    )  # "", "env" or a URL
    ca_bundle: str = ""  # absolute, or ""

    @field_validator("ca_bundle")
    @classmethod
    def _readable(cls, text: str, info: ValidationInfo) -> str:
        return parsers.ca_bundle(text, _around(info).path)


class VodSettings(Table):
    """`[vod]`."""

    region: str = "cn-shanghai"
    endpoint: str = Field(default="", validate_default=True)  # scheme://host[:port]
    calls_per_second: Annotated[int, Field(ge=1, le=1000)] = 25
    concurrent_calls: Annotated[int, Field(ge=1, le=64)] = 8
    parameters_in: Literal["auto", "query", "body"] = "auto"
    timeout_s: Seconds = Field(default=15.0, alias="timeout")

    @field_validator("region")
    @classmethod
    def _served(cls, text: str, info: ValidationInfo) -> str:
        return regions.region(text, endpoint_given=_around(info).vod_endpoint_given)

    @field_validator("endpoint")
    @classmethod
    def _with_scheme(cls, text: str, info: ValidationInfo) -> str:
        return regions.vod_endpoint(text, region=_around(info).region)


class RetrySettings(Table):
    """`[retry]`."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 3
    first_delay_ms: Milliseconds = Field(default=2_000, alias="first_delay")
    max_delay_ms: Milliseconds = Field(default=3_600_000, alias="max_delay")

    @field_validator("first_delay_ms", "max_delay_ms")
    @classmethod
    def _above_zero(cls, delay_ms: int) -> int:
        if delay_ms == 0:
            raise ValueError('no delay at all. Write "1s" or more.')
        return delay_ms

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_delay_ms < self.first_delay_ms:
            raise ValueError(
                "max_delay is shorter than first_delay. Raise it, or lower first_delay."
            )
        return self


class HttpSettings(Table):
    """`[http]`."""

    listen: Annotated[Address | None, _parsed(addresses.listen)] = Address("127.0.0.1", 9464)
    allowed_hosts: List[Host] = ()


class NotifySettings(Table):
    """`[notify]`."""

    url: Annotated[str, AfterValidator(addresses.url)] = Field(
        default="", repr=False
    )  # may hold a token


class LogSettings(Table):
    """`[log]`."""

    format: Literal["auto", "console", "json", "journal"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MediaSettings(Table):
    """`[watch.media]`.  `pattern` comes first: the other keys may use its groups."""

    pattern: Annotated[str, AfterValidator(validators.pattern)] = ""
    title: Template = "{stem}"
    description: Template = ""
    tags: Annotated[List[Tag], AfterValidator(validators.tag_count)] = ()
    cate_id: Annotated[int | str, PlainValidator(_templated(validators.cate_id))] = 0
    cover_url: Annotated[str, AfterValidator(_templated(validators.cover_url))] = ""
    template_group_id: Text = "VOD_NO_TRANSCODE"
    workflow_id: Text = ""
    user_data: Annotated[str, AfterValidator(validators.user_data)] = ""


class Watch(Table):
    """`[[watch]]`."""

    name: Annotated[str, AfterValidator(validators.name)]
    source: Annotated[Location, _parsed(parsers.location)]
    start: Annotated[Literal["all", "now"] | int, PlainValidator(_start)]
    endpoint: str = Field(default="", validate_default=True)  # scheme://host[:port]
    schedule: Annotated[str, AfterValidator(_schedule)] = "1m"  # for `schedule.parse`
    full_scan_every_ms: Milliseconds = Field(
        default=86_400_000, alias="full_scan_every"
    )  # 0 = every scan is full
    include: List[Glob] = ()
    exclude: List[Glob] = ()
    min_size_bytes: Bytes = Field(default=1, alias="min_size")
    max_size_bytes: BytesOrNone = Field(default=None, alias="max_size")
    min_age_ms: Milliseconds = Field(default=0, alias="min_age")
    on_overwrite: Literal["report", "ignore"] = "report"
    list_concurrency: Annotated[int, Field(ge=1, le=64)] = 16
    list_calls_per_second: Annotated[int, Field(ge=1, le=10_000)] = 100
    file_url: Annotated[str, AfterValidator(validators.file_url_template)] = (
        "https://{bucket}.oss-{region}.aliyuncs.com/{key}"
    )
    file_url_encoding: Literal["percent", "raw"] = "percent"
    media: MediaSettings

    @field_validator("endpoint")
    @classmethod
    def _with_scheme(cls, text: str, info: ValidationInfo) -> str:
        source: Location | None = info.data.get("source")
        return parsers.oss_endpoint(
            text, bucket=source.bucket if source else "", region=_around(info).region
        )

    @field_validator("max_size_bytes")
    @classmethod
    def _not_below_min_size(cls, size_bytes: int | None, info: ValidationInfo) -> int | None:
        if size_bytes is not None and size_bytes < info.data.get("min_size_bytes", 0):
            raise ValueError(
                "smaller than min_size, so that nothing matches. Raise it, or lower min_size."
            )
        return size_bytes

    @property
    def bucket(self) -> str:
        """The bucket to watch."""
        return self.source.bucket

    @property
    def prefix(self) -> str:
        """The prefix of the watched keys."""
        return self.source.prefix


class Config(Table):
    """A configuration file, read and checked as a whole."""

    timezone: Annotated[ZoneInfo, _parsed(parsers.zone)] = ZoneInfo("UTC")
    ledger: LedgerSettings
    credentials: CredentialsSettings
    network: NetworkSettings
    vod: VodSettings
    retry: RetrySettings
    http: HttpSettings
    notify: NotifySettings
    log: LogSettings
    watches: List[Watch] = Field(alias="watch")
    _path: Path = PrivateAttr()

    def model_post_init(self, context: Surroundings) -> None:
        """Keep the path of the file."""
        self._path = context.path

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._path

    @property
    def ledger_path(self) -> Path:
        """The ledger's path, absolute and without links.

        Its lock and its log lie beside the real file.
        """
        return Path(os.path.realpath(self.ledger.path))
