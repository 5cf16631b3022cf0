"""Agents: made, found by version reference, changed by several at once, listed, deleted."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent import AgentUpdate
from ari_agent.store.store import Store
from tests.store.samples import an_agent


async def test_an_agent_is_made_at_version_0_and_reads_back(store: Store) -> None:
    made = await store.agents.create(an_agent(max_call_duration_ms=60_000))
    assert made.agent_id.startswith("agent_")
    assert (made.version, made.is_published) == (0, False)
    assert await store.agents.get(made.agent_id) == made


@pytest.mark.parametrize(
    ("version", "found"),
    [
        (None, True),
        ("latest", True),
        (0, True),
        (1, False),
        (-1, False),
        (2**70, False),
        ("latest_published", False),
        ("a-tag", False),
    ],
)
async def test_version_references(store: Store, version: int | str | None, found: bool) -> None:
    made = await store.agents.create(an_agent())
    assert (await store.agents.get(made.agent_id, version) is not None) is found
    assert (await store.agents.update(made.agent_id, AgentUpdate(), version) is not None) is found


async def test_an_unknown_agent_is_none(store: Store) -> None:
    assert await store.agents.get("agent_x\x00") is None
    assert await store.agents.update("agent_x", AgentUpdate()) is None
    assert await store.agents.delete("agent_x") is False


async def test_changes_at_once_are_all_kept(store: Store) -> None:
    made = await store.agents.create(an_agent())
    changes = [{"voice_speed": 1.5}, {"volume": 0.5}, {"agent_name": "Berta"}, {"ring_duration_ms": 5000}]
    await asyncio.gather(
        *(store.agents.update(made.agent_id, AgentUpdate.model_validate(change)) for change in changes * 5)
    )
    found = await store.agents.get(made.agent_id)
    assert found is not None
    assert (found.voice_speed, found.volume, found.agent_name, found.ring_duration_ms) == (1.5, 0.5, "Berta", 5000)


async def test_settings_that_do_not_fit_change_nothing(store: Store) -> None:
    made = await store.agents.create(an_agent())
    with pytest.raises(ValidationError):
        await store.agents.update(made.agent_id, AgentUpdate.model_validate({"stt_mode": "custom"}))
    assert await store.agents.get(made.agent_id) == made


async def test_a_deleted_agent_is_gone(store: Store) -> None:
    made = await store.agents.create(an_agent())
    assert await store.agents.delete(made.agent_id)
    assert await store.agents.get(made.agent_id) is None


@pytest.mark.parametrize("ascending", [True, False])
async def test_pages_walk_through_every_agent_once(store: Store, ascending: bool) -> None:
    made = {(await store.agents.create(an_agent())).agent_id for _ in range(5)}
    seen: list[str] = []
    key = None
    while True:
        page = await store.agents.list(limit=2, pagination_key=key, ascending=ascending)
        seen += [agent.agent_id for agent in page.agents]
        key = page.next_key
        if key is None:
            break
    assert len(seen) == len(made)
    assert set(seen) == made


@pytest.mark.parametrize("key", ["", ":", "x:y", "9" * 30, "\x00"])
async def test_a_page_key_that_is_none_begins_at_the_beginning(store: Store, key: str) -> None:
    made = await store.agents.create(an_agent())
    assert (await store.agents.list(pagination_key=key)).agents == [made]


async def test_an_agent_that_is_deleted_while_it_changes_is_gone_in_all_its_versions(store: Store) -> None:
    for _ in range(10):
        made = await store.agents.create(an_agent())
        await store.agents.publish(made.agent_id, 0)
        renamed = AgentUpdate.model_validate({"agent_name": "Berta"})  # makes a draft
        await asyncio.gather(
            store.agents.update(made.agent_id, renamed),
            store.agents.assign_tag(made.agent_id, "prod", 0),
            store.agents.delete(made.agent_id),
            store.agents.create_version(made.agent_id, 0),
        )
        assert await store.agents.get(made.agent_id) is None
        assert await store.agents.tags([made.agent_id]) == {}
