"""One-shots under a real systemd: the scan, its timer, a backfill beside the daemon."""

from tests.system.machine import Booted, Machine
from tests.system.sandbox import Sandbox
from tests.system.service import (
    SCAN,
    STATE,
    Unit,
    give_credentials,
    registered,
    take_credentials,
    until,
)


def run_scan(booted: Booted) -> tuple[int, int]:
    """Return systemctl's exit status and the program's."""
    scan = Unit(booted, f"{SCAN}.service")
    return scan.control("start"), int(scan.shown("ExecMainStatus"))


def test_a_started_scan_registers_every_object_and_says_so_in_the_journal(
    booted: Booted, sandbox: Sandbox
) -> None:
    sandbox.put(booted, "videos/a.mp4", "videos/中文.mp4")
    scan = Unit(booted, f"{SCAN}.service")
    assert run_scan(booted) == (0, 0), scan.journal()
    assert {"videos/a.mp4", "videos/中文.mp4"} <= registered(booted)
    for event in ("scan.started", "scan.finished", "batch.settled"):
        assert scan.events(event), scan.journal()
    assert (
        sandbox.access_key_secret
        not in booted.run(f"journalctl --no-pager --output=export -u {SCAN}").stdout
    )


def test_all_that_it_writes_is_its_users_alone(booted: Booted, sandbox: Sandbox) -> None:
    assert sandbox.config
    listing = booted.run(f"find {STATE} -printf '%u %m %y\\n' | sort -u").stdout.splitlines()
    assert listing == ["oss-vod-watcher 600 f", "oss-vod-watcher 700 d"]


def test_the_timer_finds_what_comes_later(
    prepared: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    # A minute is what people want, a second is what a test waits.
    soon = "[Timer]\nOnBootSec=1s\nOnUnitInactiveSec=1s\n"
    prepared.write(f"/etc/systemd/system/{SCAN}.timer.d/soon.conf", soon)
    sandbox.put(booted, "videos/later.mp4")
    booted.run(f"systemctl daemon-reload && systemctl start {SCAN}.timer")
    until("the timer registers it", lambda: "videos/later.mp4" in registered(booted))
    booted.run(f"systemctl stop {SCAN}.timer")
    scan = Unit(booted, f"{SCAN}.service")
    until("the last scan has ended", lambda: scan.shown("ActiveState") == "inactive")


def test_a_wrong_secret_makes_the_unit_fail_with_5_and_stays_a_secret(
    prepared: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    wrong = "n0t-the-secret-of-this-key"
    give_credentials(prepared, wrong, sandbox)
    scan = Unit(booted, f"{SCAN}.service")
    assert run_scan(booted) == (1, 5), scan.journal()
    assert scan.events("scan.incomplete")
    assert wrong not in scan.journal()
    give_credentials(prepared, sandbox.access_key_secret, sandbox)
    assert run_scan(booted) == (0, 0)


def test_without_any_credential_file_systemd_starts_the_program_and_the_program_looks_elsewhere(
    prepared: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    take_credentials(booted)
    scan = Unit(booted, f"{SCAN}.service")
    assert run_scan(booted) == (1, 2), (
        scan.journal()
    )  # 243 would be systemd's own, for a credential that it wants
    assert "ECS RAM role" in scan.journal()
    give_credentials(prepared, sandbox.access_key_secret, sandbox)
    assert run_scan(booted) == (0, 0)


def test_a_command_by_hand_can_be_given_the_same_keys(booted: Booted, sandbox: Sandbox) -> None:
    """As docs/operating.md has it."""
    sandbox.put(booted, "videos/by-hand.mp4")
    done = booted.run(
        "systemd-run --pipe --wait --quiet --uid=oss-vod-watcher -p LoadCredential=access-key-id "
        "-p LoadCredential=access-key-secret /usr/local/bin/oss-vod-watcher scan --dry-run"
    )
    assert "would register oss://incoming/videos/by-hand.mp4" in done.stdout


def test_a_drop_in_with_an_encrypted_key_takes_the_place_of_the_common_one(
    prepared: Machine, booted: Booted, sandbox: Sandbox
) -> None:
    give_credentials(prepared, "not-the-secret-of-this-key", sandbox)
    drop_in = f"/etc/systemd/system/{SCAN}.service.d"
    booted.run(
        f"printf %s {sandbox.access_key_secret} | "
        "systemd-creds encrypt --name=access-key-secret - /root/secret.cred && "
        f"mkdir -p {drop_in} && "
        "printf '[Service]\\nLoadCredentialEncrypted=access-key-secret:/root/secret.cred\\n' > "
        f"{drop_in}/key.conf && "
        "systemctl daemon-reload"
    )
    try:
        assert run_scan(booted) == (0, 0)
    finally:
        booted.run(f"rm -r {drop_in} && systemctl daemon-reload")
        give_credentials(prepared, sandbox.access_key_secret, sandbox)
