"""The fourth scripted call: a caller talks freely to an agent with a prompt, which uses its tools and hangs up.

caller_hours.wav is telephone speech made with flite and its CMU voice rms, free to redistribute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ari_agent.demo.caller import SoftphoneCall
from ari_agent.demo.measure import level_dbfs
from ari_agent.demo.prompt_agent import DemoModel
from ari_agent.demo.report import StepFailed
from ari_agent.demo.scripted_call import Participants, answered, record_of
from ari_agent.demo.sounds import SPEECH_RATE_HZ, speech
from ari_agent.demo.text_agent_log import TextAgentLog
from ari_agent.demo.text_call import say_until_understood

STEP: Final = "prompt"
_TIMEOUT_S: Final = 90.0
_ASKED: Final = "open"
_BYE: Final = "bye"
_END: Final = "end_call"
_FUNCTION: Final = "opening_hours"
_REASON: Final = "agent_hangup"
_QUIET_DBFS: Final = -50.0
_PARTS: Final = ("e2e", "asr", "llm", "tts")


async def prompt_call(participants: Participants, talk: TextAgentLog, number: str, model: DemoModel) -> dict[str, Any]:
    """Place the call; return its figures, {} if it came to none. Its step fails in the report, and nowhere else.

    The caller waits for the greeting, asks for the opening hours, which a custom tool tells, and says goodbye, upon
    which the model is to call the tool that ends the call.
    """
    report, figures = participants.report, dict[str, Any]()
    call = await participants.phone.dial(number)
    try:
        async with report.step(STEP, timeout_s=_TIMEOUT_S) as seen:
            await answered(call)
            await _hears_a_turn(call, since=0)
            asked_at = call.audio.heard_samples
            times = await say_until_understood(lambda: call.audio.say(speech("caller_hours")), talk, _ASKED)
            call_id = await talk.wait_for("user", _ASKED)
            await _hears_a_turn(call, since=asked_at)
            times += await say_until_understood(lambda: call.audio.say(speech("caller_bye")), talk, _BYE)
            if await asyncio.shield(call.ended) is None:
                raise StepFailed("the agent was told goodbye and did not hang up")
            talk.finish(call_id)
            figures.update(figures_of(await record_of(participants.api, call_id), model))
            again = "" if times == 2 else f"; what the caller said had to be said {times} times and not 2"
            seen(f"{call_id}: {described(figures)}{again}")
    except StepFailed as error:
        report.say(f"the fourth script ends here: {error}")
    finally:
        await call.hang_up()
    return figures


def figures_of(record: Mapping[str, Any], model: DemoModel) -> dict[str, Any]:
    """Return what the call object tells of the call, for the last line of `demo --once`.

    Raises:
        StepFailed: the agent did not end the call by its tool, or no answer of its was timed, or the demo's rules did
            not call the tool that the question was about.
    """
    tools = [one["name"] for one in record.get("transcript_with_tool_calls") or () if "name" in one]
    if (reason := record.get("disconnection_reason")) != _REASON or tools[-1:] != [_END]:
        raise StepFailed(f"disconnection_reason is {reason} after the tools {tools}, expected {_REASON} by {_END}")
    if model.by_rules and _FUNCTION not in tools:
        raise StepFailed(f"the tools called are {tools}, without {_FUNCTION}")
    latency = record.get("latency") or {}
    figures = {part: latency[part]["p50"] for part in _PARTS if latency.get(part)}
    if "e2e" not in figures:
        raise StepFailed(f"no answer of the agent's was timed: latency is {latency}")
    return {
        "call_id": record["call_id"],
        "model": model.name,
        "by_rules": model.by_rules,
        "tools": tools,
        "utterances": len(record.get("transcript_object") or ()),
        "latency_p50_ms": figures,
    }


def described(figures: Mapping[str, Any]) -> str:
    """Return the figures as a sentence."""
    times = ", ".join(f"{part} {round(ms)}" for part, ms in figures["latency_p50_ms"].items())
    who = "rules in place of a model" if figures["by_rules"] else f"the model {figures['model']}"
    return (
        f"{figures['utterances']} utterances are on record; {who} called {', '.join(figures['tools'])}; "
        f"median latencies in ms: {times}"
    )


async def _hears_a_turn(call: SoftphoneCall, *, since: int) -> None:
    """Wait until the caller has heard something, and then nothing for a second. since: the place in what is heard."""
    while True:
        await asyncio.sleep(0.1)
        heard = call.audio.heard[since:]
        if level_dbfs(heard) > _QUIET_DBFS and level_dbfs(heard[-SPEECH_RATE_HZ:]) <= _QUIET_DBFS:
            return
