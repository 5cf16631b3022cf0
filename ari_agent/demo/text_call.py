"""The second scripted call: a caller talks to the text agent, which reads what they say and writes what is spoken.

caller_help.wav and caller_bye.wav are telephone speech made with flite and its CMU voice rms, free to redistribute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ari_agent.demo.caller import Softphone
from ari_agent.demo.controller import ControllerApi
from ari_agent.demo.report import Report, StepFailed
from ari_agent.demo.scripted_call import answered, record_of
from ari_agent.demo.sounds import speech
from ari_agent.demo.text_agent_log import TextAgentLog

STEP: Final = "conversation"
_TIMEOUT_S: Final = 60.0
_GREETING: Final = "How can I help you?"
_ABILITIES: Final = "say goodbye"
_REASON: Final = "agent_hangup"
_HELP: Final = "help"
_TIMES: Final = 3
_PATIENCE_S: Final = 10.0


async def text_call(phone: Softphone, talk: TextAgentLog, api: ControllerApi, report: Report, number: str) -> None:
    """Place the call; its step fails in the report, and nowhere else.

    The caller waits for the greeting, asks for help, hears what the agent can do, and says goodbye; the agent hangs up.
    Like anybody who gets no answer, the caller asks again: a word as short as "help" is lost where the machine is busy.
    """
    call = await phone.dial(number)
    try:
        async with report.step(STEP, timeout_s=_TIMEOUT_S) as seen:
            await answered(call)
            call_id = await talk.wait_for("agent", _GREETING)
            times = await say_until_understood(lambda: call.audio.say(speech("caller_help")), talk, _HELP)
            await talk.wait_for("agent", _ABILITIES)
            await call.audio.say(speech("caller_bye"))
            if await asyncio.shield(call.ended) is None:
                raise StepFailed("the agent was told goodbye and did not hang up")
            talk.finish(call_id)
            record = await record_of(api, call_id)
            if (reason := record.get("disconnection_reason")) != _REASON:
                raise StepFailed(f"disconnection_reason is {reason}, expected {_REASON}")
            count = len(record.get("transcript_object") or ())
            again = "" if times == 1 else f'"{_HELP}" had to be said {times} times; '
            seen(f"{call_id}: {count} utterances are on record; {again}the agent hung up after goodbye")
    except StepFailed as error:
        report.say(f"the second script ends here: {error}")
    finally:
        await call.hang_up()


async def say_until_understood(
    say: Callable[[], Awaitable[object]], talk: TextAgentLog, words: str, *, patience_s: float = _PATIENCE_S
) -> int:
    """Say something up to three times, until the agent was told that the user said these words; return how often.

    patience_s: how long each time is waited for that.

    Raises:
        StepFailed: it was not understood.
    """
    for times in range(1, _TIMES + 1):
        await say()
        try:
            async with asyncio.timeout(patience_s):
                await talk.wait_for("user", words)
        except TimeoutError:
            continue
        return times
    raise StepFailed(f'the caller said "{words}" {_TIMES} times, and the agent was not told so')
