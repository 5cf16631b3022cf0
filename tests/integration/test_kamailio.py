"""docker/kamailio in front of two real Asterisks: calls are shared, and go on at the other when one dies."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from ari_agent.demo.pbx import Pbx
from ari_agent.demo.ports import TCP_AND_UDP, free_port
from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import SipCaller
from tests.integration.stage import Stage, audio_ports, staged

pytestmark = pytest.mark.skipif(shutil.which("kamailio") is None, reason="Debian's package kamailio is not installed")

DOCKER: Final = Path(__file__).parents[2] / "docker"
KAMAILIO_ENDPOINT: Final = (DOCKER / "kamailio" / "pjsip.conf").read_text()
UNAVAILABLE: Final = (DOCKER / "kamailio" / "extensions.conf").read_text()
ANSWERS: Final = """
[from-trunk](+)
exten = answers,1,Answer()
 same = n,Wait(60)
exten = ends,1,Answer()
 same = n,Wait(0.5)
exten = nobody,1,Hangup(34)
exten = rings,1,Ringing()
 same = n,Wait(0.5)
 same = n,Hangup(34)
"""
ONLY_AT_THE_SECOND: Final = """
exten = second,1,Answer()
 same = n,Wait(60)
"""


@dataclass(frozen=True, slots=True)
class Kamailio:
    """Kamailio, and the Asterisks behind it: one without a controller, and one with all that belongs to it."""

    port: int
    folder: Path
    alone: Pbx
    stage: Stage

    @property
    def asterisks(self) -> tuple[Pbx, Pbx]:
        return self.alone, self.stage.pbx

    def caller(self, address: str = "127.0.0.1") -> SipCaller:
        return SipCaller(pbx=("127.0.0.1", self.port), address=address)

    async def listed(self) -> str:
        """What an operator sees of the Asterisks."""
        command = ["kamcmd", "-s", f"unix:{self.folder}/kamailio_ctl", "dispatcher.list"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0].decode()

    async def load(self) -> dict[str, int]:
        """Calls that are counted, by Asterisk."""
        found = re.findall(r"DUID: (\S+).*?DLGLOAD: (\d+)", await self.listed(), re.DOTALL)
        by_address = {duid: int(count) for duid, count in found}
        return {name: by_address[f"127.0.0.1:{pbx.sip_port}"] for name, pbx in zip("ab", self.asterisks, strict=True)}

    async def channels(self, wanted: tuple[int, int]) -> None:
        """Until the Asterisks have so many."""
        for _ in range(50):
            said = [await pbx.cli("core show channels count") for pbx in self.asterisks if pbx.running]
            counts = tuple(int(found[1]) for text in said if (found := re.search(r"(\d+) active channel", text)))
            if counts == wanted[-len(counts) :]:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{counts} channels, wanted {wanted}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kamailio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kamailio]:
    folder = tmp_path_factory.mktemp("kamailio")
    (folder / "stage").mkdir()
    async with (
        Pbx(
            sip_port=0,
            tls_port=0,
            ari_port=0,
            rtp_ports=audio_ports(),
            callers=(),
            pjsip=KAMAILIO_ENDPOINT,
            extensions=UNAVAILABLE + ANSWERS,
        ) as alone,
        staged(
            folder / "stage",
            pbx_options={
                "callers": (),
                "pjsip": KAMAILIO_ENDPOINT,
                "extensions": UNAVAILABLE + ANSWERS + ONLY_AT_THE_SECOND,
            },
        ) as stage,
    ):
        port = free_port("127.0.0.1", 0, "SIP_PORT", TCP_AND_UDP)
        environment = {
            **os.environ,
            "ARI_AGENT_ASTERISKS": f"127.0.0.1:{alone.sip_port},127.0.0.1:{stage.pbx.sip_port}",
            "ARI_AGENT_CALLERS": "127.0.0.1",
            "ARI_AGENT_KAMAILIO_LISTEN": f"127.0.0.1:{port}",
            "ARI_AGENT_KAMAILIO_FOLDER": str(folder),
        }
        with (folder / "log").open("w") as log:
            process = await asyncio.create_subprocess_exec(
                str(DOCKER / "run-kamailio.sh"), env=environment, stdout=log, stderr=log
            )
        made = Kamailio(port, folder, alone, stage)
        try:
            for _ in range(100):
                assert process.returncode is None, (folder / "log").read_text()
                if (await made.listed()).count("FLAGS: AP") == 2:  # active, probed
                    break
                await asyncio.sleep(0.1)
            yield made
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def test_a_call_goes_to_the_asterisk_with_the_fewest_and_its_end_is_counted(kamailio: Kamailio) -> None:
    async with kamailio.caller() as one, kamailio.caller() as two, kamailio.caller() as three:
        await one.call("answers")
        await two.call("answers")
        await kamailio.channels((1, 1))
        assert await kamailio.load() == {"a": 1, "b": 1}
        await two.hang_up()
        await kamailio.channels((1, 0))
        await three.call("answers")
        await kamailio.channels((1, 1))
        await one.hold()  # a re-INVITE finds its Asterisk
    await kamailio.channels((0, 0))
    assert await kamailio.load() == {"a": 0, "b": 0}


async def test_a_call_that_asterisk_ends_is_counted_no_longer(kamailio: Kamailio) -> None:
    async with kamailio.caller() as caller:
        await caller.call("ends")
        await caller.bye()
        assert await kamailio.load() == {"a": 0, "b": 0}


async def test_a_call_that_one_pair_does_not_take_is_the_next_ones(kamailio: Kamailio) -> None:
    async with kamailio.caller() as caller:
        await caller.call("second")
        await kamailio.channels((0, 1))
        assert await kamailio.load() == {"a": 0, "b": 1}


async def test_a_pair_without_a_controller_leaves_its_calls_as_they_came_to_the_next(kamailio: Kamailio) -> None:
    stage = kamailio.stage
    agent = stage.agents.agent(echo)
    number = await stage.import_number(await stage.create_agent(agent))
    async with kamailio.caller() as caller:
        await caller.call(number, headers=[("X-Account", "4711")])
        call_id = str((await agent.call()).about["call_id"])
        await stage.begun(call_id)
        call = await stage.controller.call(call_id)
        assert call["from_number"] == caller.user and call["custom_sip_headers"] == {"x-account": "4711"}
        await kamailio.channels((0, 2))  # its own, and the one to the controller
    await kamailio.channels((0, 0))


async def test_a_call_that_no_pair_takes_may_come_again_later(kamailio: Kamailio) -> None:
    async with kamailio.caller() as caller:
        await caller.dial("nobody")
        refused = await caller.refused()
        assert refused.status == 503 and refused.need("Retry-After") == "10"
        # Outside of a call, as this one did not come about.
        assert [(await caller.request(method)).status for method in ("OPTIONS", "MESSAGE")] == [200, 405]
    assert await kamailio.load() == {"a": 0, "b": 0}


async def test_a_caller_who_was_let_ring_does_not_ring_at_the_next(kamailio: Kamailio) -> None:
    async with kamailio.caller() as caller:
        await caller.dial("rings")
        assert (await caller.refused()).status == 503
        assert len([m for m in caller.received if m.status == 180]) == 1
    assert await kamailio.load() == {"a": 0, "b": 0}


async def test_a_caller_who_gives_up_is_counted_no_longer(kamailio: Kamailio) -> None:
    async with kamailio.caller() as caller:
        await caller.dial("rings")
        await caller.ringing()
        await caller.cancel()
        assert (await caller.refused()).status == 487
    assert await kamailio.load() == {"a": 0, "b": 0}


async def test_strangers_are_not_let_in(kamailio: Kamailio) -> None:
    async with kamailio.caller("127.0.0.9") as stranger:
        await stranger.dial("answers")
        assert (await stranger.refused()).status == 403
    await kamailio.channels((0, 0))


async def test_a_caller_reaches_nobody_but_the_asterisks(kamailio: Kamailio) -> None:
    async with kamailio.caller() as caller, kamailio.caller() as elsewhere:
        await caller.call("answers")
        dialog = caller._need_dialog()
        there = f"sip:somebody@127.0.0.1:{elsewhere._port}"
        target, dialog.target = dialog.target, there
        assert (await caller.request("INFO")).status == 403
        dialog.target, routes = target, dialog.routes
        dialog.routes = (*routes, f"<{there};lr>")
        assert (await caller.request("INFO")).status == 403
        dialog.routes = routes
        assert not elsewhere.received


async def test_calls_go_on_at_the_other_when_one_dies(kamailio: Kamailio) -> None:
    """The last one: the first Asterisk is gone then."""
    async with kamailio.caller() as lost, kamailio.caller() as kept:
        await lost.call("answers")
        await kept.call("answers")
        await kamailio.alone.kill()
        async with kamailio.caller() as first:
            await first.call("answers", timeout_s=8)
        assert (await kamailio.listed()).count("FLAGS: IP") == 1  # inactive: no call waits for it any more
        async with kamailio.caller() as second:
            await second.call("answers")
        await kamailio.channels((0, 1))
        await kept.hang_up()
        await kamailio.channels((0, 0))
        lost._need_dialog().over = True
