"""The local VOD: calls, signatures and registered media."""
