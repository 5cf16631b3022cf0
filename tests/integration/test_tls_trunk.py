"""A trunk over TLS: the INVITE is encrypted, and so is the audio that it offers."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from tests.fakes.sip_message import SipMessage
from tests.integration.stage import Stage
from tests.integration.test_outbound import TO_NUMBER


async def answer_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> SipMessage:
    """Take an INVITE, say 486, and wait for the ACK."""
    invite = SipMessage.parse(await reader.readuntil(b"\r\n\r\n"))
    body = await reader.readexactly(int(invite.need("Content-Length")))
    kept = [(name, value) for name, value in invite.headers if name.lower() in {"via", "from", "call-id", "cseq"}]
    to = f"{invite.need('To')};tag=tls"
    writer.write(SipMessage("SIP/2.0 486 Busy Here", (*kept, ("To", to))).encode())
    await writer.drain()
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return SipMessage(invite.start_line, invite.headers, body)


async def test_tls_brings_srtp(stage: Stage) -> None:
    keys = Path(stage.pbx.certificate_path).parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "asterisk.crt", keys / "asterisk.key")
    invites: asyncio.Queue[SipMessage] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        invites.put_nowait(await answer_busy(reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.3", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        agent_id = await stage.create_agent(stage.agents.agent())
        number = await stage.import_number(
            None,
            termination_uri=f"127.0.0.3:{port}",
            transport="TLS",
            outbound_agents=[{"agent_id": agent_id, "weight": 1}],
        )
        body = {"from_number": number, "to_number": TO_NUMBER}
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        invite = await asyncio.wait_for(invites.get(), 10)
        record = await stage.controller.ended_call(placed["call_id"])
    assert record["disconnection_reason"] == "dial_busy"
    assert "SIP/2.0/TLS" in invite.need("Via")
    assert b"RTP/SAVP" in invite.body
    assert b"a=crypto:" in invite.body
