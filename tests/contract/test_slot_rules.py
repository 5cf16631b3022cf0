from __future__ import annotations

import pytest

from ari_agent.contract.slot_rules import SlotAnswer, SlotAsk, SlotKind, SlotUsage, require_room_for_others
from ari_agent.errors import ConcurrencyLimitReached

CALLER = SlotAsk("call", SlotKind.INBOUND)
OUTBOUND = SlotAsk("call", SlotKind.OUTBOUND)
OF_BATCH = SlotAsk("call", SlotKind.BATCH, batch_reserve=2)


@pytest.mark.parametrize(
    ("ask", "usage", "answer"),
    [
        (CALLER, SlotUsage(4), SlotAnswer.HELD),
        (CALLER, SlotUsage(5), SlotAnswer.WAITS),
        (CALLER, SlotUsage(3, waiting=2), SlotAnswer.WAITS),
        (OUTBOUND, SlotUsage(4, 3), SlotAnswer.HELD),
        (OUTBOUND, SlotUsage(4, 4), "4 of 4"),
        (OUTBOUND, SlotUsage(3, waiting=2), "5 of 5"),
        (OUTBOUND, SlotUsage(3, waiting=9), "5 of 5"),
        (OUTBOUND, SlotUsage(7), "7 of 5"),
        (OUTBOUND, SlotUsage(3, 3, 3), SlotAnswer.HELD),
        (OF_BATCH, SlotUsage(3, 3, 2), SlotAnswer.HELD),
        (OF_BATCH, SlotUsage(3, 3, 3), "3 of 3"),
    ],
)
def test_who_gets_a_slot_of_five_of_which_one_is_reserved(
    ask: SlotAsk, usage: SlotUsage, answer: SlotAnswer | str
) -> None:
    given = ask.answer(usage, limit=5, reserved_inbound=1)
    if isinstance(given, ConcurrencyLimitReached):
        assert isinstance(answer, str)
        assert str(given).startswith(answer)
    else:
        assert given is answer


def test_each_kind_of_slot_counts_for_what_it_is() -> None:
    usage = SlotUsage()
    for kind in SlotKind:
        usage = usage.with_held(kind)
    assert usage.with_waiting() == SlotUsage(in_use=3, outbound=2, batch=1, waiting=1)
    assert usage.with_held(SlotKind.BATCH, -1) == SlotUsage(in_use=2, outbound=1)


@pytest.mark.parametrize("reserved", [-1, 5])
def test_a_reservation_leaves_room(reserved: int) -> None:
    with pytest.raises(ValueError, match="must be 0 to 4"):
        require_room_for_others(5, reserved)
