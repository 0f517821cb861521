"""Registers every new object of an OSS bucket with ApsaraVideo VOD, exactly once.

model, errors, ports    the nouns, the errors, and the promises of the adapters
rules/                  pure decisions: selection, metadata, batches, backoff, schedules
config/, credentials/   the TOML file as frozen values; the chain of credentials
oss/, vod/, ledger/     one adapter for each technology; no adapter knows another
discovery/              bucket -> ledger
registration/           ledger -> VOD -> ledger
operations/             one file for each thing that an operator runs
daemon/                 `run`: workers, schedules, reload, stop
observe/                logs, metrics, the status page
wiring/, cli/           pick the adapters; parse, call, print, exit
sandbox/                a local OSS and VOD for the demo and the tests
"""

__version__ = "0.1.0"
