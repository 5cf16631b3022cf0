"""Trunks over TLS with SRTP: real phones both ways, who is refused, certificates of both sides and their renewal."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import ssl
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from ari_agent.asterisk.rest import Rest
from ari_agent.demo.pbx import Pbx
from tests.fakes.agent_server import echo
from tests.fakes.baresip import calling, waiting
from tests.fakes.certificate import self_signed
from tests.fakes.controller import free_tcp_port
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import find_pieces, noise, silence
from tests.fakes.tls_callee import tls_callee
from tests.integration.stage import ENDPOINTS, Stage, staged
from tests.integration.test_outbound import TO_NUMBER

MUTUAL_PORT = free_tcp_port()
MUTUAL = f"""
[transport-mutual]
type = transport
protocol = tls
bind = 127.0.0.1:{MUTUAL_PORT}
method = sslv23
cert_file = /etc/asterisk/keys/asterisk.crt
priv_key_file = /etc/asterisk/keys/asterisk.key
ca_list_file = /etc/asterisk/keys/asterisk.crt
verify_client = yes
require_client_cert = yes
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tls_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stage of these tests' own: they change its certificate, and take calls from 127.0.0.1 for a carrier's."""
    async with staged(tmp_path_factory.mktemp("tls"), pbx_options={"pjsip": ENDPOINTS + MUTUAL}) as made:
        yield made


def client_context(*versions: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that believes everybody, and speaks these versions alone however weak they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    if versions:
        context.minimum_version = context.maximum_version = versions[0]
    return context


async def fingerprint(pbx: Pbx, context: ssl.SSLContext, *, port: int | None = None) -> str:
    """Of the certificate that a new connection is shown, which is then used for a request."""
    reader, writer = await asyncio.open_connection(pbx.bind, port or pbx.tls_port, ssl=context)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.write(
            f"OPTIONS sip:x@{pbx.bind};transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKo;rport\r\n"
            "From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: o@127.0.0.1\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
        )
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"SIP/2.0 ")
    finally:
        writer.close()
    return hashlib.sha256(shown).hexdigest()


@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_1_2_and_later_is_spoken(tls_stage: Stage, version: ssl.TLSVersion, is_spoken: bool) -> None:
    if is_spoken:
        assert await fingerprint(tls_stage.pbx, client_context(version))
    else:
        with pytest.raises(ssl.SSLError):
            await fingerprint(tls_stage.pbx, client_context(version))


def similarity(said: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    """baresip's file player may slip a frame: the pieces are judged, not the whole."""
    return statistics.median(match.similarity for match in find_pieces(said, heard))


async def test_a_carrier_calls_over_tls_with_srtp_and_is_refused_with_plain_rtp(tls_stage: Stage) -> None:
    stage, said, agent = tls_stage, noise(1.5), tls_stage.agents.agent(echo)
    number = await stage.import_number(
        await stage.create_agent(agent),
        transport="TLS",
        media_encryption="required",
        inbound_addresses=["127.0.0.1"],
    )
    async with SipCaller(pbx=(stage.pbx.bind, stage.pbx.sip_port), address="127.0.0.1") as plain:
        await plain.dial(number)
        assert (await plain.refused()).status == 488
    words = np.concatenate([silence(1.0), said, silence(10.0)])
    async with calling(stage.pbx, number, words, secure=True, user="+14155550100") as phone:
        call = await phone.talk_with(agent)
        record = await stage.controller.ended_call(call.about["call_id"])
        heard = phone.heard()
    assert (record["from_number"], record["to_number"]) == ("+14155550100", number)
    assert similarity(said, call.sound()) > 0.99
    assert similarity(said, heard) > 0.99
    await stage.controller.request("DELETE", f"/delete-phone-number/{number}")


async def test_a_call_out_over_tls_has_srtp_both_ways(tls_stage: Stage) -> None:
    stage, said, agent, port = tls_stage, noise(1.5), tls_stage.agents.agent(echo), free_tcp_port()
    agent_id = await stage.create_agent(agent)
    number = await stage.import_number(
        None,
        termination_uri=f"127.0.0.1:{port + 1}",
        transport="TLS",
        media_encryption="required",
        outbound_agents=[{"agent_id": agent_id, "weight": 1}],
    )
    words = np.concatenate([silence(1.0), said, silence(10.0)])
    async with waiting(stage.pbx, TO_NUMBER, words, port=port) as phone:
        await phone.until(b"ready")
        body = {"from_number": number, "to_number": TO_NUMBER}
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        call = await phone.talk_with(agent)
        record = await stage.controller.ended_call(placed["call_id"])
        heard = phone.heard()
    assert record["disconnection_reason"] == "user_hangup"
    assert similarity(said, call.sound()) > 0.99
    assert similarity(said, heard) > 0.99


async def test_a_carrier_that_asks_for_a_certificate_is_shown_ours(tls_stage: Stage) -> None:
    stage = tls_stage
    async with tls_callee(stage.pbx, 486, asks_for_certificate=True) as far_end:
        agent_id = await stage.create_agent(stage.agents.agent())
        number = await stage.import_number(
            None, termination_uri=far_end.uri, transport="TLS", outbound_agents=[{"agent_id": agent_id, "weight": 1}]
        )
        body = {"from_number": number, "to_number": TO_NUMBER}
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        await far_end.heard("INVITE")
        assert (await stage.controller.ended_call(placed["call_id"]))["disconnection_reason"] == "dial_busy"


async def test_with_mutual_tls_nobody_connects_without_a_certificate(tls_stage: Stage) -> None:
    pbx, context = tls_stage.pbx, client_context()
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        await fingerprint(pbx, context, port=MUTUAL_PORT)
    context.load_cert_chain(pbx.certificate_path, pbx.certificate_path.with_suffix(".key"))
    assert await fingerprint(pbx, context, port=MUTUAL_PORT)


async def test_a_certificate_is_renewed_through_ari_while_a_call_goes_on(tls_stage: Stage, tmp_path: Path) -> None:
    stage, said, agent, pbx = tls_stage, noise(1.5), tls_stage.agents.agent(echo), tls_stage.pbx
    number = await stage.import_number(await stage.create_agent(agent))
    before = await fingerprint(pbx, client_context())
    words = np.concatenate([silence(3.0), said, silence(10.0)])
    async with calling(pbx, number, words, secure=True) as phone:
        call = await agent.call()
        await phone.until(b"established")
        renew(pbx, tmp_path)
        assert await fingerprint(pbx, client_context()) == before
        rest = Rest(url=pbx.ari_url, username=pbx.ari_username, password=pbx.ari_password)
        await rest.request("reloadModule", "PUT", "/asterisk/modules/res_pjsip.so")
        await rest.close()
        for _ in range(100):
            if (now := await fingerprint(pbx, client_context())) != before:
                break
            await asyncio.sleep(0.1)
        assert now != before
        await call.hears(seconds=1.3)
        await asyncio.sleep(1.0)
        await call.hang_up()
        await phone.until(b"session closed")
        heard = phone.heard()
    assert similarity(said, call.sound()) > 0.99
    assert similarity(said, heard) > 0.99


def renew(pbx: Pbx, folder: Path) -> None:
    """Put another certificate and key where Asterisk has its own, as a program that renews certificates does."""
    self_signed(folder)
    keys = pbx.certificate_path.parent
    for made, name in (("crt", "asterisk.crt"), ("key", "asterisk.key")):
        new = keys / f"{name}.new"
        shutil.copy(folder / made, new)
        owner = (keys / name).stat()
        os.chown(new, owner.st_uid, owner.st_gid)
        new.rename(keys / name)
