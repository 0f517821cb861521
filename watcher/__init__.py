"""Registers every new object of an OSS bucket with ApsaraVideo VOD, exactly once.

model, errors, ports    the nouns, the errors, and the promises of the adapters
rules/                  pure decisions: selection, metadata, batches, backoff, schedules
config/, credentials/   the TOML file as frozen values; the chain of credentials
oss/, vod/, ledger/     one adapter for each technology; no adapter knows another
discovery/              bucket -> ledger
registration/           ledger -> VOD -> ledger
uploads/                the seven operations of VOD for other programs: `from watcher import Vod`
operations/             one file for each thing that an operator runs
daemon/                 `run`: workers, schedules, reload, stop
observe/                logs, metrics, the status page
wiring/, cli/           pick the adapters; parse, call, print, exit
sandbox/                a local OSS and VOD for the demo and the tests
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Credentials", "Vod", "__version__"]

if TYPE_CHECKING:
    from watcher.ports import Credentials
    from watcher.wiring.library import Vod
else:  # a type checker would take any name of a module with this function for an existing one

    def __getattr__(name: str) -> object:
        """Import the library once it is named: nothing else here needs it."""
        module = {"Credentials": "watcher.ports", "Vod": "watcher.wiring.library"}.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module), name)
