"""Tells which modules of Asterisk are missing. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ari_agent.asterisk.modules import NEEDED, WANTED, missing
from ari_agent.check.finding import Finding, failed, ok, warning


def missing_modules(running: Collection[str], in_use: Collection[str]) -> list[Finding]:
    """Tell which modules are not running. running: names of those that are, such as `chan_rtp.so`.

    in_use: the features without which some calls fail, as `asterisk.modules.WANTED` calls them. What is missing for
    another feature is a warning.
    """
    needed = {**NEEDED, **{name: use for name, use in WANTED.items() if use in in_use}}
    wanted = {name: use for name, use in WANTED.items() if name not in needed}
    found: list[Finding] = []
    if absent := missing(needed, running):
        found += failed(*absent)
    if absent := missing(wanted, running):
        found += warning(*absent)
    return found or ok("all that calls, and the features in use, need are loaded")
