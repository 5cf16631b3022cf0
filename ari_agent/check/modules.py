"""Tells which modules of Asterisk are missing. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ari_agent.asterisk.modules import NEEDED, WANTED, told_missing
from ari_agent.check.finding import Finding


def missing_modules(running: Collection[str]) -> Finding:
    """Tell which modules are not running. running: names of those that are, such as `chan_rtp.so`."""
    return Finding("modules", problem=told_missing(NEEDED, running), warning=told_missing(WANTED, running))
