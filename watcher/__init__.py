"""Registers every new object of an OSS bucket with ApsaraVideo VOD, exactly once.

model, errors, ports     the nouns (reports: those people see), what can go wrong, what the outside promises
rules/                   pure decisions: which object, which metadata, which batch, how long to wait
config, schedule         the TOML file as frozen values; what a schedule says
oss/  vod/  ledger/      one adapter per technology; no adapter knows another
scan (listing, sieve)    use case: source -> ledger; records: what it asks of the ledger
backfill                 use case: all that ever matched, or a part of it (keylist, or an inventory)
register (calling)       use case: ledger -> registrar -> ledger; breaker: whether calls make sense
turn, rehearse, audit    use cases: both at once; for show; a full listing held against the ledger
daemon                   `run`: lock, ready, reload, drain (timetable, arrivals, pulse); observe/ tells how it is
wiring/, cli/            Config -> App, or what a daemon serves; parse, call, print, exit status
sandbox/                 a local OSS and VOD, for the demo, rehearsals and tests
"""

__version__ = "0.1.0"
