"""Config -> App: the only place that picks adapters.

app       one command's parts, put together           serving   a daemon's, with noting and viewing: what it tells
parts     a scan and what registers, for either       owning    what the owner of the lock does first
terms     what the configuration means, as plain      cloud     clients, credentials, proxies
          values                                      auditing, backfilling, inventories   what only those need
"""

from watcher.wiring.app import App

__all__ = ["App"]
