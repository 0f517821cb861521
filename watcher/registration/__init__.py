"""From the ledger to VOD and back: claim, call, settle."""
