"""Calls every method of the Python SDK of the first API version; run by an interpreter that has it.

python -m tests.conformance.old_python < WORLD > OUTCOMES; with `beyond`, those of what is not served
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import retell
from retell._resource import SyncAPIResource

Attempt = Callable[[], object]


def outcome(attempt: Attempt) -> str:
    """`ok`, or the status and message of the answer, or what the client did not like."""
    try:
        attempt()
    except retell.APIStatusError as error:
        body: Any = error.body
        message = body["error_message"] if isinstance(body, dict) and "error_message" in body else f"no error: {body}"
        return f"{error.status_code} {message}"
    except Exception as error:  # whatever a client raises is its verdict
        return f"{type(error).__name__}: {error}"
    return "ok"


def attempts(client: Any, stranger: Any, world: Mapping[str, str]) -> dict[str, tuple[Attempt, Attempt]]:
    """Good and bad, by the method's name."""
    calls, agents, numbers = client.call, client.agent, client.phone_number
    llm = {"llm_websocket_url": "wss://agent.example.com/llm", "voice_id": "v"}
    agent = agents.create(**llm).agent_id
    own = world["new_number"]
    prompts = client.llm
    prompt, unused = (prompts.create(general_prompt="Be kind.").llm_id for _ in range(2))
    return {
        "llm.create": (
            lambda: prompts.create(general_prompt="Be kind.", begin_message="Hi."),
            lambda: prompts.create(general_tools=[{"type": "book_appointment_cal", "name": "x"}]),
        ),
        "llm.retrieve": (lambda: prompts.retrieve(prompt), lambda: prompts.retrieve("llm_unknown")),
        "llm.update": (
            lambda: prompts.update(prompt, begin_message="Hello."),
            lambda: prompts.update(prompt, begin_message=7),
        ),
        "llm.list": (prompts.list, prompts.list),
        "llm.delete": (lambda: prompts.delete(unused), lambda: prompts.delete("llm_unknown")),
        "agent.create": (
            lambda: agents.create(**llm, agent_name="Ada", reminder_max_count=2),
            lambda: agents.create(**llm, responsiveness=2),
        ),
        "agent.retrieve": (lambda: agents.retrieve(agent), lambda: agents.retrieve("agent_unknown")),
        "agent.update": (
            lambda: agents.update(agent, agent_name="Eve", webhook_url="https://a.example/hook"),
            lambda: agents.update(agent, voice_speed=9),
        ),
        "agent.list": (agents.list, stranger.agent.list),
        "phone_number.create": (
            lambda: numbers.create(agent_id=agent, area_code=415, extra_body={"phone_number": own}),
            lambda: numbers.create(agent_id=agent, extra_body={"phone_number": "+123"}),
        ),
        "phone_number.retrieve": (lambda: numbers.retrieve(own), lambda: numbers.retrieve("+19995550000")),
        "phone_number.update": (
            lambda: numbers.update(own, agent_id=agent),
            lambda: numbers.update("+19995550000", agent_id=agent),
        ),
        "phone_number.list": (numbers.list, stranger.phone_number.list),
        "phone_number.delete": (lambda: numbers.delete(own), lambda: numbers.delete("+19995550000")),
        "call.create": (
            lambda: calls.create(from_number=world["number"], to_number="+14155550199"),
            lambda: calls.create(from_number="+19995550000", to_number="+14155550199"),
        ),
        "call.register": (
            lambda: calls.register(
                agent_id=world["agent"],
                audio_encoding="s16le",
                audio_websocket_protocol="web",
                sample_rate=24000,
                metadata={"order": 7},
            ),
            lambda: calls.register(
                agent_id=world["agent"], audio_encoding="mulaw", audio_websocket_protocol="twilio", sample_rate=16000
            ),
        ),
        "call.retrieve": (lambda: calls.retrieve(world["ended"]), lambda: calls.retrieve("call_unknown")),
        "call.list": (
            lambda: calls.list(filter_criteria={"agent_id": [world["agent"], "agent_2"]}, limit=5),
            lambda: calls.list(limit=-1),
        ),
        "agent.delete": (lambda: agents.delete(agent), lambda: agents.delete("agent_unknown")),
    }


def refusals(client: Any) -> dict[str, str]:
    """The names of all methods; there is none that attempts() does not try."""
    found: dict[str, str] = {}
    for noun, resource in vars(client).items():
        if isinstance(resource, SyncAPIResource):
            for name, _ in inspect.getmembers(resource, inspect.ismethod):
                if not name.startswith("_"):
                    found[f"{noun}.{name}"] = ""
    return found


def connect(url: str, key: str) -> Any:
    """Its constructor cannot make a client of today's httpx; it takes one."""
    return retell.Retell(api_key=key, base_url=url, http_client=httpx.Client(base_url=url), max_retries=0)


def main() -> None:
    """From standard input to standard output."""
    world: dict[str, str] = json.load(sys.stdin)
    client, stranger = connect(world["url"], world["key"]), connect(world["url"], "wrong")
    if sys.argv[1:] == ["beyond"]:
        json.dump(refusals(client), sys.stdout)
        return
    played = {name: (outcome(good), outcome(bad)) for name, (good, bad) in attempts(client, stranger, world).items()}
    json.dump(played, sys.stdout)


if __name__ == "__main__":
    main()
