"""What was used up stays so until it would be over anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from ari_agent.console.login.shared_spent_ids import SharedSpentIds
from ari_agent.spent_ids import SpentIds


@pytest.fixture(params=["memory", "folder"])
def ids(request: pytest.FixtureRequest, tmp_path: Path) -> SpentIds:
    return SpentIds() if request.param == "memory" else SharedSpentIds(tmp_path / "logins" / "codes")


def test_what_one_process_has_used_up_is_no_good_at_the_other(tmp_path: Path) -> None:
    one, other = SharedSpentIds(tmp_path), SharedSpentIds(tmp_path)
    assert one.spend("../a", until_s=10, now_s=1)
    assert other.is_spent("../a")
    assert not other.spend("../a", until_s=10, now_s=1)
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_an_id_is_good_once(ids: SpentIds) -> None:
    assert [ids.spend("a", until_s=10, now_s=1) for _ in range(2)] == [True, False]
    assert (ids.is_spent("a"), ids.is_spent("b")) == (True, False)


def test_what_is_over_is_not_kept(ids: SpentIds) -> None:
    ids.spend("a", until_s=10, now_s=1)
    ids.spend("b", until_s=20, now_s=10)
    assert (ids.is_spent("a"), ids.is_spent("b")) == (True, True)
    ids.spend("c", until_s=20, now_s=12)
    assert (ids.is_spent("a"), ids.is_spent("b")) == (False, True)
