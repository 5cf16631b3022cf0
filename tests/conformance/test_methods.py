"""Every method of Retell's clients against a running controller, good and bad; the README says what passes."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from retell import Retell

from tests.conformance import newest_python
from tests.conformance.clients import Unavailable, old_python, run_node
from tests.conformance.methods import METHODS, Client, Method, renew
from tests.integration.stage import Stage

ROOT: Final = Path(__file__).parents[2]
Outcomes = dict[str, tuple[str, str]]


async def _newest(world: Mapping[str, str]) -> Outcomes:
    return await asyncio.to_thread(newest_python.play, world)


async def _old(world: Mapping[str, str]) -> Outcomes:
    interpreter = await asyncio.to_thread(old_python)
    process = await asyncio.create_subprocess_exec(
        str(interpreter),
        "-m",
        "tests.conformance.old_python",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps(world).encode())
    assert process.returncode == 0
    played: Outcomes = json.loads(out)
    return played


async def _npm(world: Mapping[str, str]) -> Outcomes:
    played: Outcomes = await asyncio.to_thread(run_node, "methods.js", world)
    return played


PLAYERS: Final = {Client.NEWEST_PYTHON: _newest, Client.OLD_PYTHON: _old, Client.NPM: _npm}
_played: dict[Client, Outcomes | Unavailable] = {}


async def _outcomes(stage: Stage, client: Client) -> Outcomes:
    """Of one client, which plays once in a session, with an ended call and one that lives."""
    if client not in _played:
        async with stage.connected() as ended:
            pass
        await stage.controller.ended_call(ended.call_id)
        number = await stage.import_number(
            None, termination_uri="127.0.0.1:9", outbound_agents=[{"agent_id": ended.agent_id, "weight": 1}]
        )
        async with stage.connected() as live:
            world = {
                "url": stage.controller.url,
                "key": stage.controller.api_key,
                "agent": live.agent_id,
                "number": number,
                "new_number": stage.new_number(),
                "newer_number": stage.new_number(),
                "ended": ended.call_id,
                "live": live.call_id,
            }
            try:
                _played[client] = await PLAYERS[client](world)
            except Unavailable as why:
                _played[client] = why
    played = _played[client]
    if isinstance(played, Unavailable):
        pytest.skip(str(played))
    return played


CASES: Final = [(client, method) for client, methods in METHODS.items() for method in methods]


@pytest.mark.parametrize(
    ("client", "method"), CASES, ids=[f"{client.name.lower()}-{method.name}" for client, method in CASES]
)
async def test_a_method_does_what_the_table_says(stage: Stage, client: Client, method: Method) -> None:
    good, bad = (await _outcomes(stage, client))[method.name]
    if method.refusal is None:
        assert good == "ok"
        assert re.match(r"4\d\d (?!no error)", bad), bad
    else:
        assert re.match(rf"{method.refusal[:3]} (?!no error)", good), good


PHONE_SIDE: Final = ("agent", "phone_number", "call", "batch_call", "concurrency", "identity")


def test_no_method_of_the_newest_client_is_forgotten() -> None:
    client = Retell(api_key="unused")
    there = {
        f"{noun}.{name}"
        for noun in PHONE_SIDE
        for name, _ in inspect.getmembers(getattr(client, noun), inspect.ismethod)
        if not name.startswith("_")
    }
    client.close()
    listed = {method.name for method in METHODS[Client.NEWEST_PYTHON]}
    assert {name for name in listed if not name.startswith("chat.")} == there


async def test_what_is_beyond_the_phone_side_is_refused_clearly(stage: Stage) -> None:
    """Prompts, flows, knowledge bases, voices and the rest of the platform."""

    def refusals() -> dict[str, str]:
        client = Retell(api_key=stage.controller.api_key, base_url=stage.controller.url, max_retries=0)
        beyond: dict[str, Any] = {
            "llm": client.llm.list,
            "conversation_flow": client.conversation_flow.list,
            "knowledge_base": client.knowledge_base.list,
            "voice": client.voice.list,
            "contact": client.contact.list,
        }
        with client:
            return {name: newest_python.outcome(attempt) for name, attempt in beyond.items()}

    for name, refusal in (await asyncio.to_thread(refusals)).items():
        assert re.match(r"(404|501) (?!no error)", refusal), (name, refusal)


def test_the_table_of_the_readme_is_this_list() -> None:
    readme = (ROOT / "README.md").read_text()
    assert renew(readme) == readme, "write it anew: python -m tests.conformance.methods README.md"
