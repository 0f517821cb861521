"""The daemon under a real systemd: ready, reload, hang, kill, stop, and a backfill beside it."""

import json
from collections.abc import Iterator

import pytest

from tests.system.machine import Booted, Machine
from tests.system.sandbox import Sandbox
from tests.system.service import (
    DAEMON,
    ETC,
    STATE,
    Unit,
    configuration,
    entries,
    give_credentials,
    init_ledger,
    registered,
    until,
)

# Two minutes are right for a service; a test does not wait so long.  A stopped process does not
# even die of SIGABRT.
QUICK = "[Service]\nWatchdogSec=4\nTimeoutAbortSec=1\nRestartSec=100ms\n"


@pytest.fixture(scope="module")
def ready(prepared: Machine, booted: Booted, sandbox: Sandbox) -> Iterator[Unit]:
    """Start the daemon."""
    assert sandbox.config
    prepared.write(f"/etc/systemd/system/{DAEMON}.d/quick.conf", QUICK)
    booted.run("systemctl daemon-reload")
    unit = Unit(booted, DAEMON)
    unit.start()
    yield unit
    unit.control("stop")


@pytest.fixture
def daemon(ready: Unit) -> Unit:
    """Return the daemon, running whatever the test before has done to it."""
    if not ready.is_active:
        ready.machine.run("systemctl reset-failed", check=False)
        ready.start()
    return ready


def made(unit: Unit) -> dict[str, set[str]]:
    """Return the media IDs of each file URL, as the answers of VOD in the journal have them."""
    found: dict[str, set[str]] = {}
    for event in unit.events("batch.settled"):
        for media in json.loads(event["OSS_VOD_WATCHER_REGISTERED_MEDIA_LIST"]):
            found.setdefault(media["FileURL"], set()).add(media["MediaId"])
    return found


def fetched(booted: Booted, address: str) -> str:
    """Return what a URL of the machine answers."""
    script = (
        f"import urllib.request; print(urllib.request.urlopen('http://{address}', "
        "timeout=5).read().decode())"
    )
    return booted.run(f'python3 -c "{script}"').stdout


def uptime(booted: Booted) -> float:
    """Return the monotonic clock's seconds, which container and host share."""
    return float(booted.run("python3 -c 'import time; print(time.monotonic())'").stdout)


def assert_registered(
    booted: Booted, keys: set[str], *, config: str = "watcher", seconds: float = 30
) -> float:
    """Wait until all keys are registered; each has a media ID of its own."""
    took = until(
        f"{len(keys)} registered", lambda: keys <= registered(booted, config), seconds=seconds
    )
    ids = [entry["media_id"] for key, entry in entries(booted, config).items() if key in keys]
    assert len(set(ids)) == len(keys)
    return took


def test_it_is_started_when_it_says_so_and_shows_how_it_is(daemon: Unit) -> None:
    assert daemon.is_active
    assert daemon.shown("NotifyAccess") == "main"
    until("it says so in the journal", lambda: daemon.events("daemon.ready"))
    until("a status", lambda: "registered" in daemon.shown("StatusText"))


def test_what_is_uploaded_is_registered_with_the_keys_that_systemd_handed_over(
    booted: Booted, sandbox: Sandbox, daemon: Unit
) -> None:
    keys = {f"videos/daemon/{n}-影.mp4" for n in range(20)}
    sandbox.put(booted, *keys)
    assert_registered(booted, keys)
    environment = booted.run(f"tr '\\0' '\\n' < /proc/{daemon.pid}/environ").stdout
    assert "CREDENTIALS_DIRECTORY=" in environment
    for secret in (sandbox.access_key_id, sandbox.access_key_secret):
        assert secret not in environment
        assert secret not in booted.run(f"journalctl --no-pager --output=export -u {DAEMON}").stdout


def test_the_journal_can_be_asked_for_one_event_and_one_field(booted: Booted, daemon: Unit) -> None:
    scans = daemon.events("scan.finished OSS_VOD_WATCHER_WATCH=incoming")
    assert scans
    assert {scan["PRIORITY"] for scan in scans} == {"6"}
    assert {scan["SYSLOG_IDENTIFIER"] for scan in scans} == {"oss-vod-watcher"}
    assert (
        booted.run("journalctl --no-pager OSS_VOD_WATCHER_EVENT=media.failed", check=False).stdout
        == "-- No entries --\n"
    )


