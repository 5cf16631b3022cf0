"""The scripted call: what a caller does, and how each step is checked where it can be seen.

caller     hears ringing, the agent's greeting, its own question one second later, the tone that a key asked for;
           takes a REFER, dials the operator, is told by BYE that the first call is over
agent      is dialled with the call's variables, hears the question, gets the keys
receiver   gets the inbound webhook while the caller rings, and the call's events
API        shows the record; its links lead to a recording and a log that hold the call
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ari_agent.demo import agent
from ari_agent.demo.agent_log import AgentCall, AgentLog
from ari_agent.demo.artefact_links import check_artefacts
from ari_agent.demo.caller import CallFailed, Softphone, SoftphoneCall
from ari_agent.demo.controller import ControllerApi, ControllerUnavailable
from ari_agent.demo.measure import Match, find_in_pieces, level_dbfs, tone_dbfs
from ari_agent.demo.receiver import Receiver
from ari_agent.demo.recorded_call import Dialogue
from ari_agent.demo.report import Report, StepFailed
from ari_agent.demo.sip import uri_of, user_of
from ari_agent.demo.sounds import Samples, chirp, melody, speech

RATE_HZ: Final = 8000
OPERATOR_RATE_HZ: Final = 16000
HEARD_TIMEOUT_S: Final = 12.0
CALL_EVENTS: Final = ("call_started", "call_ended", "call_analyzed")


@dataclass(frozen=True, slots=True)
class Participants:
    """Who takes part in the scripted call.

    number and operator_number: what the caller dials, and what the agent transfers to. keep: gets what the caller has
    heard in the call, at its end.
    """

    phone: Softphone
    receiver: Receiver
    agent_log: AgentLog
    api: ControllerApi
    report: Report
    number: str
    operator_number: str
    keep: Callable[[Samples], None] = lambda _: None


async def scripted_call(participants: Participants) -> dict[str, Any]:
    """Place the call and check every step; return the call object as the API shows it, {} if it came to none.

    A failed step ends the script: what depends on it could only fail as well.
    """
    record: dict[str, Any] = {}
    token = f"demo {secrets.token_hex(4)}"
    call = await participants.phone.dial(participants.number, headers=[("X-Caller", token)])
    try:
        agent_call = await _begin(participants, call, token)
        dialogue = await _talk(participants.report, call, agent_call)
        await _press_keys(participants, call, agent_call)
        operator_call = await _transfer(participants, call)
        await _hang_up(participants, call, operator_call)
        call_id = agent_call.started.call_id
        record = await read_record(participants, call_id, token)
        await count_webhooks(participants, call_id)
        await check_artefacts(participants.report, record, dialogue, number=participants.number, customer_name=token)
    except StepFailed as error:
        participants.report.say(f"the script ends here: {error}")
    finally:
        await call.hang_up()
        participants.keep(call.audio.heard)
    return record


async def _begin(participants: Participants, call: SoftphoneCall, token: str) -> AgentCall:
    report, began_s = participants.report, time.monotonic()
    async with report.step("ring", timeout_s=10) as seen:
        ringing, answer = asyncio.create_task(call.ringing.wait()), call.answer
        await asyncio.wait((ringing, answer), return_when=asyncio.FIRST_COMPLETED)
        if not call.ringing.is_set():
            ringing.cancel()
            raise StepFailed(f"{answer.exception() or 'answered without ringing'}")
        seen(f"180 Ringing {(time.monotonic() - began_s) * 1000:.0f} ms after the INVITE")
    async with report.step("webhook", timeout_s=15) as seen:
        asked = await participants.receiver.wait_for("call_inbound")
        if call.answer.done() and not participants.receiver.inbound_answers:
            raise StepFailed("the call was answered before the webhook had its say")
        if asked.call.get("to_number") != participants.number:
            raise StepFailed(f"to_number is {asked.call.get('to_number')}, dialled was {participants.number}")
        seen(f"call_inbound from {asked.call.get('from_number')} to {participants.number}, signature right")
    async with report.step("headers", timeout_s=5) as seen:
        agent_call = await participants.agent_log.wait_for(lambda one: one.started.variables.get("x-caller") == token)
        headers = asked.call.get("custom_sip_headers") or {}
        if headers.get("x-caller") != token:
            raise StepFailed(f"the webhook's custom_sip_headers are {headers}, expected x-caller: {token}")
        seen(f"X-Caller: {token} is x-caller for the webhook and for the agent")
    async with report.step("agent", timeout_s=15) as seen:
        name = agent_call.started.variables.get("customer_name")
        if name != token:
            raise StepFailed(f"customer_name is {name!r}, the webhook had said {token!r}")
        await answered(call)
        after_ms = (time.monotonic() - began_s) * 1000
        seen(f"{agent_call.started.call_id} knows the webhook's customer_name; answered after {after_ms:.0f} ms")
    return agent_call


async def _talk(report: Report, call: SoftphoneCall, agent_call: AgentCall) -> Dialogue:
    greeting = np.concatenate([melody(agent.GREETING_NOTES_HZ, 120, RATE_HZ), np.zeros(800, np.int16)])
    greeting = np.concatenate([greeting, speech("greeting")])
    async with report.step("audio_to_caller", timeout_s=20) as seen:
        greeted = await until_heard(greeting, lambda: call.audio.heard)
        seen(_described("the greeting", greeted, greeting))
    question = speech("caller_question")
    async with report.step("audio_to_agent", timeout_s=20) as seen:
        began_at = await call.audio.say(question)
        seen(_described("the question", await until_heard(question, lambda: agent_call.heard), question))
    async with report.step("echo", timeout_s=20) as seen:
        match = await until_heard(question, lambda: call.audio.heard[began_at:])
        delay_ms = match.offset * 1000 / RATE_HZ
        if not 950 <= delay_ms <= 2000:
            raise StepFailed(f"it came back after {delay_ms:.0f} ms, the agent waits 1000 ms")
        seen(f"the question came back after {delay_ms:.0f} ms, correlation {match.correlation:.3f}")
    return Dialogue(greeting, question, greeted.offset, began_at, began_at + match.offset)


async def _press_keys(participants: Participants, call: SoftphoneCall, agent_call: AgentCall) -> None:
    async with participants.report.step("dtmf", timeout_s=20) as seen:
        position = call.audio.heard_samples
        await call.audio.press("1")
        await participants.agent_log.wait_for(lambda one: one is agent_call and "1" in one.digits)
        tone = chirp(agent.RISING_TONE_HZ[0], agent.RISING_TONE_HZ[1], 600, RATE_HZ)
        match = await until_heard(tone, lambda: call.audio.heard[position:])
        await participants.agent_log.wait_for(lambda one: one is agent_call and "rising tone" in one.marks)
        seen(f"1 answered by a rising tone (correlation {match.correlation:.3f}), its mark came back")
    async with participants.report.step("clear", timeout_s=15) as seen:
        position = call.audio.heard_samples
        await call.audio.press("2")
        await participants.agent_log.wait_for(lambda one: one is agent_call and "long tone" in one.marks)
        await asyncio.sleep(1.0)
        heard = call.audio.heard[position:]
        window = RATE_HZ // 50
        pieces = [heard[start : start + window] for start in range(0, len(heard) - window, window)]
        sounding_ms = 20 * sum(tone_dbfs(piece, agent.LONG_TONE_HZ, RATE_HZ) > -30 for piece in pieces)
        if not 500 <= sounding_ms <= 2000 or tone_dbfs(heard[-RATE_HZ // 2 :], agent.LONG_TONE_HZ, RATE_HZ) > -50:
            raise StepFailed(f"a tone of 5000 ms, cleared after 1000 ms, was heard for {sounding_ms} ms")
        seen(f"2 began a tone of 5000 ms; after clear it had sounded for {sounding_ms} ms, its mark came back")


async def _transfer(participants: Participants, call: SoftphoneCall) -> SoftphoneCall:
    token = f"operator {secrets.token_hex(4)}"
    async with participants.report.step("transfer", timeout_s=30) as seen:
        await call.audio.press("9")
        refer = await call.refers.get()
        wanted = (participants.operator_number in user_of(refer.target), "X-Transferred-By" in refer.refer_to)
        if not all(wanted) or not refer.referred_by:
            raise StepFailed(f"REFER to {refer.refer_to}, referred by {refer.referred_by}")
        await call.notify("SIP/2.0 100 Trying", final=False)
        operator_call = await participants.phone.dial(participants.operator_number, headers=[("X-Caller", token)])
        operator = await participants.agent_log.wait_for(lambda one: one.started.variables.get("x-caller") == token)
        await answered(operator_call)
        await call.notify("SIP/2.0 200 OK", final=True)
        match = await until_heard(speech("operator"), lambda: operator_call.audio.heard)
        seen(f"REFER to {refer.target} by {uri_of(refer.referred_by)}; the operator answers over the web protocol")
        await operator_call.audio.say(speech("caller_goodbye"))
        goodbye = await until_heard(speech("caller_goodbye", OPERATOR_RATE_HZ), lambda: operator.heard)
        seen(f"correlation {match.correlation:.3f} to the caller, {goodbye.correlation:.3f} to the operator")
    return operator_call


async def _hang_up(participants: Participants, call: SoftphoneCall, operator_call: SoftphoneCall) -> None:
    async with participants.report.step("hang_up", timeout_s=15) as seen:
        bye = await asyncio.shield(call.ended)
        if bye is None:
            raise StepFailed("the transferred call got no BYE")
        seen("BYE after the transfer")
        await operator_call.audio.press("0")
        bye = await asyncio.shield(operator_call.ended)
        reason = bye.header("reason") if bye else None
        if not reason or "cause=16" not in reason.replace(" ", ""):
            raise StepFailed(f"the operator's BYE has Reason {reason}, asked for was Q.850 cause 16")
        seen(f"the operator's BYE has Reason: {reason}")


async def read_record(participants: Participants, call_id: str, token: str) -> dict[str, Any]:
    """Run the step `record`: wait for the call's end in the API, and compare the call object with what was done."""
    async with participants.report.step("record", timeout_s=10) as seen:
        record = await record_of(participants.api, call_id)
        expected = {
            "call_status": "ended",
            "disconnection_reason": "call_transfer",
            "direction": "inbound",
            "to_number": participants.number,
            "metadata": {"answered_by": "ari_agent.demo.receiver"},
        }
        wrong = [
            f"{name} is {record.get(name)!r}, not {value!r}"
            for name, value in expected.items()
            if record.get(name) != value
        ]
        if (record.get("custom_sip_headers") or {}).get("x-caller") != token:
            wrong.append(f"custom_sip_headers are {record.get('custom_sip_headers')!r}")
        if not record.get("duration_ms"):
            wrong.append("it has no duration_ms")
        if wrong:
            raise StepFailed("; ".join(wrong))
        seen(f"{call_id}: ended, call_transfer to {record.get('transfer_destination')}, {record['duration_ms']} ms")
    return record


