from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from ari_agent.store.store import Store
from tests.api.conftest import NOW_MS, Api, Json, make_agent, refused

NUMBER = "+14157774444"
TRUNK = {"termination_uri": "mytrunk.pstn.twilio.com"}


async def import_number(api: Api, phone_number: str = NUMBER, **settings: Any) -> Json:
    response = await api.post("/import-phone-number", json={"phone_number": phone_number, **TRUNK, **settings})
    body: Json = await response.json()
    assert response.status == 201, body
    return body


async def test_a_number_is_imported_with_its_trunk_but_never_shows_the_password(api: Api, store: Store) -> None:
    agent = await make_agent(api)
    imported = await import_number(
        api,
        sip_trunk_auth_username="ada",
        sip_trunk_auth_password="correct horse",
        transport="TLS",
        codecs=["PCMU"],
        inbound_agents=[{"agent_id": agent["agent_id"], "weight": 1}],
    )
    assert imported == {
        "phone_number": NUMBER,
        "phone_number_pretty": "+1 (415) 777-4444",
        "phone_number_type": "custom",
        "area_code": 415,
        "inbound_agents": [{"agent_id": agent["agent_id"], "weight": 1.0}],
        "sip_outbound_trunk_config": {
            "termination_uri": "mytrunk.pstn.twilio.com",
            "auth_username": "ada",
            "transport": "TLS",
            "codecs": ["PCMU"],
        },
        "last_modification_timestamp": NOW_MS,
    }
    kept = await store.phone_numbers.get(NUMBER)
    assert kept is not None
    assert kept.sip_outbound_trunk_config is not None
    assert kept.sip_outbound_trunk_config.auth_password == "correct horse"
    assert "correct horse" not in repr(kept)


@pytest.mark.parametrize("in_path", ["+14157774444", "%2B14157774444"])
async def test_the_plus_of_a_number_may_stand_in_the_path(api: Api, in_path: str) -> None:

    imported = await import_number(api)
    read = await api.session.get(URL(f"{api.make_url('/')}get-phone-number/{in_path}", encoded=True))
    assert (read.status, await read.json()) == (200, imported)


async def test_a_number_is_changed_and_deleted(api: Api, store: Store) -> None:
    await import_number(api, sip_trunk_auth_password="old", nickname="Office", inbound_webhook_url="https://x.example")
    changes = {
        "nickname": None,
        "inbound_webhook_url": None,
        "fallback_number": "+14157775555",
        "termination_uri": "sip.example.com:5061",
        "auth_password": "new",
        "allowed_inbound_country_list": ["US", "CA"],
    }
    changed = await (await api.patch(f"/update-phone-number/{NUMBER}", json=changes)).json()
    assert changed["sip_outbound_trunk_config"]["termination_uri"] == "sip.example.com:5061"
    assert changed["fallback_number"] == "+14157775555"
    assert changed["allowed_inbound_country_list"] == ["US", "CA"]
    assert "nickname" not in changed
    assert "inbound_webhook_url" not in changed
    assert await (await api.get(f"/get-phone-number/{NUMBER}")).json() == changed
    kept = await store.phone_numbers.get(NUMBER)
    assert kept is not None
    assert kept.sip_outbound_trunk_config is not None
    assert kept.sip_outbound_trunk_config.auth_password == "new"

    assert (await api.delete(f"/delete-phone-number/{NUMBER}")).status == 204
    await refused(await api.get(f"/get-phone-number/{NUMBER}"), 422)


async def test_the_same_number_is_imported_once(api: Api) -> None:
    await import_number(api)
    again = await api.post("/import-phone-number", json={"phone_number": NUMBER, **TRUNK})
    assert f"{NUMBER} exists already" in await refused(again, 400)


async def test_a_number_inside_the_pbx_needs_no_e164(api: Api) -> None:
    assert (await import_number(api, "reception"))["phone_number_pretty"] == "reception"
    assert (await api.get("/get-phone-number/reception")).status == 200


