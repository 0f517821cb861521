"""The status page and the metrics over HTTP: read-only, with local assets only.

server   listens, and answers in its own threads
app      routes, allowed hosts, response headers
pages    values -> HTML, with `templates/`
charts   samples -> SVG
formats  values -> text for the page
view     the data that the page needs
advice   failures, their cures, and the next step of an entry
"""

from watcher.observe.health import Health
from watcher.observe.web.server import WebServer
from watcher.observe.web.view import View

__all__ = ["Health", "View", "WebServer"]