async def record_of(api: ControllerApi, call_id: str) -> dict[str, Any]:
    """Wait for the call's end in the API, and return the call object. Raises: StepFailed."""
    record: dict[str, Any] = {}
    while "end_timestamp" not in record:
        try:
            record = await api.ask("GET", f"/v2/get-call/{call_id}")
        except ControllerUnavailable as error:
            raise StepFailed(str(error)) from None
        await asyncio.sleep(0.1)
    return record


async def each_event_once(receiver: Receiver, call_id: str, expected: Sequence[str]) -> None:
    """Wait for the webhooks with these events of a call. Raises: StepFailed, unless each came once and in order."""
    for event in expected:
        await receiver.wait_for(event, call_id)
    events = [one.event for one in receiver.received if one.call.get("call_id") == call_id and one.event in expected]
    if events != list(expected):
        raise StepFailed(f"expected {', '.join(expected)}, once each and in order; got {', '.join(events)}")


async def count_webhooks(participants: Participants, call_id: str) -> None:
    """Run the step `webhooks`: each event must come once, in order and signed."""
    async with participants.report.step("webhooks", timeout_s=15) as seen:
        await each_event_once(participants.receiver, call_id, CALL_EVENTS)
        ended = await participants.receiver.wait_for("call_ended", call_id)
        if ended.call.get("disconnection_reason") != "call_transfer":
            raise StepFailed(f"call_ended says {ended.call.get('disconnection_reason')}")
        if participants.receiver.refused:
            raise StepFailed(f"{participants.receiver.refused} webhooks had a wrong signature")
        seen(f"{', '.join(CALL_EVENTS)}, once each, signatures right")


async def answered(call: SoftphoneCall) -> None:
    """Wait until the call is answered. Raises: StepFailed, if it is refused."""
    try:
        await asyncio.shield(call.answer)
    except (CallFailed, ValueError) as error:
        raise StepFailed(str(error)) from None


async def until_heard(sound: Samples, recording: Callable[[], Samples]) -> Match:
    """Wait until the sound is in the recording, whole and as loud as it was; return where."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + HEARD_TIMEOUT_S
    best = Match(0.0, 0, 0.0)
    while loop.time() < deadline_s:
        # In a thread: meanwhile the caller and the agent of this process go on sending every 20 ms.
        match = await asyncio.to_thread(find_in_pieces, sound, recording())
        if match.is_same_sound:
            return match
        best = max(best, match, key=lambda one: one.correlation)
        await asyncio.sleep(0.25)
    raise StepFailed(f"not heard; the nearest sound has correlation {best.correlation:.3f} and {best.gain_db:+.1f} dB")


def _described(what: str, match: Match, original: Samples) -> str:
    level = level_dbfs(original) + match.gain_db
    return f"{what} at {level:.1f} dBFS ({match.gain_db:+.2f} dB), correlation {match.correlation:.3f}"
