"""The XML of request bodies, with the characters that XML does not allow.

Keys may have control characters. oss2 and ali-oss write them as they are, the SDK of the second
version as a reference, such as `&#01;`. The service takes both, and no parser of XML does.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from watcher.sandbox.oss.answers import OssRefused

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request

_MARK: Final = "\ue000"  # stands before the number of a character that is hidden from the parser
_HIDDEN: Final = f"\0-\x08\x0b-\x1f\ufffe\uffff{_MARK}"  # with the CR, of which a parser makes LF
_CHARACTER: Final = re.compile(f"[{_HIDDEN}]")
_REFERENCE: Final = re.compile("&#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}));")
_SHOWN: Final = re.compile(f"{_MARK}([0-9A-F]{{4}})")


def body_tree(request: Request) -> ET.Element:
    """Return the XML of a body.

    Raises:
        OssRefused: the body is no XML.
    """
    try:
        text = _CHARACTER.sub(_hidden, request.body.decode())
        root = ET.fromstring(_REFERENCE.sub(_reference, text))  # noqa: S314 - clients of the sandbox
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise malformed() from error
    for node in root.iter():
        if node.text:
            node.text = _SHOWN.sub(lambda found: chr(int(found[1], 16)), node.text)
    return root


def malformed(*, ec: str = "") -> OssRefused:
    """Return the refusal of a body that is no XML, or lacks what the operation needs."""
    return OssRefused(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published "
        "schema.",
        ec=ec,
    )


def _hidden(found: re.Match[str]) -> str:
    return f"{_MARK}{ord(found[0]):04X}"


def _reference(found: re.Match[str]) -> str:
    number = int(found[1]) if found[1] else int(found[2], 16)
    hidden = number <= sys.maxunicode and _CHARACTER.fullmatch(chr(number))
    return _hidden(hidden) if hidden else found[0]
