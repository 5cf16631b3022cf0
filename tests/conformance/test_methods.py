"""Every method of Retell's clients against a running controller, good and bad; docs/http-api.md says what passes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.clients import Unavailable, old_python, run_node
from tests.conformance.methods import BEYOND, METHODS, Client, Method, all_of, renew
from tests.fakes.llm_server import LlmServer
from tests.integration.stage import Stage

ROOT: Final = Path(__file__).parents[2]
Outcomes = dict[str, tuple[str, str]]


async def _newest(world: Mapping[str, str]) -> Outcomes:
    from tests.conformance import newest_python

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
        opening = {"response_id": 0, "content": "Hi", "content_complete": True}
        async with stage.connected() as live, LlmServer() as llms:
            world = {
                "url": stage.controller.url,
                "key": stage.controller.api_key,
                "agent": live.agent_id,
                "number": number,
                "new_number": stage.new_number(),
                "newer_number": stage.new_number(),
                "ended": ended.call_id,
                "live": live.call_id,
                "llm": llms.agent(opening=(opening,)).url,
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


def _newest_refusals(world: Mapping[str, str]) -> dict[str, str]:
    from retell import Retell

    from tests.conformance import newest_python

    with Retell(api_key=world["key"], base_url=world["url"], max_retries=0) as client:
        found = newest_python.methods(client)
        return {name: newest_python.outcome(found[name]) if _is_beyond(name) else "" for name in found}


def _old_refusals(world: Mapping[str, str]) -> dict[str, str]:
    command = [str(old_python()), "-m", "tests.conformance.old_python", "beyond"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(world), capture_output=True, text=True, check=True)
    played: dict[str, str] = json.loads(done.stdout)
    return played


def _npm_refusals(world: Mapping[str, str]) -> dict[str, str]:
    played: dict[str, str] = run_node("beyond.js", world)
    return played


def _is_beyond(name: str) -> bool:
    return name.partition(".")[0] in BEYOND[Client.NEWEST_PYTHON]


@pytest.mark.parametrize(
    ("client", "refusals"),
    [
        (Client.NEWEST_PYTHON, _newest_refusals),
        (Client.OLD_PYTHON, _old_refusals),
        (Client.NPM, _npm_refusals),
    ],
)
async def test_no_method_is_forgotten_and_what_is_not_served_says_so(
    stage: Stage, client: Client, refusals: Callable[[Mapping[str, str]], dict[str, str]]
) -> None:
    """Flows, knowledge bases, voices and the rest of the platform are refused clearly."""
    world = {"url": stage.controller.url, "key": stage.controller.api_key}
    try:
        found = await asyncio.to_thread(refusals, world)
    except Unavailable as why:
        pytest.skip(str(why))
    assert set(found) == all_of(client)
    clear = re.compile(r"404 no such path: \w+ /\S+; GET /openapi.json lists what is served")
    assert {name: said for name, said in found.items() if _is_beyond(name) and not clear.fullmatch(said)} == {}


def test_the_table_of_the_documentation_is_this_list() -> None:
    page = (ROOT / "docs" / "http-api.md").read_text()
    assert renew(page) == page, "write it anew: python -m tests.conformance.methods docs/http-api.md"
