"""The arguments of `ari-agent try-agent`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pytest

from ari_agent.errors import ConfigurationError
from ari_agent.try_agent.arguments import add_try_agent, trial_options
from ari_agent.try_agent.options import TrialOptions


def options(*arguments: str) -> TrialOptions:
    parser = argparse.ArgumentParser()
    add_try_agent(parser.add_subparsers())
    return trial_options(parser.parse_args(["try-agent", *arguments]))


def test_a_url_is_enough() -> None:
    assert options("ws://host") == TrialOptions("ws://host")


def test_everything_can_be_given() -> None:
    given = options(
        *("wss://host/a", "--protocol", "web", "--header", "Authorization: Bearer a:b", "--header", "X-A:"),
        *("--auth-token", "t", "--subprotocol", "s", "--variable", "name=a=b ", "--encoding", "mulaw"),
        *("--sample-rate", "8000", "--key", "#", "--patience", "2.5"),
    )
    assert given == TrialOptions(
        "wss://host/a",
        "web",
        headers={"Authorization": "Bearer a:b", "X-A": ""},
        auth_token="t",
        subprotocols=("s",),
        variables={"name": "a=b "},
        encoding="mulaw",
        rate_hz=8000,
        key="#",
        patience_s=2.5,
    )


@pytest.mark.parametrize("patience", ["-1", "0", "nan", "inf", "601"])
def test_patience_is_seconds_that_a_caller_can_wait(patience: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--patience must be .* above 0, up to 600, not {patience}"):
        options("ws://host", "--patience", patience)


@pytest.mark.parametrize("arguments", [("--header", "none"), ("--header", ":x"), ("--variable", "=x")])
def test_a_pair_needs_a_name_and_a_separator(arguments: Sequence[str]) -> None:
    with pytest.raises(ConfigurationError, match=f"{arguments[0]} must be NAME"):
        options("ws://host", *arguments)
