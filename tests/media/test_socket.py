from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ari_agent.errors import NoRtpPort
from ari_agent.media.socket import RtpPorts, RtpSocket


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(10)
        yield bound


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


async def until(look: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if look():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


def accepted(ports: RtpPorts, peer: socket.socket) -> tuple[RtpSocket, list[bytes]]:
    heard: list[bytes] = []
    opened = ports.open(heard.append)
    opened.accept_from(*peer.getsockname())
    return opened, heard


async def test_datagrams_go_both_ways(peer: socket.socket) -> None:
    opened, heard = accepted(RtpPorts("127.0.0.1"), peer)
    peer.sendto(b"one", opened.address)
    peer.sendto(b"two", opened.address)
    await until(lambda: len(heard) == 2)
    opened.send(b"three")
    assert heard == [b"one", b"two"]
    assert peer.recvfrom(100) == (b"three", opened.address)
    opened.close()


async def test_only_the_announced_address_is_heard(peer: socket.socket, stranger: socket.socket) -> None:
    heard: list[bytes] = []
    opened = RtpPorts("127.0.0.1").open(heard.append)
    peer.sendto(b"too early", opened.address)
    await until(lambda: opened.foreign == 1)
    opened.accept_from(*peer.getsockname())
    stranger.sendto(b"let me in", opened.address)
    peer.sendto(b"hello", opened.address)
    await until(lambda: bool(heard))
    assert heard == [b"hello"]
    assert opened.foreign == 2
    opened.close()


async def test_sending_without_a_peer_is_counted() -> None:
    opened = RtpPorts("127.0.0.1").open(lambda _: None)
    opened.send(b"to nobody")
    assert opened.send_errors == 1
    opened.close()
    opened.send(b"after the end")
    assert opened.send_errors == 2


async def test_a_peer_that_is_gone_disturbs_nothing(peer: socket.socket) -> None:
    opened, heard = accepted(RtpPorts("127.0.0.1"), peer)
    address = peer.getsockname()
    peer.close()
    for _ in range(10):
        opened.send(b"anybody?")
        await asyncio.sleep(0.001)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        back.bind(address)
        back.sendto(b"here again", opened.address)
        await until(lambda: bool(heard))
    opened.close()


async def test_only_an_address_can_be_accepted() -> None:
    opened = RtpPorts("127.0.0.1").open(lambda _: None)
    with pytest.raises(ValueError, match="localhost"):
        opened.accept_from("localhost", 4000)
    opened.close()


async def test_ipv6_is_the_same() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.bind(("::1", 0))
        peer.settimeout(10)
        heard: list[bytes] = []
        opened = RtpPorts("::1").open(heard.append)
        opened.accept_from("0:0:0:0:0:0:0:1", peer.getsockname()[1])
        peer.sendto(b"six", opened.address)
        await until(lambda: bool(heard))
        opened.send(b"back")
        assert peer.recv(100) == b"back"
        opened.close()


def free_range(size: int) -> int:
    """The first of some even ports in a row of which none is taken now."""
    for first in range(22100, 22900, 2 * size):
        holders = []
        try:
            for port in range(first, first + 2 * size, 2):
                holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                holders.append(holder)
                holder.bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return first
        finally:
            for holder in holders:
                holder.close()
    raise AssertionError("no free ports")


async def test_ports_come_from_the_range_evenly_and_rest_after_use() -> None:
    first = free_range(3)
    ports = RtpPorts("127.0.0.1", first - 1, first + 5)
    opened = [ports.open(lambda _: None) for _ in range(3)]
    assert [each.address[1] for each in opened] == [first, first + 2, first + 4]
    with pytest.raises(NoRtpPort, match=f"{first - 1}-{first + 5}"):
        ports.open(lambda _: None)
    opened[2].close()
    opened[0].close()
    again = [ports.open(lambda _: None) for _ in range(2)]
    assert [each.address[1] for each in again] == [first, first + 4], "in turn"
    for each in (*opened, *again):
        each.close()


async def test_a_port_that_somebody_else_holds_is_passed_over() -> None:
    first = free_range(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", first))
        opened = RtpPorts("127.0.0.1", first, first + 2).open(lambda _: None)
        assert opened.address[1] == first + 2
        opened.close()


async def test_hundreds_of_calls_are_read_through_one_descriptor(peer: socket.socket) -> None:
    ports = RtpPorts("127.0.0.1")
    calls = [accepted(ports, peer) for _ in range(300)]
    for opened, _ in calls:
        for number in range(3):
            peer.sendto(str(number).encode(), opened.address)
    await until(lambda: all(len(heard) == 3 for _, heard in calls))
    assert all(heard == [b"0", b"1", b"2"] for _, heard in calls)
    for opened, _ in calls:
        opened.close()


async def test_what_waits_is_read_on_demand(peer: socket.socket) -> None:
    opened, heard = accepted(RtpPorts("127.0.0.1"), peer)
    for number in range(5):
        peer.sendto(str(number).encode(), opened.address)
    opened.read_waiting()
    assert heard == [b"0", b"1", b"2", b"3", b"4"]
    opened.close()


async def test_a_handler_that_fails_silences_nobody_else(peer: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    ports = RtpPorts("127.0.0.1")

    def fail(datagram: bytes) -> None:
        raise RuntimeError(f"cannot take {datagram!r}")

    broken = ports.open(fail)
    broken.accept_from(*peer.getsockname())
    working, heard = accepted(ports, peer)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            peer.sendto(b"x", broken.address)
        peer.sendto(b"y", working.address)
        await until(lambda: bool(heard) and broken.faults == 3)
    assert len(caplog.records) == 1, "one line for a fault, not fifty a second"
    broken.close()
    working.close()


async def test_a_handler_may_close_any_socket(peer: socket.socket) -> None:
    ports = RtpPorts("127.0.0.1")
    opened: list[RtpSocket] = []

    def close_all(datagram: bytes) -> None:
        for each in opened:
            each.close()

    opened += [ports.open(close_all) for _ in range(3)]
    for each in opened:
        each.accept_from(*peer.getsockname())
        peer.sendto(b"bye", each.address)
    await asyncio.sleep(0.05)
    assert sum(each.faults for each in opened) == 0
    assert "0 open" in repr(ports)


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


async def test_nothing_is_left_when_all_are_closed() -> None:
    before = descriptors()
    ports = RtpPorts("127.0.0.1")
    opened = [ports.open(lambda _: None) for _ in range(10)]
    for each in opened:
        each.close()
        each.close()
    assert descriptors() == before
    again = ports.open(lambda _: None)
    again.close()
    assert descriptors() == before


async def test_an_address_that_is_not_ours_is_named_and_not_the_ports() -> None:
    with pytest.raises(NoRtpPort, match=r"cannot bind 203\.0\.113\.7:0: .*ARI_AGENT_RTP_HOST") as refused:
        RtpPorts("203.0.113.7").open(lambda _: None)
    assert "widen" not in str(refused.value)
