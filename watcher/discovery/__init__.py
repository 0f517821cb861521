"""From a bucket into the ledger: list, select, record."""