async def test_older_clients_bind_one_agent(api: Api) -> None:
    agent = await make_agent(api)
    imported = await import_number(api, inbound_agent_id=agent["agent_id"], inbound_agent_version=0)
    assert imported["inbound_agents"] == [{"agent_id": agent["agent_id"], "agent_version": 0, "weight": 1.0}]
    changed = await api.patch(f"/update-phone-number/{NUMBER}", json={"inbound_agent_id": None})
    assert "inbound_agents" not in await changed.json()


@pytest.mark.parametrize("version", [7, "prod"])
async def test_a_binding_to_an_agent_that_is_not_there_is_refused(api: Api, version: Any) -> None:
    agent = await make_agent(api)
    for bound in ({"agent_id": "agent_gone"}, {"agent_id": agent["agent_id"], "agent_version": version}):
        body = {"phone_number": NUMBER, **TRUNK, "outbound_agents": [{**bound, "weight": 1}]}
        assert bound["agent_id"] in await refused(await api.post("/import-phone-number", json=body), 422)
    await refused(await api.get(f"/get-phone-number/{NUMBER}"), 422)


async def test_a_fallback_may_not_be_the_number_itself_nor_fall_back_itself(api: Api) -> None:
    await import_number(api)
    await import_number(api, "+14157775555")
    own = await api.patch(f"/update-phone-number/{NUMBER}", json={"fallback_number": NUMBER})
    assert "must be another number" in await refused(own, 400)
    await api.patch("/update-phone-number/+14157775555", json={"fallback_number": "+14157776666"})
    chain = await api.patch(f"/update-phone-number/{NUMBER}", json={"fallback_number": "+14157775555"})
    assert "has a fallback of its own" in await refused(chain, 400)


WRONG: list[tuple[Json, str]] = [
    ({"termination_uri": None}, "termination_uri: must be a string"),
    ({"termination_uri": "two words"}, "termination_uri: must be host"),
    ({"phone_number": "415-777-4444", "ignore_e164_validation": False}, "did you mean +14157774444?"),
    ({"phone_number": "a b"}, "phone_number: must be a number"),
    ({"ignore_e164_validation": "true"}, "ignore_e164_validation: must be true or false"),
    ({"transport": "SCTP"}, "transport: must be 'TLS', 'TCP' or 'UDP'"),
    ({"inbound_agents": [{"agent_id": "a"}]}, "inbound_agents[0].weight: required"),
    ({"inbound_agents": [{"agent_id": "a", "weight": 0}]}, "inbound_agents[0].weight: must be greater than 0, not 0"),
    ({"inbound_agents": [{"agent_id": "a", "weight": 0.5}]}, "weights must add up to 1, not 0.5"),
    ({"allowed_outbound_country_list": ["UK"]}, "allowed_outbound_country_list[0]: must be an ISO 3166-1"),
]


@pytest.mark.parametrize(("settings", "complaint"), WRONG)
async def test_a_wrong_number_is_refused_with_the_fields_name(api: Api, settings: Json, complaint: str) -> None:
    response = await api.post("/import-phone-number", json={"phone_number": NUMBER, **TRUNK, **settings})
    assert complaint in await refused(response, 400)


async def test_a_number_that_reaches_the_pbx_already_is_created_without_a_trunk(api: Api) -> None:
    created = await api.post("/create-phone-number", json={"phone_number": NUMBER})
    assert created.status == 201
    assert (await created.json())["sip_outbound_trunk_config"] == {"transport": "TCP"}
    assert "phone_number: required" in await refused(
        await api.post("/create-phone-number", json={"area_code": 415}), 400
    )


async def test_numbers_are_listed_whole_and_in_pages(api: Api) -> None:
    numbers = sorted([f"+1415777444{digit}" for digit in range(5)] + ["1000"])
    for number in numbers:
        await import_number(api, number)
    whole = await (await api.get("/list-phone-numbers")).json()
    assert [number["phone_number"] for number in whole] == numbers

    for order, expected in (("ascending", numbers), ("descending", numbers[::-1])):
        seen: list[str] = []
        query: Json = {"limit": 1, "sort_order": order}
        while True:
            page = await (await api.get("/v2/list-phone-numbers", params=query)).json()
            seen += [item["phone_number"] for item in page["items"]]
            if not page["has_more"]:
                break
            query["pagination_key"] = page["pagination_key"]
        assert seen == expected
