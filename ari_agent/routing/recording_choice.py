"""Whether one call is recorded: its number, its agent and the controller's setting each may say so. Pure."""

from __future__ import annotations

from ari_agent.contract.agent import Agent
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.recording import NOT_RECORDED, RecordingPlan


def recording_of_call(agent: Agent, number: PhoneNumber | None, default: RecordingPlan) -> RecordingPlan:
    """Return what is recorded of a call: as its number says, else as its agent does, else the default.

    number: ours; None for calls without one. Nothing is recorded of calls of which basic attributes alone are stored.
    """
    if agent.data_storage_setting == "basic_attributes_only":
        return NOT_RECORDED
    sides = (number.recording if number else None) or agent.recording or default.sides
    if sides == "off":
        return NOT_RECORDED
    beep_s = default.beep_s if agent.recording_beep_s is None else agent.recording_beep_s
    consent = (number.recording_consent if number else None) or agent.recording_consent
    return RecordingPlan(sides, beep_s, consent)
