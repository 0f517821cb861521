"""Checks across tables, on the file as it was parsed.

They report their problems whatever else is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = tuple[str | int, ...]
"""Where in the file: keys, and numbers of list items."""

_SECRETS: Final = ("accesskey", "securitytoken", "ststoken", "secret", "password")
_CURE: Final = (
    "secrets never belong in this file. Remove it; give it by systemd credentials (access-key-id, "
    "access-key-secret), "
    "the environment (ALIBABA_CLOUD_ACCESS_KEY_ID, ...) or a profile, see [credentials]."
)
_NOTIFY_CURE: Final = (
    "secrets never belong in this file. Remove it; give it as the credential file notify-secret."
)
_ONE_FORM: Final = "A file in two forms would become two media: write the same in both."
_FORMS: Final = {
    "file_url": "https://{bucket}.oss-{region}.aliyuncs.com/{key}",
    "file_url_encoding": "percent",
}


def secrets(raw: dict[str, Any]) -> dict[Place, str]:
    """Return a sentence for every key that looks like a secret, at any depth."""
    found: dict[Place, str] = {}
    left: list[tuple[Place, object]] = [((), raw)]
    while left:
        place, value = left.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if any(word in key.lower().replace("_", "").replace("-", "") for word in _SECRETS):
                    found[*place, key] = _NOTIFY_CURE if place == ("notify",) else _CURE
                else:
                    left.append(((*place, key), inner))
        elif isinstance(value, list):
            left.extend(((*place, n), inner) for n, inner in enumerate(value))
    return dict(sorted(found.items(), key=lambda item: tuple(map(str, item[0]))))


def watches(raw: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the watches that are tables, numbered as in the file."""
    listed = raw.get("watch")
    return [
        (n, watch)
        for n, watch in enumerate(listed if isinstance(listed, list) else [])
        if isinstance(watch, dict)
    ]


def disagreements(raw: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield where watches contradict each other, or none is."""
    if raw.get("watch") == []:
        yield (
            ("watch",),
            "no watch at all. Write at least one [[watch]] with name, source and start.",
        )
    named: dict[str, int] = {}
    formed: dict[tuple[str, str], tuple[int, object]] = {}
    for n, watch in watches(raw):
        name, source = watch.get("name"), watch.get("source")
        if isinstance(name, str) and named.setdefault(name, n) != n:
            yield (
                ("watch", n, "name"),
                f"watch[{named[name]}] has this name too. Rename one of them.",
            )
        if not isinstance(source, str):
            continue
        bucket = source.removeprefix("oss://").partition("/")[0]
        for key, default in _FORMS.items():
            form = watch.get(key, default)
            first, its_form = formed.setdefault((bucket, key), (n, form))
            if form != its_form:
                yield (
                    ("watch", n, key),
                    f"watch[{first}] has another one for the same bucket. {_ONE_FORM}",
                )
