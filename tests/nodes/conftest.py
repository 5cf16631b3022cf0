"""Nodes of this process, and of others, on one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from ari_agent.nodes.node import Node
from ari_agent.nodes.pace import Pace
from ari_agent.store.nodes import Introduction
from ari_agent.store.store import Store
from tests.nodes.joining_process import QUICK


@pytest.fixture
async def shared_store(shared_url: str) -> AsyncIterator[Store]:
    """An open store on it, which is no node."""
    async with opened(shared_url) as store:
        yield store


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Store]:
    """A store of its own."""
    store = Store(database_url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class LiveNode:
    """A node of this process, with what it was told. dead, fenced: the node_ids, in order."""

    def __init__(self, store: Store, node: Node) -> None:
        self.store, self.node = store, node
        self.dead: list[int] = []
        self.fenced: list[int] = []
        node.on_dead(self._on_dead)
        node.on_fenced(self._on_fenced)

    @property
    def node_id(self) -> int:
        """The id that it has now."""
        assert self.node.node_id is not None
        return self.node.node_id

    def names(self) -> list[str]:
        """The names of all nodes that it sees."""
        return [each.name for each in self.node.nodes()]

    async def _on_dead(self, node_id: int) -> None:
        self.dead.append(node_id)

    async def _on_fenced(self, node_id: int) -> None:
        assert not self.node.may_act
        assert self.store.node_id == node_id, "what is still written of its calls is recognised as its own"
        self.fenced.append(node_id)


Join = Callable[..., Awaitable[LiveNode]]


@pytest.fixture
async def join(shared_url: str) -> AsyncIterator[Join]:
    """Makes nodes, which leave at the end."""
    async with AsyncExitStack() as stack:

        async def make(name: str = "one", *, pace: Pace = QUICK, url: str = shared_url) -> LiveNode:
            store = await stack.enter_async_context(opened(url))
            node = Node(store, Introduction(name, f"app_{name}", f"http://{name}.test:8080"), pace)
            live = LiveNode(store, node)
            await node.join()
            stack.push_async_callback(node.leave)
            running = asyncio.create_task(node.run())

            async def end() -> None:
                running.cancel()
                await asyncio.wait([running])

            stack.push_async_callback(end)
            return live

        yield make


async def until(true: Callable[[], object]) -> None:
    """Wait until it is; a minute at most, as the machine may be busy."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 -- what it waits for is another process's doing
            await asyncio.sleep(0.02)
