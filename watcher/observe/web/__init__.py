"""The status page and the figures over HTTP: read-only, from local assets only.

server   listens, in threads of its own        app      who may ask for what, and what every answer carries
pages    values -> HTML, with `templates/`     charts   samples -> SVG
view     what is asked of whoever knows        wording  failures, cures, and what happens next
"""

from watcher.observe.health import Health
from watcher.observe.web.server import WebServer
from watcher.observe.web.view import View

__all__ = ["Health", "View", "WebServer"]
