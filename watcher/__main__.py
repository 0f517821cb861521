"""`python -m watcher`, and `oss-vod-watcher`."""

import os
import signal


def main() -> None:
    """Run one command and exit with its status; an interrupt while the program still loads ends it without a word."""
    _fill_streams()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them reads every package that there is
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from watcher import cli  # noqa: PLC0415 (it takes a moment)

    signal.signal(signal.SIGINT, before)
    cli.main()


def _fill_streams() -> None:
    """Open /dev/null for each standard stream that is closed: else the ledger would get its number.

    stdin cannot be read and the others can be written to, whatever is written.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_WRONLY), True)  # noqa: FBT003 (os has it so)


if __name__ == "__main__":
    main()
