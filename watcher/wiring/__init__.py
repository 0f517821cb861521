"""Config -> App: the only place that picks adapters.

app     one command's parts, put together      cloud   clients, credentials, proxies
terms   what the configuration means, as plain values            auditing   an audit's parts
"""

from watcher.wiring.app import App

__all__ = ["App"]
