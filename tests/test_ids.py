from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ari_agent.calls.registrar import is_call_id
from ari_agent.ids import new_batch_id, new_call_id, new_chat_id, new_message_id


@pytest.mark.parametrize(
    ("new_id", "shape"),
    [
        (new_call_id, "call_[0-9a-f]{32}"),
        (new_batch_id, "batch_call_[0-9a-f]{32}"),
        (new_chat_id, "chat_[0-9a-f]{32}"),
        (new_message_id, "message_[0-9a-f]{24}"),
    ],
)
def test_ids_are_random_and_say_what_they_are_of(new_id: Callable[[], str], shape: str) -> None:
    made = {new_id() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(shape, one) for one in made)


def test_a_call_can_be_dialled_by_its_id() -> None:
    assert is_call_id(new_call_id())
