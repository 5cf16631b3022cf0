"""The third scripted call: the agent tells a second phone about the caller, and leaves the two alone.

caller        presses a key, hears music while the agent consults, then the second phone
second phone  is dialled through the number's trunk, hears the agent's words, then the caller
agent         hears and says nothing once the two are connected
receiver      gets the events of the transfer; API: shows the record

handoff.wav was made with flite and its voice slt, free to redistribute.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from ari_agent.demo.agent_log import AgentCall
from ari_agent.demo.caller import SoftphoneCall
from ari_agent.demo.measure import NOT_HEARD, find_in_pieces, level_dbfs
from ari_agent.demo.report import StepFailed
from ari_agent.demo.scripted_call import Participants, answered, each_event_once, record_of, until_heard
from ari_agent.demo.second_phone import IncomingCall, SecondPhone
from ari_agent.demo.sip import uri_of, user_of
from ari_agent.demo.sounds import Samples, speech

STEPS: Final = ("consultation", "handover")
EVENTS: Final = (
    "call_started",
    "transfer_started",
    "transfer_bridged",
    "transfer_ended",
    "call_ended",
    "call_analyzed",
)
_MUSIC_DBFS: Final = -50.0


async def warm_call(participants: Participants, second_phone: SecondPhone, target: str) -> None:
    """Place the call; its steps fail in the report, and nowhere else.

    target: the number that the agent is to transfer to.
    """
    token = f"warm {secrets.token_hex(4)}"
    call = await participants.phone.dial(participants.number, headers=[("X-Caller", token)])
    try:
        agent_call, second = await _consult(participants, call, second_phone, token, target)
        await _hand_over(participants, call, second, agent_call, target)
    except StepFailed as error:
        participants.report.say(f"the third script ends here: {error}")
    finally:
        await call.hang_up()


async def _consult(
    participants: Participants, call: SoftphoneCall, second_phone: SecondPhone, token: str, target: str
) -> tuple[AgentCall, IncomingCall]:
    async with participants.report.step("consultation", timeout_s=45) as seen:
        await answered(call)
        agent_call = await participants.agent_log.wait_for(lambda one: one.started.variables.get("x-caller") == token)
        await call.audio.press("8")
        second = await asyncio.shield(second_phone.first_call)
        if target not in second.invite.start_line:
            raise StepFailed(f"the second phone got {second.invite.start_line}, expected was {target}")
        seen(f"INVITE for {target} from {user_of(uri_of(second.invite.header('from') or ''))}")
        await answered(second)
        position = call.audio.heard_samples
        words = speech("handoff")
        match = await until_heard(words, lambda: second.audio.heard)
        music = call.audio.heard[position:]
        if _was_heard(words, music):
            raise StepFailed("the caller heard what the agent said to the second phone")
        if (level := level_dbfs(music)) < _MUSIC_DBFS:
            raise StepFailed(f"the caller heard no music: {level:.1f} dBFS")
        seen(f"it answered and heard what the call is about (correlation {match.correlation:.3f})")
        seen(f"the caller heard music at {level:.1f} dBFS and not a word of it")
    return agent_call, second


async def _hand_over(
    participants: Participants, call: SoftphoneCall, second: IncomingCall, agent_call: AgentCall, target: str
) -> None:
    async with participants.report.step("handover", timeout_s=45) as seen:
        to_caller = await until_heard(speech("second_phone"), lambda: call.audio.heard)
        question = speech("caller_question")
        await call.audio.say(question)
        to_second = await until_heard(question, lambda: second.audio.heard)
        await participants.agent_log.wait_for(lambda one: one is agent_call and "succeeded" in one.transfer_statuses)
        for who, sound in (("the caller", question), ("the second phone", speech("second_phone"))):
            if _was_heard(sound, agent_call.heard):
                raise StepFailed(f"the agent still heard {who}")
        seen(
            f"they hear each other (correlation {to_caller.correlation:.3f} and {to_second.correlation:.3f}), "
            "the agent neither"
        )
        await call.hang_up()
        if await asyncio.shield(second.ended) is None:
            raise StepFailed("the caller hung up, and the second phone got no BYE")
        call_id = agent_call.started.call_id
        record = await record_of(participants.api, call_id)
        ended = (record.get("disconnection_reason"), record.get("transfer_destination"))
        if ended != ("call_transfer", target):
            raise StepFailed(f"the record has {ended[0]} to {ended[1]}, expected was call_transfer to {target}")
        await each_event_once(participants.receiver, call_id, EVENTS)
        seen(f"BYE when the caller hung up; {call_id}: call_transfer to {target}; {', '.join(EVENTS[1:4])}, once each")


def _was_heard(sound: Samples, recording: Samples) -> bool:
    return find_in_pieces(sound, recording).correlation > NOT_HEARD
