from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from ari_agent.api.dependencies import Sample
from ari_agent.calls.state import CallState
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.store import Store
from tests.api.conftest import Api, Board, OneCall, StartApi
from tests.api.test_calls import a_call


async def scraped(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = await api.get("/metrics")
    assert response.status == 200
    assert response.content_type == "text/plain"
    families = text_string_to_metric_families(await response.text())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


async def test_live_calls_and_waiting_webhooks_are_counted_at_the_scrape(api: Api, board: Board, store: Store) -> None:
    board.calls += [OneCall("call_1"), OneCall("call_2"), OneCall("call_3", state=CallState.TRANSFERRING)]
    event = WebhookEvent("call_1", WebhookEventName.CALL_ENDED, "http://127.0.0.1:1/", b"{}")
    await store.calls.save(a_call(1), [event])
    found = await scraped(api)
    assert found["ari_agent_calls_live", (("direction", "inbound"), ("state", "talking"))] == 2
    assert found["ari_agent_calls_live", (("direction", "inbound"), ("state", "transferring"))] == 1
    assert found["ari_agent_webhooks_pending", ()] == 1
    assert found["ari_agent_webhooks_dead", ()] == 0
    board.calls.clear()
    assert ("ari_agent_calls_live", (("direction", "inbound"), ("state", "transferring"))) not in await scraped(api)


async def test_answers_are_counted_by_path_pattern_and_status(api: Api) -> None:
    for agent_id in ("agent_1", "agent_2"):
        await api.get(f"/get-agent/{agent_id}")
    await api.get("/nowhere")
    found = await scraped(api)
    labels = (("method", "GET"), ("path", "/get-agent/{agent_id}"), ("status", "422"))
    assert found["ari_agent_api_requests_total", labels] == 2
    assert found["ari_agent_api_requests_total", (("method", ""), ("path", "unknown"), ("status", "404"))] == 1


async def test_other_sources_are_asked_and_one_that_fails_hides_no_other(start_api: StartApi) -> None:
    async def waiting() -> Iterable[Sample]:
        return [Sample("rtp_lost_total", "Packets.", 7, "counter", {"leg": "caller"})]

    def broken() -> Iterable[Sample]:
        raise RuntimeError("boom")

    heard = Histogram("heard", "Seconds.", registry=None, buckets=(1, 2))
    heard.observe(1.5)
    api = await start_api(metrics=[waiting, broken, heard.collect])
    found = await scraped(api)
    assert (found["heard_bucket", (("le", "1.0"),)], found["heard_bucket", (("le", "2.0"),)]) == (0, 1)
    assert found["ari_agent_rtp_lost_total", (("leg", "caller"),)] == 7
    assert found["ari_agent_metrics_sources_failed", ()] == 1


async def test_two_applications_share_no_counter(start_api: StartApi) -> None:
    first, second = await start_api(), await start_api()
    await first.get("/nowhere")
    assert not [key for key in await scraped(second) if key[0] == "ari_agent_api_requests_total"]
