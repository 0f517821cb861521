"""`python -m watcher`, and `oss-vod-watcher`."""

import gc
import os
import signal
from typing import Final

# The modules of a start stay: looking for cycles there takes a tenth of its time in vain.
_FEW_COLLECTIONS: Final = (20_000, 20, 20)


def main() -> None:
    """Run one command and exit with its status.

    An interrupt while the program still loads ends it silently.
    """
    _fill_streams()
    gc.set_threshold(*_FEW_COLLECTIONS)
    # The search for plugins reads every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from watcher import cli  # noqa: PLC0415 (it takes a moment)

    signal.signal(signal.SIGINT, before)
    cli.main()


def _fill_streams() -> None:
    """Open /dev/null for each closed standard stream. Otherwise the ledger would get its number.

    Reading stdin then fails, and writing to the others succeeds.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_WRONLY), True)  # noqa: FBT003 (os has it so)


if __name__ == "__main__":
    main()
