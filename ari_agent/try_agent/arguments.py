"""The arguments of `ari-agent try-agent`. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from ari_agent.errors import ConfigurationError
from ari_agent.try_agent.options import TrialOptions, TrialProtocol

KEYS = "0123456789*#ABCD"
_LONGEST_PATIENCE_S = 600.0


def add_try_agent(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parsers of all commands, and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "try-agent",
        help="play a call to your agent without Asterisk, and tell what it did, what was wrong and what was heard",
        description="Exit status: 0 nothing was wrong, 1 the agent did something wrong, 2 it could not be reached.",
    )
    parser.add_argument("url", metavar="ws://...", help="the agent's URL, as in its response_engine")
    parser.add_argument("--protocol", choices=get_args(TrialProtocol), default="twilio", help="default: twilio")
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME:VALUE", help="of the handshake; repeat it"
    )
    parser.add_argument(
        "--auth-token", metavar="TOKEN", help="signs the URL as Twilio does; a list of processes shows it"
    )
    parser.add_argument("--subprotocol", action="append", default=[], metavar="NAME", help="offered in the handshake")
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE", help="a dynamic variable")
    parser.add_argument("--encoding", choices=["mulaw", "s16le"], help="of an audio agent; default: the protocol's")
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help="of an audio agent; default: the protocol's")
    parser.add_argument("--key", choices=list(KEYS), default="1", metavar="KEY", help="the key to press; default: 1")
    parser.add_argument("--patience", type=float, default=10.0, metavar="S", help="for an answer; default: 10")
    parser.add_argument("--wav", type=Path, metavar="FILE", help="where to keep what the caller heard")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def trial_options(given: argparse.Namespace) -> TrialOptions:
    """Return the options that the arguments stand for. Raises: ConfigurationError."""
    if not 0 < given.patience <= _LONGEST_PATIENCE_S:  # also refuses what is no number
        raise ConfigurationError(
            f"--patience must be a number of seconds above 0, up to {_LONGEST_PATIENCE_S:g}, not {given.patience:g}"
        )
    return TrialOptions(
        url=given.url,
        protocol=given.protocol,
        headers=_pairs(given.header, ":", "--header"),
        auth_token=given.auth_token,
        subprotocols=tuple(given.subprotocol),
        variables=_pairs(given.variable, "=", "--variable"),
        encoding=given.encoding,
        rate_hz=given.sample_rate,
        key=given.key,
        patience_s=given.patience,
    )


def _pairs(given: Sequence[str], separator: str, option: str) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, found, value = text.partition(separator)
        if not found or not name.strip():
            raise ConfigurationError(f"{option} must be NAME{separator}VALUE, not {text[:80]!r}")
        pairs[name.strip()] = value.strip() if separator == ":" else value
    return pairs
