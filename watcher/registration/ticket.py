"""The leave to make one call, handed along from its admission to its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Admission(Enum):
    """The kind of call that is admitted."""

    CALL = "call"
    PROBE = "probe"  # one call
    PROBE_ALONE = "probe alone"  # one call that carries one entry


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTicket:
    """Leave to make one call for a bucket, unless a breaker opens before the call goes out."""

    bucket: str
    admission: Admission
    admitted_at: float  # monotonic

    @property
    def is_probe(self) -> bool:
        """Whether the call probes an open breaker."""
        return self.admission is not Admission.CALL

    @property
    def is_alone(self) -> bool:
        """Whether the call carries one entry only."""
        return self.admission is Admission.PROBE_ALONE
