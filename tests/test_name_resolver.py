"""Names that answer, names that never do, and what was known before."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from ari_agent.name_resolver import FRESH_S, STALE_S, Address, NameResolver
from tests.fakes.llm_server import until

LOOPBACK = Address(socket.AF_INET, ("127.0.0.1", 0))
OTHER = Address(socket.AF_INET, ("127.0.0.2", 0))


class Dns:
    """Answers every name with `found`, but for `dead.` names, which wait until `revive`."""

    def __init__(self) -> None:
        self.found: Sequence[Address] | Exception = [LOOPBACK]
        self.asked: list[str] = []
        self.silent = False
        self._revived = threading.Event()

    def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        if self.silent or host.startswith("dead."):
            self._revived.wait(60)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def revive(self) -> None:
        self._revived.set()


@pytest.fixture
def dns() -> Iterator[Dns]:
    made = Dns()
    yield made
    made.revive()


async def test_names_and_numeric_addresses_of_this_machine() -> None:
    names = NameResolver()
    found = await names.addresses("localhost", 80)
    assert Address(socket.AF_INET, ("127.0.0.1", 80)) in found
    assert await names.addresses("::1", 443) == [Address(socket.AF_INET6, ("::1", 443, 0, 0))]


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64 + ".example", "nul\0.example"])
async def test_what_is_no_name_is_an_error(name: str) -> None:
    with pytest.raises((OSError, ValueError)):
        await NameResolver().addresses(name, 80)


async def test_numeric_addresses_ask_nobody(dns: Dns) -> None:
    names = NameResolver(ask=dns)
    assert (await names.addresses("192.0.2.7", 80))[0].target == ("192.0.2.7", 80)
    assert dns.asked == []


async def test_a_name_without_an_answer_holds_up_no_other(dns: Dns) -> None:
    names = NameResolver(ask=dns, threads=2)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        lost = [group.create_task(names.addresses("dead.example", 80)) for _ in range(8)]
        await until(lambda: dns.asked == ["dead.example"])
        assert [address.host for address in await names.addresses("live.example", 80)] == ["127.0.0.1"]
        assert dns.asked == ["dead.example", "live.example"], "eight callers took one thread"
        assert not any(task.done() for task in lost)
        dns.revive()
    assert {task.result()[0].target for task in lost} == {("127.0.0.1", 80)}


async def test_as_many_threads_as_were_set_and_the_next_name_waits_its_turn(dns: Dns) -> None:
    names = NameResolver(ask=dns, threads=1)
    dead, waiting = (asyncio.create_task(names.addresses(name, 80)) for name in ("dead.example", "live.example"))
    await until(lambda: dns.asked == ["dead.example"])
    assert not waiting.done()
    dns.revive()
    async with asyncio.timeout(30):
        await asyncio.gather(dead, waiting)
    assert dns.asked == ["dead.example", "live.example"]


async def test_who_gives_up_leaves_the_answer_to_the_others(dns: Dns) -> None:
    names = NameResolver(ask=dns)
    first, second = (asyncio.create_task(names.addresses("dead.example", 80)) for _ in range(2))
    await until(lambda: dns.asked == ["dead.example"])
    first.cancel()
    dns.revive()
    async with asyncio.timeout(30):
        assert (await second)[0].host == "127.0.0.1"
    assert first.cancelled()


@pytest.mark.parametrize(
    ("age_s", "asked_again"), [(FRESH_S - 1, False), (FRESH_S + 1, True), (STALE_S + 1, True)], ids=str
)
async def test_an_answer_serves_for_a_while(dns: Dns, age_s: float, asked_again: bool) -> None:
    now = [1000.0]
    names = NameResolver(ask=dns, clock=lambda: now[0], patience_s=60)
    await names.addresses("live.example", 80)
    dns.found = [OTHER]
    now[0] += age_s
    assert ((await names.addresses("live.example", 80))[0].host == OTHER.host) is asked_again


def _silence(dns: Dns) -> None:
    dns.silent = True


def _try_again(dns: Dns) -> None:
    dns.found = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize("fail", [_silence, _try_again])
async def test_an_old_answer_serves_where_the_dns_gives_none(dns: Dns, fail: Callable[[Dns], None]) -> None:
    now = [1000.0]
    names = NameResolver(ask=dns, clock=lambda: now[0], patience_s=0.01 if fail is _silence else 60)
    await names.addresses("live.example", 80)
    now[0] += FRESH_S + 1
    fail(dns)
    assert (await names.addresses("live.example", 80))[0].host == "127.0.0.1"


async def test_a_name_that_is_gone_is_gone(dns: Dns) -> None:
    now = [1000.0]
    names = NameResolver(ask=dns, clock=lambda: now[0], patience_s=60)
    await names.addresses("live.example", 80)
    now[0] += FRESH_S + 1
    dns.found = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="not known"):
            await names.addresses("live.example", 80)


async def test_only_so_many_names_are_remembered(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_agent.name_resolver.KNOWN_NAMES", 2)
    names = NameResolver(ask=dns)
    for name in ("a.example", "b.example", "c.example", "c.example", "b.example", "a.example"):
        await names.addresses(name, 80)
    assert dns.asked == ["a.example", "b.example", "c.example", "a.example"]


def test_an_answer_that_comes_when_nobody_waits_any_more_is_no_error(dns: Dns) -> None:
    names = NameResolver(ask=dns)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await names.addresses("dead.example", 80)

    asyncio.run(give_up())
    dns.revive()
    assert asyncio.run(names.addresses("dead.example", 80))[0].host == "127.0.0.1"
