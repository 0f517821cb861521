"""The console blocks of the README as shell scripts, and who runs which of their commands."""

from __future__ import annotations

from tests.support.pages import README, console, without_comment

BUCKET = "my-bucket"
PREFIX = "videos/"
_WRITES_CONFIG = "cat > config/watcher.toml"
SYSTEM = "tests/system/test_fresh_machine.py, on a Debian that has nothing of ours"
SERVICE = "tests/system/test_readme_service.py, on a booted Debian with systemd"
ELSEWHERE = {
    "make demo": SYSTEM,
    "make test": "nowhere: the tests would start themselves",
    "sudo apt-get update && sudo apt-get install -y python3-venv make": SYSTEM,
    'python3 -m venv "$HOME/oss-vod-watcher"': SYSTEM,
    '"$HOME/oss-vod-watcher/bin/pip" install .': SYSTEM,
    "pip wheel --no-deps --wheel-dir dist .": SYSTEM,
    "pip install dist/oss_vod_watcher-*.whl": SYSTEM,
}
"""Commands that need root, a network or the checkout, and who runs them."""


def commands(section: str) -> list[str]:
    """Return the commands of a section, without the remarks behind them."""
    found = [without_comment(command) for title, command in console(README) if title == section]
    if not found:
        raise ValueError(f"README.md has no commands below {section!r}")
    return found


def all_commands() -> list[tuple[str, str]]:
    """Return (section, command) of the whole README, in order."""
    return [(title, without_comment(command)) for title, command in console(README)]


def runs_elsewhere(section: str, command: str) -> str:
    """Return who runs a command instead of tests/docs/test_readme_console.py, or ""."""
    return SERVICE if section == "Run it as a service" else ELSEWHERE.get(command, "")


def on_sandbox(command: str, *, url: str, keys: tuple[str, str]) -> str:
    """Return a command as a person types it whose cloud is the sandbox.

    The person has other keys (ID, secret), and writes two lines more into the configuration.
    """
    typed = command.replace("your-key-id", keys[0]).replace("your-key-secret", keys[1])
    if not command.startswith(_WRITES_CONFIG):
        return typed
    endpoint = f's#^(region|source) = .*#&\\nendpoint = "{url}"#'
    return f"{typed}\nsed -E -i '{endpoint}' config/watcher.toml"
