"""Config -> App, and `watcher.Vod`: the only package that picks adapters.

resolved    the configuration as plain values     clients     clients, credentials, proxies
factory     scans and registration workers        ownership   the ledger's owner over SQLite
app         the parts of one command              audit, key_list, inventory   for these alone
library     the seven operations of VOD for other programs
"""
