"""The version of the code that decides what a scan records of a listing."""

from __future__ import annotations

from typing import Final

DECISION_VERSION: Final = 1
"""Raise this when the same listing, under the same rules, would be recorded differently.

Ranges that were remembered under another version are listed and decided again. The recorded
sources are listed in `tests/support/decision_sources.py`, and a test fails when they change.
"""
