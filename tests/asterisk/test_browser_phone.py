"""The way of a page's SIP messages to Asterisk: what goes through, and what is said where it is shut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ari_agent.asterisk.browser_phone import BrowserPhone
from ari_agent.errors import AsteriskRefused, AsteriskUnreachable
from ari_agent.http_client import http_client
from tests.fakes.controller import free_tcp_port
from tests.fakes.sip_websockets import SipWebsockets

CREDENTIALS = 'Digest username="web", realm="asterisk", nonce="1", uri="sip:pbx", response="{}"'
REGISTER = "REGISTER sip:pbx SIP/2.0\r\nFrom: <sip:web@pbx>;tag=1\r\nAuthorization: {}\r\n\r\n"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_client() as session:
        yield session


def phone_at(http: aiohttp.ClientSession, ari_url: str) -> BrowserPhone:
    return BrowserPhone(http, ari_url, "web", "the real one")


async def test_messages_go_both_ways_and_asterisk_alone_sees_the_passwords_proof(
    http: aiohttp.ClientSession,
) -> None:
    async with SipWebsockets() as asterisk, phone_at(http, asterisk.ari_url).line() as line:
        await line.send(REGISTER.format("Basic x").replace("sip:web@", "sip:trunk@"))  # goes nowhere
        await line.send(REGISTER.format(CREDENTIALS.format("0" * 32)))
        heard = await asyncio.wait_for(asterisk.heard.get(), 10)
        # what RFC 2617 makes of both, by another program
        assert heard == REGISTER.format(CREDENTIALS.format("7c5cde4d0de8eda299f2859d8095e5c3"))
        await asterisk.say("SIP/2.0 200 OK\r\n\r\n")
        await asterisk.hang_up()
        assert [message async for message in line.messages()] == ["SIP/2.0 200 OK\r\n\r\n"]
        with pytest.raises(ConnectionError):
            await line.send("OPTIONS sip:pbx SIP/2.0\r\nFrom: <sip:web@pbx>;tag=1\r\n\r\n")


async def test_an_asterisk_without_the_module_is_told_apart_from_none(http: aiohttp.ClientSession) -> None:
    async with SipWebsockets(takes=False) as asterisk:
        with pytest.raises(AsteriskRefused, match=r"404: .*load res_pjsip_transport_websocket\.so"):
            async with phone_at(http, asterisk.ari_url).line():
                pass
    with pytest.raises(AsteriskUnreachable, match="is not reachable"):
        async with phone_at(http, f"http://127.0.0.1:{free_tcp_port()}/ari").line():
            pass


async def test_an_asterisk_that_goes_while_the_account_logs_in_has_not_answered(http: aiohttp.ClientSession) -> None:
    async with SipWebsockets() as asterisk:
        logging_in = asyncio.create_task(phone_at(http, asterisk.ari_url).log_in())
        request = await asyncio.wait_for(asterisk.heard.get(), 10)
        assert request.startswith("REGISTER sip:") and "Contact" not in request
        await asterisk.hang_up()
        with pytest.raises(AsteriskUnreachable, match="no answer to REGISTER"):
            await logging_in


@pytest.mark.parametrize(
    ("ari_url", "url"),
    [
        ("http://127.0.0.1:8088/ari", "http://127.0.0.1:8088/ws"),
        ("https://user:secret@pbx.example/prefix/ari/", "https://pbx.example/prefix/ws"),
    ],
)
async def test_the_websocket_is_beside_ari(http: aiohttp.ClientSession, ari_url: str, url: str) -> None:
    phone = phone_at(http, ari_url)
    assert phone.url == url
    assert "the real one" not in repr(phone) and "secret" not in repr(phone)
