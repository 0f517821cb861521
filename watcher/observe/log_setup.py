"""Sends all log lines to one handler, which masks secrets.

Our loggers and those of the SDKs use the standard library. The handler writes JSON, lines for
people, or entries of the journal.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from watcher.observe import log_handlers

if TYPE_CHECKING:
    from typing import TextIO

_WARNING, _ERROR = logging.WARNING, logging.ERROR
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": _WARNING,
    "error": _ERROR,
}
# Below these levels the SDKs print headers and signed URLs. Their errors are exceptions, too.
_SDK_LEVELS: Final = {
    "aliyunsdkcore": logging.CRITICAL,
    "alibabacloud-tea": _WARNING,
    "credentials": _WARNING,
    "oss2": _WARNING,
    "urllib3": _WARNING,
    "requests": _WARNING,
    "apscheduler": _ERROR,  # it warns of each skipped start
    "filelock": _WARNING,
    "asyncio": _WARNING,
    "werkzeug": _WARNING,
    "waitress": _ERROR,  # it warns of each waiting request
}


def configure(*, format: str, level: str, stream: TextIO, quiet: bool) -> None:  # noqa: A002 (the option's public name)
    """Send all logging of this process to one place. A second call replaces the first.

    Args:
        format: auto | console | json | journal. "auto" is the journal if `stream` is connected to
            it, the console if `stream` is a terminal, else JSON.
        level: debug | info | warning | error: the lowest level to write. Lines on a terminal are
            short unless the level is debug (see `brief`).
        stream: usually stderr. If it is connected to the journal, the journal format writes to
            the journal directly, with each field as a journal field.
        quiet: write warnings and errors only, at any `level`.
    """
    handler = log_handlers.choose(format, stream, whole=level == "debug")
    root = logging.getLogger()
    for before in [each for each in root.handlers if isinstance(each, log_handlers.OURS)]:
        root.removeHandler(before)
        before.close()
    root.addHandler(handler)
    root.setLevel(max(_LEVELS[level], _WARNING) if quiet else _LEVELS[level])
    tame_sdk_loggers()


def tame_sdk_loggers() -> None:
    """Remove the SDKs' log handlers and raise their levels. Call it after each import of an SDK."""
    for name in list(logging.root.manager.loggerDict):
        top = name.split(".")[0]
        if top in _SDK_LEVELS:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
    for name, level in _SDK_LEVELS.items():
        logging.getLogger(name).setLevel(level)
