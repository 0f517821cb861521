"""The TOML file as frozen values; every problem in it at once.

tables       the file's tables and keys: types, defaults, what is checked within a table
values       texts that stand for something else: a source, a start, a time zone, a path
wording      what may stand in templates, tags, patterns, user data
across       what is checked across watches
problems     one line for each problem, with the cure
loading      from bytes to `Config`
"""

from watcher.config.loading import load
from watcher.config.models import (
    Config,
    CredentialsSettings,
    HttpSettings,
    LedgerSettings,
    LogSettings,
    MediaSettings,
    NetworkSettings,
    NotifySettings,
    RetrySettings,
    VodSettings,
    Watch,
)
from watcher.config.parsers import Location
from watcher.rules.addresses import Address
from watcher.rules.regions import REGIONS

__all__ = [
    "REGIONS",
    "Address",
    "Config",
    "CredentialsSettings",
    "HttpSettings",
    "LedgerSettings",
    "Location",
    "LogSettings",
    "MediaSettings",
    "NetworkSettings",
    "NotifySettings",
    "RetrySettings",
    "VodSettings",
    "Watch",
    "load",
]
