"""The ledger: the port that use cases call, and the adapters behind it."""
