"""What is kept of a spoken conversation."""

from __future__ import annotations

from ari_agent.calls.dialogue.agent_settings import DialogueSettings
from ari_agent.calls.dialogue.spoken_dialogue import SpokenDialogue
from ari_agent.calls.dialogue.spoken_transcript import MOST_TOOL_CHARACTERS, SpokenTranscript
from ari_agent.calls.transcript import MAX_INJECTED, MAX_KEYS
from ari_agent.contract.call import Call
from ari_agent.contract.transcript import (
    MAX_UTTERANCES,
    MAX_WORDS,
    ToolCallInvocation,
    ToolCallResult,
    Utterance,
    Word,
)


def said(transcript: SpokenTranscript) -> list[tuple[str, str]]:
    return [(utterance.role, utterance.content) for utterance in transcript.utterances()]


def used(text: str = "{}") -> ToolCallInvocation:
    return ToolCallInvocation(role="tool_call_invocation", tool_call_id="t1", name="look_up", arguments=text)


def test_what_follows_of_one_speaker_is_one_utterance() -> None:
    transcript = SpokenTranscript()
    transcript.agent_said(1, "Hello.", [Word(word="Hello.", start=0.1, end=0.5)], response_id=0)
    transcript.agent_said(1, "How are you?", [], response_id=0)
    transcript.user_said("fine")
    transcript.user_said("and you")
    transcript.agent_said(2, "Fine.", [], response_id=1)
    transcript.agent_said(3, "Bye.", [], interrupt_id=7)
    assert said(transcript) == [
        ("agent", "Hello. How are you?"),
        ("user", "fine and you"),
        ("agent", "Fine."),
        ("agent", "Bye."),
    ]
    metadata = [entry.get("metadata") for entry in transcript.speech_json()]
    assert metadata == [{"response_id": 0}, None, {"response_id": 1}, {"interrupt_id": 7}]
    assert transcript.speech_json()[0]["words"] == [{"word": "Hello.", "start": 0.1, "end": 0.5}]


def test_what_the_user_is_saying_is_there_until_it_is_said() -> None:
    transcript = SpokenTranscript()
    transcript.user_said("well")
    assert transcript.user_is_saying("I")
    assert transcript.user_is_saying("I would")
    assert not transcript.user_is_saying("I would")
    assert said(transcript) == [("user", "well I would")]
    transcript.user_said("I would like")
    assert said(transcript) == [("user", "well I would like")]
    transcript.user_is_saying("noise")
    transcript.user_said("")
    assert said(transcript) == [("user", "well I would like")]


def test_tools_stand_where_they_came() -> None:
    transcript = SpokenTranscript()
    transcript.agent_said(1, "Let me see.", [])
    transcript.tool(used())
    transcript.tool(ToolCallResult(role="tool_call_result", tool_call_id="t1", content="found", successful=True))
    transcript.agent_said(1, "Here it is.", [])
    transcript.press("4")
    transcript.inject("It rains.", time_s=3.0)
    assert [entry["content"] for entry in transcript.speech_json()] == ["Let me see. Here it is."]
    roles = [entry["role"] for entry in transcript.items_json()]
    assert roles == ["agent", "tool_call_invocation", "tool_call_result", "agent", "dtmf", "injected"]


def test_an_agent_cannot_fill_the_memory() -> None:
    transcript = SpokenTranscript()
    half = "x" * (MOST_TOOL_CHARACTERS // 2)
    assert [transcript.tool(used(half)) for _ in range(3)] == [True, False, False]
    many = [Word(word="a", start=0, end=1)] * (MAX_WORDS - 1)
    transcript.user_said("a", many)
    transcript.agent_said(1, "b", many)
    assert sum(len(utterance.words) for utterance in transcript.utterances()) == MAX_WORDS


def test_nor_can_anybody_else() -> None:
    transcript = SpokenTranscript()
    for _ in range(MAX_KEYS + 1):
        transcript.press("1")
    for _ in range(MAX_INJECTED + 1):
        transcript.inject("It rains.", time_s=0)
    assert len(transcript.items()) == MAX_KEYS + MAX_INJECTED
    for number in range(MAX_UTTERANCES + 1):
        transcript.agent_said(number + 1, "a", [])
    assert len(transcript) == MAX_UTTERANCES
    transcript.agent_said(1, "", [])
    assert len(transcript) == MAX_UTTERANCES


def test_a_conversation_goes_on_behind_what_was_said_and_done_before() -> None:
    before = [Utterance(role="agent", content="Hello."), used(), Utterance(role="user", content="Hi.")]
    about = {"call_id": "call_1", "agent_id": "a", "call_status": "ongoing", "call_type": "web_call"}
    dialogue = SpokenDialogue(
        DialogueSettings(), after=Call.model_validate({**about, "transcript_with_tool_calls": before})
    )
    dialogue.transcript.user_said("Still there?")
    dialogue.transcript.agent_said(1, "Yes.", [])
    assert said(dialogue.transcript) == [
        ("agent", "Hello."),
        ("user", "Hi."),
        ("user", "Still there?"),
        ("agent", "Yes."),
    ]
    assert [item["role"] for item in dialogue.transcript.items_json()][:3] == ["agent", "tool_call_invocation", "user"]
    transcript = SpokenTranscript()
    transcript.resume(Call.model_validate(about))
    assert said(transcript) == []