def test_all_that_it_writes_is_its_users_alone(booted: Booted, daemon: Unit) -> None:
    assert daemon.is_active
    listing = booted.run(f"find {STATE} -printf '%u %m %y\\n' | sort -u").stdout.splitlines()
    assert listing == ["oss-vod-watcher 600 f", "oss-vod-watcher 700 d"]


def test_a_reload_takes_a_new_watch_and_keeps_the_process(
    prepared: Machine, booted: Booted, sandbox: Sandbox, daemon: Unit
) -> None:
    pid = daemon.pid
    one = configuration(sandbox, prefix="videos/")
    more = one + "\n[[watch]]" + configuration(sandbox, prefix="added/").split("[[watch]]")[1]
    prepared.write(
        f"{ETC}/watcher.toml",
        more.replace('name = "incoming"', 'name = "added"').replace(
            'name = "added"', 'name = "incoming"', 1
        ),
    )
    assert daemon.control("reload") == 0
    sandbox.put(booted, "added/a.mp4")
    assert_registered(booted, {"added/a.mp4"})
    assert daemon.events("daemon.reloaded")
    assert (daemon.pid, daemon.shown("ActiveState"), daemon.shown("NRestarts")) == (
        pid,
        "active",
        "0",
    )


def test_a_broken_file_changes_nothing_and_is_reported(
    prepared: Machine, booted: Booted, sandbox: Sandbox, daemon: Unit
) -> None:
    pid = daemon.pid
    prepared.write(f"{ETC}/watcher.toml", "[[watch]\n")
    try:
        daemon.control("reload")
        until("it is logged", lambda: daemon.events("daemon.reload_refused"))
        sandbox.put(booted, "videos/after-the-broken-file.mp4")
        until(
            "the old one is at work",
            lambda: any("after-the-broken-file" in url for url in made(daemon)),
        )
        assert daemon.pid == pid
    finally:
        prepared.write(f"{ETC}/watcher.toml", configuration(sandbox, prefix="videos/"))
    assert daemon.control("reload") == 0


def test_the_page_answers_and_the_walls_hide_no_figure_of_the_process(
    booted: Booted, daemon: Unit
) -> None:
    assert daemon.is_active
    assert [fetched(booted, f"127.0.0.1:9464{path}").strip() for path in ("/livez", "/readyz")] == [
        "ok",
        "ok",
    ]
    metrics = fetched(booted, "127.0.0.1:9464/metrics")
    for name in (
        "oss_vod_watcher_registered_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
    ):
        assert f"\n{name}" in metrics


def test_a_process_that_works_is_left_alone_by_the_watchdog(booted: Booted, daemon: Unit) -> None:
    pid = daemon.pid
    began = float(daemon.shown("ExecMainStartTimestampMonotonic")) / 1e6
    until("it is older than WatchdogSec and some", lambda: uptime(booted) - began > 6)
    assert (daemon.pid, daemon.shown("NRestarts")) == (pid, "0")


def test_a_process_that_hangs_is_replaced(booted: Booted, sandbox: Sandbox, daemon: Unit) -> None:
    pid, restarts = daemon.pid, int(daemon.shown("NRestarts"))
    booted.run(f"kill -STOP {pid}")
    sandbox.put(booted, "videos/while-it-hangs.mp4")
    until(
        "systemd restarts it",
        lambda: int(daemon.shown("NRestarts")) > restarts and daemon.is_active,
    )
    assert daemon.pid != pid
    assert "Watchdog timeout" in booted.run(f"journalctl --no-pager -u {DAEMON}").stdout
    assert_registered(booted, {"videos/while-it-hangs.mp4"})


def test_killed_again_and_again_it_loses_nothing_and_doubles_nothing(
    booted: Booted, sandbox: Sandbox, daemon: Unit
) -> None:
    keys = {f"videos/killed/{n}.mp4" for n in range(300)}
    restarts = int(daemon.shown("NRestarts"))
    sandbox.put(booted, *keys)
    for n in range(3):
        daemon.control("kill --kill-who=main --signal=KILL")
        until(
            "systemd restarts it",
            lambda: int(daemon.shown("NRestarts")) > restarts + n and daemon.is_active,  # noqa: B023
        )
    assert_registered(booted, keys, seconds=60)
    assert {len(ids) for ids in made(daemon).values()} == {1}


def test_it_stops_in_time_and_cleanly(booted: Booted, sandbox: Sandbox, daemon: Unit) -> None:
    sandbox.put(booted, *(f"videos/stopped/{n}.mp4" for n in range(100)))
    took = until("it stops", lambda: daemon.control("stop") == 0)
    assert took < 10, took
    assert (daemon.shown("Result"), daemon.shown("ExecMainStatus")) == ("success", "0")
    assert daemon.events("daemon.stopped")


