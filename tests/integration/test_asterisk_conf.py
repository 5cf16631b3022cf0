"""The shipped configuration, on a real Asterisk: who may call, what the dialplan does, what is asked of transfers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from ari_agent.demo.pbx import Pbx
from tests.fakes.sip_caller import ReferPlan, SipCaller
from tests.fakes.sound import level_dbfs, silence, write_wav

# One Asterisk for most of them.
pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]

SHORT_REFER_TIMEOUT = "[globals](+)\nREFER_TIMEOUT_S = 2\n"


def private_pbx(*, extensions: str = "", callers: Sequence[str] = ("127.0.0.0/8",)) -> Pbx:
    return Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=(21400, 21599), extensions=extensions, callers=callers)


@pytest_asyncio.fixture(name="pbx", scope="module", loop_scope="module")
async def running_pbx() -> AsyncIterator[Pbx]:
    async with private_pbx(extensions=SHORT_REFER_TIMEOUT) as pbx:
        yield pbx


class Controller:
    """The least that Asterisk takes for a controller: a connected application, and requests by hand."""

    def __init__(self, session: aiohttp.ClientSession, url: str, events: aiohttp.ClientWebSocketResponse) -> None:
        self._session, self._url, self._events = session, url, events

    async def stasis_start(self) -> tuple[str, list[str], Mapping[str, object]]:
        """Channel id, arguments and dialplan place of the next StasisStart."""
        async with asyncio.timeout(10):
            while True:
                event = json.loads(await self._events.receive_str())
                if event["type"] == "StasisStart":
                    return event["channel"]["id"], event["args"], event["channel"]["dialplan"]

    async def variable(self, channel_id: str, name: str) -> str:
        url = f"{self._url}/channels/{channel_id}/variable"
        async with self._session.get(url, params={"variable": name}) as response:
            return str((await response.json())["value"])

    async def post(self, path: str, **parameters: str) -> None:
        async with self._session.post(f"{self._url}{path}", params=parameters) as response:
            assert response.status < 300, await response.text()

    async def delete(self, path: str) -> None:
        async with self._session.delete(f"{self._url}{path}") as response:
            assert response.status < 300, await response.text()


@contextlib.asynccontextmanager
async def controller(pbx: Pbx) -> AsyncIterator[Controller]:
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_username, pbx.ari_password)}
    url = f"{pbx.ari_url}/events?app={pbx.app}"
    async with aiohttp.ClientSession(headers=headers) as session, session.ws_connect(url) as events:
        yield Controller(session, pbx.ari_url, events)


def caller_of(pbx: Pbx, *, user: str = "+14155550100", password: str | None = None) -> SipCaller:
    account = user if password is not None else None
    return SipCaller(pbx=("127.0.0.1", pbx.sip_port), user=user, account=account, password=password)


@pytest.mark.parametrize("number", ["+15551234567", "100", "7", "support", "*43"])
async def test_whatever_is_dialled_reaches_the_controller_under_its_own_name(pbx: Pbx, number: str) -> None:
    async with controller(pbx) as ari, caller_of(pbx) as caller:
        await caller.dial(number)
        channel_id, arguments, dialplan = await ari.stasis_start()
        assert arguments == []
        assert dialplan["exten"] == number
        await ari.delete(f"/channels/{channel_id}")
        await caller.refused()


async def test_without_a_controller_the_caller_hears_why_and_the_call_fails(pbx: Pbx) -> None:
    async with caller_of(pbx) as caller:
        await caller.dial("+15551234567")
        assert (await caller.ringing()).status == 183
        await caller.audio.hears(packets=50)
        assert level_dbfs(caller.audio.sound()) > -35
        assert (await caller.refused(15)).status == 503


async def test_a_switch_makes_calls_without_a_controller_fail_at_once() -> None:
    busy = "[globals](+)\nUNAVAILABLE = busy\n"
    async with private_pbx(extensions=busy) as pbx, caller_of(pbx) as caller:
        await caller.dial("+15551234567")
        assert (await caller.refused(3)).status == 503
        assert not caller.audio.heard


async def test_a_caller_whom_the_agent_left_is_hung_up_on(pbx: Pbx) -> None:
    async with controller(pbx) as ari, caller_of(pbx) as caller:
        await caller.dial("+15551234567")
        channel_id, _, _ = await ari.stasis_start()
        await ari.post(f"/channels/{channel_id}/answer")
        await caller.answered()
        await ari.post(f"/channels/{channel_id}/continue")
        await caller.bye()


@pytest.mark.parametrize("answered", [False, True])
async def test_a_caller_whose_agent_failed_hears_a_sentence(pbx: Pbx, answered: bool) -> None:
    async with controller(pbx) as ari, caller_of(pbx) as caller:
        await caller.dial("+15551234567")
        channel_id, _, _ = await ari.stasis_start()
        if answered:
            await ari.post(f"/channels/{channel_id}/answer")
            await caller.answered()
        reason = "ARI_AGENT_DISCONNECTION_REASON"
        await ari.post(f"/channels/{channel_id}/variable", variable=reason, value="error_llm_websocket_open")
        await ari.post(f"/channels/{channel_id}/continue")
        await caller.audio.hears(packets=50)
        if answered:
            await caller.bye(15)
        else:
            assert (await caller.refused(15)).status == 503


async def test_a_controller_that_never_comes_back_does_not_hold_a_caller_for_ever() -> None:
    limit = "[globals](+)\nLONGEST_CALL_S = 1\n"
    async with private_pbx(extensions=limit) as pbx, caller_of(pbx) as caller:
        async with controller(pbx) as ari:
            await caller.dial("+15551234567")
            channel_id, _, _ = await ari.stasis_start()
            await ari.post(f"/channels/{channel_id}/answer")
            await caller.answered()
        await caller.bye(10)


@pytest.mark.parametrize(
    ("plan", "outcome"),
    [
        (ReferPlan(notifies=((0.05, 100), (0.05, 200))), ["refer", "SUCCESS", "0"]),
        (ReferPlan(notifies=((0.05, 100), (0.05, 486))), ["refer", "FAILURE", "486"]),
        (ReferPlan(answer=603, notifies=()), ["refer", "FAILURE", "603"]),
        (ReferPlan(notifies=((0.05, 100),)), ["refer", "FAILURE", "408"]),
        (ReferPlan(notifies=()), ["refer", "FAILURE", "408"]),
    ],
    ids=["succeeds", "busy", "declined", "stays silent after trying", "stays silent"],
)
async def test_a_transfer_comes_back_to_the_controller_with_its_outcome(
    pbx: Pbx, plan: ReferPlan, outcome: list[str]
) -> None:
    async with controller(pbx) as ari, caller_of(pbx) as caller:
        caller.refer_plan = plan
        await caller.dial("+15551234567")
        channel_id, _, _ = await ari.stasis_start()
        await ari.post(f"/channels/{channel_id}/answer")
        await caller.answered()
        target = "<sip:+15557654321@example.net?X-Reason=sales%20call>"
        await ari.post(f"/channels/{channel_id}/variable", variable="ARI_AGENT_REFER_TO", value=target)
        await ari.post(f"/channels/{channel_id}/variable", variable="SIPREFERREDBYHDR", value="<sip:agent@pbx>")
        await ari.post(f"/channels/{channel_id}/continue", context="ari-agent-refer", extension="refer", priority="1")
        refer = await caller.refer()
        assert refer.need("Refer-To") == target
        assert refer.need("Referred-By") == "<sip:agent@pbx>"
        back_id, arguments, _ = await ari.stasis_start()
        assert (back_id, arguments) == (channel_id, outcome)
        # The clock of the transfer does not run on in the conversation, the one of the call does.
        await asyncio.sleep(2.5)
        await ari.post(f"/channels/{channel_id}/ring")
        absolute_s = float(await ari.variable(channel_id, "TIMEOUT(absolute)"))
        assert 7490 < absolute_s <= 7500


async def test_the_softphone_must_log_in_even_from_a_trusted_address(pbx: Pbx) -> None:
    async with caller_of(pbx, user=pbx.softphone_account) as stranger:
        await stranger.dial("100")
        assert (await stranger.refused()).status == 401
    async with caller_of(pbx, user=pbx.softphone_account, password="wrong-password") as impostor:
        await impostor.dial("100")
        assert (await impostor.refused()).status == 401


async def test_the_softphone_reaches_the_controller_with_its_password(pbx: Pbx) -> None:
    phone = caller_of(pbx, user=pbx.softphone_account, password=pbx.softphone_password)
    async with controller(pbx) as ari, phone:
        await phone.dial("100")
        channel_id, _, dialplan = await ari.stasis_start()
        assert dialplan["context"] == "from-softphone"
        await ari.delete(f"/channels/{channel_id}")
        await phone.refused()


async def test_strangers_are_refused_where_no_address_is_trusted() -> None:
    async with private_pbx(callers=()) as pbx, caller_of(pbx) as stranger:
        await stranger.dial("100")
        assert (await stranger.refused()).status == 401


BARESIP_CONFIG = """\
sip_listen 127.0.0.1:0
sip_cafile /etc/asterisk/keys/asterisk.crt
audio_source aufile,/mnt/in.wav
audio_player aufile,/mnt/out.wav
audio_alert aufile,/mnt/alert.wav
rtp_ports 21600-21699
module_path /usr/lib/baresip/modules
module stdio.so
module g711.so
module aufile.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
"""


@pytest.mark.parametrize(
    ("transport", "encryption", "secure"),
    [("udp", "", "0"), ("tcp", "", "0"), ("tls", "", "1"), ("tls", "srtp-mand", "1")],
)
async def test_a_softphone_calls_over_every_transport(pbx: Pbx, transport: str, encryption: str, secure: str) -> None:
    phone = Path(tempfile.mkdtemp(prefix="phone-", dir=pbx.work_path))
    port = pbx.tls_port if transport == "tls" else pbx.sip_port
    media = f";mediaenc={encryption}" if encryption else ""
    account = (
        f"<sip:{pbx.softphone_account}@127.0.0.1:{port};transport={transport}>"
        f";auth_pass={pbx.softphone_password};regint=60{media}\n"
    )
    for name, text in (("config", BARESIP_CONFIG), ("accounts", account), ("contacts", "")):
        (phone / name).write_text(text)
    for name in ("in.wav", "alert.wav"):
        write_wav(pbx.work_path / name, silence(10))
    async with controller(pbx) as ari:
        dial = f"/dial sip:100@127.0.0.1:{port};transport={transport}"
        baresip = await pbx.popen_tool(["baresip", "-f", f"/mnt/{phone.name}", "-e", dial, "-t", "15"])
        try:
            channel_id, _, dialplan = await ari.stasis_start()
            assert dialplan["context"] == "from-softphone"
            assert await ari.variable(channel_id, "CHANNEL(pjsip,secure)") == secure
            await ari.post(f"/channels/{channel_id}/answer")
            assert baresip.stdout is not None
            heard = await asyncio.wait_for(baresip.stdout.readuntil(b"Call established"), 10)
            assert (b"SRTP is Enabled" in heard) == bool(encryption), heard
            assert f"{pbx.softphone_account}/sip:" in await pbx.cli("pjsip show contacts")
        finally:
            baresip.kill()
            await baresip.communicate()
