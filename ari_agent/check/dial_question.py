"""What `ari-agent check --dial` is asked: its arguments. Pure."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Question:
    """What `--dial` asks: to: as it would be dialled. from_number, agent_id: by whom; None: any number, no agent."""

    to: str
    from_number: str | None = None
    agent_id: str | None = None

    @classmethod
    def of(cls, given: argparse.Namespace) -> Self:
        """Return what the arguments of the command line ask; they name whom to dial."""
        return cls(given.dial, given.from_number, given.agent)


def add_dial(parser: argparse.ArgumentParser) -> None:
    """Add the options of `check` that ask who may be dialled."""
    parser.add_argument("--dial", metavar="TO", help="say whether TO may be dialled, and why not, and no more")
    parser.add_argument("--from", dest="from_number", metavar="NUMBER", help="with --dial: from this number alone")
    parser.add_argument("--agent", metavar="ID", help="with --dial: by this agent")