@pytest.mark.parametrize(
    ("break_it", "mend_it", "status"),
    [
        (f"mv {ETC}/watcher.toml {ETC}/away", f"mv {ETC}/away {ETC}/watcher.toml", "2"),
        (f"mv {STATE}/ledger.db {STATE}/away", f"mv {STATE}/away {STATE}/ledger.db", "4"),
    ],
)
def test_what_wants_a_person_is_not_tried_again(
    booted: Booted, daemon: Unit, break_it: str, mend_it: str, status: str
) -> None:
    daemon.control("stop")
    booted.run(break_it)
    try:
        assert daemon.control("start") != 0
        found = [daemon.shown(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
        assert found == ["failed", status, "0"]
    finally:
        booted.run(mend_it)


def test_a_backfill_beside_the_daemon_takes_what_is_there_and_doubles_nothing(
    prepared: Machine, booted: Booted, sandbox: Sandbox, daemon: Unit
) -> None:
    late = configuration(sandbox, prefix="videos/").replace(
        'start = "all"', 'start = "2099-01-01T00:00:00Z"'
    )
    prepared.write(f"{ETC}/watcher.toml", late)
    daemon.control("restart")
    old = {f"videos/old/{n}.mp4" for n in range(150)}
    sandbox.put(booted, *old)
    scans = len(daemon.events("scan.finished"))
    until("two more scans", lambda: len(daemon.events("scan.finished")) > scans + 1)
    assert not old & registered(booted)
    backfill = Unit(booted, "oss-vod-watcher-backfill@watcher.service")
    backfill.start()
    assert (backfill.shown("Result"), backfill.shown("ExecMainStatus")) == ("success", "0")
    assert_registered(booted, old)
    assert {len(ids) for ids in made(daemon).values()} == {1}
    assert daemon.is_active
    owners = booted.run(f"find {STATE} -printf '%u %m %y\\n' | sort -u").stdout.splitlines()
    assert owners == ["oss-vod-watcher 600 f", "oss-vod-watcher 700 d"]
    prepared.write(f"{ETC}/watcher.toml", configuration(sandbox, prefix="videos/"))


@pytest.mark.parametrize("after", ["the start", "its first event"])
def test_a_stopped_backfill_is_no_failure(booted: Booted, daemon: Unit, after: str) -> None:
    assert daemon.is_active
    backfill = Unit(booted, "oss-vod-watcher-backfill@watcher.service")
    scans = len(backfill.events("scan.started"))
    assert backfill.control("start --no-block") == 0
    if after == "its first event":
        until("it is at work", lambda: len(backfill.events("scan.started")) > scans)
    backfill.control("stop")
    assert (backfill.shown("Result"), backfill.shown("ActiveState")) == ("success", "inactive")


def test_an_instance_has_a_ledger_a_port_and_an_account_of_its_own(
    prepared: Machine, booted: Booted, sandbox: Sandbox, daemon: Unit
) -> None:
    http = '[http]\nlisten = "127.0.0.1:9465"\n\n'
    prepared.write(f"{ETC}/second.toml", http + configuration(sandbox, prefix="second/"))
    account = "".join(
        f"LoadCredential={key}:second-{key}\n" for key in ("access-key-id", "access-key-secret")
    )
    for unit in ("oss-vod-watcher@second", "oss-vod-watcher-backfill@second"):
        prepared.write(
            f"/etc/systemd/system/{unit}.service.d/account.conf", f"[Service]\n{account}"
        )
    give_credentials(prepared, sandbox.access_key_secret, sandbox, prefix="second-")
    give_credentials(
        prepared, "not-the-secret-of-this-one", sandbox
    )  # the common one, which it must not take
    booted.run("systemctl daemon-reload")
    try:
        init_ledger(booted, "second")
        second = Unit(booted, "oss-vod-watcher@second.service")
        second.start()
        sandbox.put(booted, "second/a.mp4")
        assert_registered(booted, {"second/a.mp4"}, config="second")
        backfill = Unit(booted, "oss-vod-watcher-backfill@second.service")
        backfill.start()
        assert backfill.shown("Result") == "success"
        assert "oss_vod_watcher_registered_total" in fetched(booted, "127.0.0.1:9465/metrics")
        assert booted.run(f"stat -c '%U %a' {STATE}/second").stdout == "oss-vod-watcher 700\n"
        assert second.control("stop") == 0
    finally:
        give_credentials(prepared, sandbox.access_key_secret, sandbox)
    assert daemon.is_active
