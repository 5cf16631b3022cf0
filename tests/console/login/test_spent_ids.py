"""What was used up stays so until it would be over anyway."""

from __future__ import annotations

from ari_agent.console.login.spent_ids import SpentIds


def test_an_id_is_good_once() -> None:
    ids = SpentIds()
    assert [ids.spend("a", until_s=10, now_s=1) for _ in range(2)] == [True, False]
    assert (ids.is_spent("a"), ids.is_spent("b")) == (True, False)


def test_what_is_over_is_not_kept() -> None:
    ids = SpentIds()
    ids.spend("a", until_s=10, now_s=1)
    ids.spend("b", until_s=20, now_s=10)
    assert (ids.is_spent("a"), ids.is_spent("b")) == (True, True)
    ids.spend("c", until_s=20, now_s=11)
    assert (ids.is_spent("a"), ids.is_spent("b")) == (False, True)
