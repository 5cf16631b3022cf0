"""Keys that make an entry."""

from __future__ import annotations

import pytest

from ari_agent.calls.dialogue.keypad import LONG_PAUSE_MS, USUAL_PAUSE_MS, Keypad
from ari_agent.contract.agent_options import UserDtmfOptions


@pytest.mark.parametrize(
    ("options", "keys", "entries"),
    [
        ({"digit_limit": 3}, "12345", ["123"]),
        ({"termination_key": "#"}, "12#3#", ["12", "3"]),
        ({"termination_key": "#"}, "#", ["#"]),
        ({"digit_limit": 2, "termination_key": "*"}, "1*234", ["1", "23"]),
        ({"timeout_ms": 2000}, "1" * 51, ["1" * 50]),
    ],
)
def test_what_ends_an_entry(options: dict[str, object], keys: str, entries: list[str]) -> None:
    keypad = Keypad(UserDtmfOptions.model_validate(options))
    assert [entry for entry in (keypad.press(key, 0.0) for key in keys) if entry] == entries


@pytest.mark.parametrize(
    ("options", "pause_ms"),
    [
        (None, USUAL_PAUSE_MS),
        (UserDtmfOptions(), USUAL_PAUSE_MS),
        (UserDtmfOptions(timeout_ms=3000), 3000),
        (UserDtmfOptions(digit_limit=10), LONG_PAUSE_MS),
        (UserDtmfOptions(digit_limit=10, timeout_ms=1500), 1500),
    ],
)
def test_a_pause_ends_an_entry(options: UserDtmfOptions | None, pause_ms: int) -> None:
    keypad = Keypad(options)
    keypad.press("4", 100.0)
    keypad.press("2", 200.0)
    assert keypad.due_ms == 200.0 + pause_ms
    assert keypad.tick(199.0 + pause_ms) is None
    assert keypad.tick(200.0 + pause_ms) == "42"
    assert keypad.tick(10_000_000.0) is None
    assert keypad.due_ms is None
