"""Steps of the dialplan that Asterisk makes no event of."""

from __future__ import annotations

import json

import pytest

from ari_agent.asterisk import untold_steps
from ari_agent.asterisk.events import parse_event
from ari_agent.asterisk.untold_steps import UntoldSteps

Step = tuple[str, int]
"""Application and priority; its event may be one of a variable, told by a `=` behind the application."""


def observe(steps: UntoldSteps, *events: Step, exten: str = "100", channel_id: str = "c1") -> None:
    for app, priority in events:
        place = {"context": "in", "exten": exten, "priority": priority, "app_name": app.rstrip("=")}
        channel = {"id": channel_id, "name": "n", "state": "Ring", "dialplan": place}
        of_variable = {"type": "ChannelVarset", "variable": "v", "value": "1"}
        event = parse_event(
            json.dumps({**(of_variable if "=" in app else {"type": "ChannelDialplan"}), "channel": channel})
        )
        assert event is not None
        steps.observe(event)


@pytest.mark.parametrize(
    ("events", "untold"),
    [
        ([("=", 1), ("Set", 1), ("Set=", 1), ("Set", 2), ("Stasis", 3)], None),
        ([("=", 1), ("Set", 2), ("Stasis", 3)], 1),
        ([("NoOp", 1), ("Stasis", 3)], 2),
        ([("Set", 1), ("Set=", 1), ("Answer", 3), ("Set", 6), ("Stasis", 7)], 2),
        ([("GotoIf", 1), ("Set", 7), ("Stasis", 8)], None),
        ([("Set", 4), ("Set", 2), ("Stasis", 3)], None),
    ],
    ids=["all told", "the first", "one between", "the first of two counts", "jump", "back"],
)
def test_a_step_that_was_left_out_is_known(events: list[Step], untold: int | None) -> None:
    steps = UntoldSteps()
    observe(steps, *events)
    found = steps.of("c1")
    assert (found.priority if found else None) == untold
    assert steps.of("c2") is None


def test_another_extension_begins_where_it_likes() -> None:
    steps = UntoldSteps()
    observe(steps, ("Set", 1))
    observe(steps, ("Set", 5), exten="200")
    assert steps.of("c1") is None


def test_a_channel_that_is_gone_or_one_of_too_many_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untold_steps, "_MAX_CHANNELS", 2)
    steps = UntoldSteps()
    for channel_id in ("c1", "c2", "c3"):
        observe(steps, ("Set", 1), ("Set", 3), channel_id=channel_id)
    channel = {"id": "c2", "name": "n", "state": "Up"}
    event = parse_event(json.dumps({"type": "ChannelDestroyed", "cause": 16, "channel": channel}))
    assert event is not None
    steps.observe(event)
    assert [bool(steps.of(channel_id)) for channel_id in ("c1", "c2", "c3")] == [False, False, True]
