"""The state of trunks over the API."""

from __future__ import annotations

from collections.abc import Sequence

from ari_agent.contract.trunk_status import TrunkDestinationStatus, TrunkStatus
from tests.api.conftest import StartApi

STATUS = TrunkStatus(
    phone_number="+14155550100",
    state="reachable",
    registration="registered",
    destinations=(TrunkDestinationStatus(uri="sip:sip.example.com", endpoint="t", state="reachable"),),
    checked_at=0,
)


class OneTrunk:
    """What knows of one trunk."""

    async def status(self, phone_number: str, *, now_ms: int) -> TrunkStatus | None:
        known = phone_number == STATUS.phone_number
        return STATUS.model_copy(update={"checked_at": now_ms}) if known else None

    async def statuses(self, *, now_ms: int) -> Sequence[TrunkStatus]:
        return [STATUS.model_copy(update={"checked_at": now_ms})]


async def test_a_trunk_is_told_with_the_time_and_one_that_is_not_there_is_named(start_api: StartApi) -> None:
    api = await start_api(trunks=OneTrunk())
    one = await (await api.get("/get-trunk/+14155550100")).json()
    assert one["registration"] == "registered"
    assert one["checked_at"] > 0
    assert [trunk["phone_number"] for trunk in await (await api.get("/list-trunks")).json()] == ["+14155550100"]
    for unknown in ("+14155550101", "%20"):
        answer = await api.get(f"/get-trunk/{unknown}")
        assert answer.status == 422
        assert "not found" in (await answer.json())["message"]


async def test_without_an_asterisk_there_is_no_trunk(start_api: StartApi) -> None:
    api = await start_api()
    assert await (await api.get("/list-trunks")).json() == []
    assert (await api.get("/get-trunk/+14155550100")).status == 422
