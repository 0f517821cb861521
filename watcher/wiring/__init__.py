"""Config -> App: the only package that picks adapters.

resolved    the configuration as plain values     clients     clients, credentials, proxies
factory     scans and registration workers        ownership   the ledger's owner over SQLite
app         the parts of one command              audit, key_list, inventory   for these alone
"""

from watcher.wiring.app import App

__all__ = ["App"]
