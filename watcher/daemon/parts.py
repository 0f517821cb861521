"""The parts that a daemon keeps from its start to its end, over every reload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watcher.clock import SystemClock
    from watcher.config import Config
    from watcher.daemon.health_monitor import HealthMonitor
    from watcher.daemon.sd_notify import ServiceManager
    from watcher.ledger.sqlite import Ledger, ProcessLock
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics


@dataclass(slots=True)
class ConfigInForce:
    """The configuration that is in force; a reload replaces it."""

    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonParts:
    """The parts that a daemon works with from its start to its end."""

    ledger: Ledger
    lock: ProcessLock
    clock: SystemClock
    manager: ServiceManager
    monitor: HealthMonitor
    metrics: Metrics
    history: History
    listen: str  # the address of the status page; "" = none
