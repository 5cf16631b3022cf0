"""How each part and trunk is: the worst first, and none keeps the page waiting."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.console.dependencies import HealthSources
from ari_agent.console.now.health import Health, PartHealth, overview_of
from ari_agent.contract.trunk_status import TrunkStatus
from tests.console.conftest import NOW_MS


def a_trunk(number: int, state: str = "reachable", registration: str = "none") -> TrunkStatus:
    known = {"phone_number": f"+1415555{number:04}", "state": state, "registration": registration}
    return TrunkStatus.model_validate({**known, "destinations": [], "checked_at": NOW_MS})


def test_the_worst_trunks_come_first_and_all_are_counted() -> None:
    assert overview_of([]) is None
    trunks = [a_trunk(number) for number in range(30)]
    trunks[7] = a_trunk(7, "unknown")
    trunks[19] = a_trunk(19, registration="trying")
    trunks[23] = a_trunk(23, "unreachable")
    trunks[29] = a_trunk(29, registration="rejected")
    overview = overview_of(trunks)
    assert overview
    assert [trunk.phone_number[-2:] for trunk in overview.shown[:5]] == ["23", "29", "19", "07", "00"]
    assert (len(overview.shown), overview.more) == (20, 10)
    assert overview.counts == {"reachable": 28, "unknown": 1, "unreachable": 1}


async def test_a_part_that_fails_or_does_not_answer_keeps_none_back(caplog: pytest.LogCaptureFixture) -> None:
    hangs = asyncio.Event()

    async def good() -> None:
        return None

    async def bad() -> str:
        return "not connected"

    async def slow() -> None:
        await hangs.wait()

    async def broken() -> None:
        raise ValueError("a secret of the part")

    probes = {"good": good, "bad": bad, "slow": slow, "broken": broken}
    health = Health(HealthSources(probes=probes, about={"good": lambda: "22.2.0"}), now_ms=lambda: NOW_MS)
    assert not any(part.is_known for part in await health.parts())
    parts = await health.parts(wait_s=0.05)
    while sum(part.is_known for part in parts) < 3:
        parts = await health.parts(wait_s=0.05)
    assert parts == [
        PartHealth("good", None, "22.2.0"),
        PartHealth("bad", "not connected", ""),
        PartHealth("slow", None, "", is_known=False),
        PartHealth("broken", "cannot be asked; the controller's log says why", ""),
    ]
    assert "a secret of the part" in caplog.text
    assert await health.trunks(wait_s=30) is None
    await health.close()


async def test_a_part_that_takes_too_long_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_agent.console.now.health._WITHIN_S", 0.01)

    async def hangs() -> None:
        await asyncio.Event().wait()

    health = Health(HealthSources(probes={"slow": hangs}), now_ms=lambda: NOW_MS)
    assert (await health.parts(wait_s=30))[0].problem == "did not answer within 0.01 s"
    await health.close()
