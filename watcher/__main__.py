"""`python -m watcher`, and `oss-vod-watcher`."""

import signal


def main() -> None:
    """Run one command and exit with its status; an interrupt while the program still loads ends it without a word."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from watcher import cli  # noqa: PLC0415 (it takes a moment)

    signal.signal(signal.SIGINT, before)
    cli.main()


if __name__ == "__main__":
    main()
