"""A throw-away Debian 12: run commands in it, or boot its systemd in a container."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.checkout import CHECKOUT

CACHE = Path("/var/cache/oss-vod-watcher-tests")
# All that the README asks of a developer's machine.
PACKAGES = "python3,make,git,ca-certificates"
HOST_VARIABLES = re.compile(
    r"(PIP_\w+|\w+_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)", re.IGNORECASE
)
NSPAWN = (
    "systemd-nspawn",
    "--quiet",
    "--register=no",
    "--keep-unit",
    "--timezone=off",
    "--link-journal=no",
)
LIST_FILES = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C")  # all that nspawn makes but the user's
BOOT = ("--private-network", "--console=pipe", "--boot", "systemd.unit=multi-user.target")


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder that holds a Debian."""

    root: Path

    def run(
        self, script: str, *, user: str = "root", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the machine, on the host's network and with its package indexes."""
        settings = _package_settings()
        done = subprocess.run(
            [
                *NSPAWN,
                f"--directory={self.root}",
                f"--machine={self.root.parent.name}",
                "--as-pid2",
                f"--user={user}",
                *(f"--bind-ro={path}" for path in _paths_named_by(settings)),
                *(f"--setenv={name}={value}" for name, value in settings.items()),
                *("/bin/sh", "-c", script),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return _checked(done, script) if check else done

    def install(self, *packages: str) -> None:
        """Install Debian packages."""
        names = shlex.join(packages)
        apt_get = "DEBIAN_FRONTEND=noninteractive apt-get -qq"
        self.run(f"{apt_get} update && {apt_get} -y install --no-install-recommends {names}")

    def take_checkout(self, folder: str, *, owner: str) -> None:
        """Copy what a commit of the work tree as it is would hold: nothing that Git ignores."""
        names = subprocess.check_output(LIST_FILES, cwd=CHECKOUT, text=True)
        for name in filter(None, names.split("\0")):
            source = CHECKOUT / name
            if source.exists():
                target = self.root / folder.lstrip("/") / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        self.run(f"chown -R {owner}: {shlex.quote(folder)}")

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file, as root."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def remove(self) -> None:
        """Give the disk its space back."""
        shutil.rmtree(self.root)

    @contextmanager
    def booted(self) -> Iterator["Booted"]:
        """Boot the machine, with a loopback network only, and switch it off again."""
        with (self.root.parent / "console.log").open("w", encoding="utf-8") as console:
            container = subprocess.Popen(
                [*NSPAWN, f"--directory={self.root}", f"--machine={self.root.parent.name}", *BOOT],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            yield Booted(container.pid)
        finally:
            container.terminate()  # nspawn passes it on as an orderly power-off
            try:
                container.wait(30)
            except subprocess.TimeoutExpired:
                container.kill()
                container.wait()


@dataclass(frozen=True, slots=True)
class Booted:
    """A machine whose systemd runs."""

    nspawn_pid: int

    def run(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell script beside its systemd, as root."""
        enter = ["nsenter", "--target", self._leader(), *NAMESPACES, "--", "/bin/sh", "-c", script]
        done = subprocess.run(
            enter,
            env={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return _checked(done, script) if check else done

    def _leader(self) -> str:
        """Return the process that is number 1 inside.

        Until there is one, return nonsense that `nsenter` refuses.
        """
        children = Path(f"/proc/{self.nspawn_pid}/task/{self.nspawn_pid}/children")
        for child in children.read_text(encoding="ascii").split():
            with suppress(OSError):  # a step of the start that is over
                if re.search(
                    r"^NSpid:.*\t1$",
                    Path(f"/proc/{child}/status").read_text(encoding="ascii"),
                    re.MULTILINE,
                ):
                    return child
        return "0"


def fresh(folder: Path) -> Machine:
    """Return an unused Debian with only `PACKAGES`; skip the test where none can be made."""
    if os.geteuid() != 0:
        lacking("needs root, to make a Debian and to start it")
    for tool in ("debootstrap", "systemd-nspawn"):
        if shutil.which(tool) is None:
            lacking(f"needs {tool} (apt-get install debootstrap systemd-container)")
    root = folder / "root"
    copy = ["cp", "-a", "--reflink=auto", str(_pristine()), str(root)]
    subprocess.run(copy, check=True)
    machine = Machine(root)
    _take_apt_settings(machine)
    return machine


def lacking(what: str) -> NoReturn:
    """End the test: as skipped, or as failed where these tests are what a change has to pass."""
    if os.environ.get("SYSTEM_TESTS") == "required":
        pytest.fail(what)
    pytest.skip(what)


def _pristine() -> Path:
    root = CACHE / "debian-12"
    if not root.exists():
        unfinished = CACHE / f"unfinished-{os.getpid()}"
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        command = [
            "debootstrap",
            "--variant=minbase",
            f"--include={PACKAGES}",
            "bookworm",
            str(unfinished),
            *_mirror(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            last = without_addresses(done.stdout + done.stderr).strip().splitlines()[-1:]
            lacking(f"needs Debian's package registry; debootstrap says: {' '.join(last)}")
        unfinished.rename(root)
    return root


def _host_is_bookworm() -> bool:
    return "VERSION_CODENAME=bookworm\n" in Path("/etc/os-release").read_text(encoding="utf-8")


def _mirror() -> list[str]:
    """Return where this machine gets Debian 12 from, or nothing: debootstrap has a default."""
    if not _host_is_bookworm():
        return []
    targets = [
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
        "Codename: bookworm",
    ]
    return subprocess.check_output(targets, text=True).split()[:1]


def _take_apt_settings(machine: Machine) -> None:
    etc = machine.root / "etc/apt"
    dump = ["apt-config", "dump", "Acquire"]
    settings = [
        line
        for line in subprocess.check_output(dump, text=True).splitlines()
        if "IndexTargets" not in line
    ]
    (etc / "apt.conf.d/90host").write_text("\n".join([*settings, ""]), encoding="utf-8")
    if not _host_is_bookworm():
        return
    for name in (
        "sources.list",
        "sources.list.d",
        "auth.conf",
        "auth.conf.d",
        "preferences.d",
        "keyrings",
    ):
        source = Path("/etc/apt", name)
        (etc / name).unlink() if (etc / name).is_file() else None
        if source.is_dir():
            shutil.copytree(source, etc / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, etc / name)


def _package_settings() -> dict[str, str]:
    """Return this machine's pip settings, wherever they are written, as environment variables."""
    listed = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    found = dict(re.findall(r"^(?:global|install)\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    settings = {
        f"PIP_{key.upper().replace('-', '_')}": value.replace("\\n", " ").strip()
        for key, value in found.items()
    }
    return settings | {
        name: value for name, value in os.environ.items() if HOST_VARIABLES.fullmatch(name)
    }


def _paths_named_by(settings: dict[str, str]) -> list[str]:
    """Return the files and folders of those settings, and the host's trusted certificates."""
    paths = {"/etc/ssl/certs"}
    for word in " ".join(settings.values()).split():
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists() and not path.is_relative_to("/etc/ssl/certs"):
            # An index of links points to files beside itself.
            beside = path.is_dir() and len(path.parent.parts) > 2
            paths.add(str(path.parent if beside else path))
    return sorted(paths)


def without_addresses(text: str) -> str:
    """Return a tool's words without the package indexes that they name."""
    return re.sub(r"(https?|file)://[^\s,)>\"']+", "<address>", text)


def _checked(
    done: subprocess.CompletedProcess[str], script: str
) -> subprocess.CompletedProcess[str]:
    if done.returncode != 0:
        raise AssertionError(
            f"exit status {done.returncode} of: {script}\n{without_addresses(done.stdout)}"
        )
    return done
