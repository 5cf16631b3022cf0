from __future__ import annotations

import pytest

from ari_agent.calls.teardown import Teardown
from ari_agent.contract.disconnection import DisconnectionReason as Reason


@pytest.mark.parametrize(
    ("teardown", "q850_cause"),
    [
        (Teardown(Reason.ERROR_RETELL, continues_in_dialplan=True), 41),
        (Teardown(Reason.AGENT_HANGUP, 16, continues_in_dialplan=True), 16),
        (Teardown(Reason.USER_HANGUP), None),
        (Teardown(None, continues_in_dialplan=True), None),
    ],
)
def test_a_call_that_we_have_placed_is_hung_up_where_another_would_go_on_in_the_dialplan(
    teardown: Teardown, q850_cause: int | None
) -> None:
    ended = teardown.without_dialplan(answered=True)
    assert ended.q850_cause == q850_cause
    assert ended.continues_in_dialplan is (teardown.continues_in_dialplan and teardown.reason is None)
