"""A conversation by voice, without voices: what is decided, in time that is told."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.llm import GoOn, LlmAgentConfig, LlmInterrupt, LlmResponse, LlmToolInvocation, LlmToolResult
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.agent_actions import MOST_RETRIES
from ari_agent.calls.dialogue.agent_settings import DialogueSettings
from ari_agent.calls.dialogue.events import Event
from ari_agent.calls.dialogue.orders import (
    Ask,
    ClearSpeech,
    Fail,
    HangUp,
    Order,
    PauseSpeech,
    PlaySound,
    Press,
    ResumeSpeech,
    SendUpdate,
    Speak,
    Transfer,
)
from ari_agent.calls.dialogue.playback_tracker import OVERDUE_MS
from ari_agent.calls.dialogue.spoken_dialogue import SpokenDialogue
from ari_agent.contract.agent_options import UserDtmfOptions
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.prompt_agents.conversation import AnswerEnd
from ari_agent.speech.recognizer import Heard
from ari_agent.speech.synthesizer import BYTES_PER_MS
from ari_agent.speech.turn_settings import TurnSettings

MS_PER_CHARACTER = 50
STEP_MS = 20.0


class Talk:
    """A dialogue, and the playout of what it orders. Time passes when it is told to."""

    def __init__(self, *, plays: bool = True, **settings: Any) -> None:
        turns = TurnSettings(**settings.pop("turns", {}))
        self.dialogue = SpokenDialogue(DialogueSettings(turns=turns, **settings))
        self.now_ms = 0.0
        self.orders: list[Order] = []
        self.plays = plays
        self._made: deque[tuple[int, int]] = deque()  # sentences that wait for the gate
        self._playing: deque[list[float]] = deque()  # number, duration, heard
        self._holds = False

    def start(self) -> Talk:
        return self.feed(events.CallerJoined())

    def feed(self, event: Event) -> Talk:
        """Something happens; what is ordered is done."""
        for order in self.dialogue.feed(event, self.now_ms):
            self.orders.append(order)
            if isinstance(order, Speak):
                self._made.append((order.number, order.pause_ms or len(order.text) * MS_PER_CHARACTER))
            elif isinstance(order, PlaySound):
                assert len(order.pcm) == order.end_ms * BYTES_PER_MS
                self._playing.append([order.number, order.end_ms, 0.0])
            elif isinstance(order, ClearSpeech):
                self._made.clear()
                self._playing.clear()
                self._holds = False
            elif isinstance(order, PauseSpeech):
                self._holds = True
            elif isinstance(order, ResumeSpeech):
                self._holds = False
                if order.number:
                    assert self._playing[0][0] == order.number
                    assert self._playing[0][2] <= order.heard_ms <= self._playing[0][1]
                    self._playing[0][2] = order.heard_ms
        return self

    def wait(self, duration_ms: float) -> Talk:
        """Time passes; what may be played plays."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms = min(end_ms, self.now_ms + STEP_MS)
            if (due_ms := self.dialogue.next_tick_ms) is not None and due_ms <= self.now_ms:
                self.feed(events.TimePassed())
            while self._made and self.dialogue.may_speak:
                number, lasts_ms = self._made.popleft()
                self.feed(events.SoundMade(number, bytes(lasts_ms * BYTES_PER_MS)))
                self.feed(events.SoundEnded(number))
            self._play()
        return self

    def _play(self) -> None:
        if self._playing and self.plays and not self._holds:
            playing = self._playing[0]
            playing[2] = min(playing[1], playing[2] + STEP_MS)
            if playing[2] >= playing[1]:
                self._playing.popleft()
            self.feed(events.SoundPlayed(int(playing[0]), playing[2]))

    def answer(self, content: str, *, number: int | None = None, complete: bool = True, **more: Any) -> Talk:
        """The agent's server answers what it was asked last, or its opening."""
        response_id = number if number is not None else (self.dialogue.requests.open_id or 0)
        message = LlmResponse(response_id=response_id, content=content, content_complete=complete, **more)
        return self.feed(events.AgentSaid(message))

    def cut_in(self, content: str, *, number: int = 1, complete: bool = True, **more: Any) -> Talk:
        message = LlmInterrupt(interrupt_id=number, content=content, content_complete=complete, **more)
        return self.feed(events.AgentSaid(message))

    def voice(self, lasts_ms: float, text: str = "", *, final: bool = True) -> Talk:
        """The caller speaks, pauses, and is understood."""
        self.feed(events.UserVoiceStarted(self.now_ms - 100)).wait(lasts_ms)
        stopped_ms = self.now_ms
        self.wait(300).feed(events.UserVoiceStopped(stopped_ms))
        return self.feed(events.UserHeard(Heard(text, final)))

    def said(self) -> list[str]:
        return [f"{part.role}: {part.content}" for part in self.dialogue.transcript.utterances()]

    def of(self, kind: type[Order]) -> list[Any]:
        return [order for order in self.orders if isinstance(order, kind)]

    def wishes(self) -> list[Order]:
        """All but what is only told."""
        return [order for order in self.orders if not isinstance(order, SendUpdate | Speak | PlaySound)]


def test_the_agent_speaks_first_and_the_caller_is_answered() -> None:
    talk = Talk().answer("Hello there.").wait(500)
    assert not talk.dialogue.may_speak
    talk.start().wait(1000)
    assert talk.said() == ["agent: Hello there."]
    talk.voice(600, "yes please.").wait(500)
    assert talk.wishes() == [Ask(1)]
    talk.answer("Very well.").wait(1000)
    assert talk.said() == ["agent: Hello there.", "user: yes please.", "agent: Very well."]
    assert [order.turntaking for order in talk.of(SendUpdate) if order.turntaking] == [
        "agent_turn",
        "user_turn",
        "agent_turn",
    ]
    latency = talk.dialogue.latency.report()
    assert latency is not None
    assert latency.e2e is not None
    assert latency.e2e.num == 1
    assert latency.asr is not None
    assert latency.asr.values == (300.0,)


def test_the_begin_message_waits_for_its_delay() -> None:
    talk = Talk(turns={"begin_message_delay_ms": 1500}).answer("Hi.").start().wait(1400)
    assert not talk.dialogue.is_speaking
    assert talk.wait(200).dialogue.is_speaking


def test_an_agent_that_says_nothing_lets_the_caller_begin() -> None:
    talk = Talk().answer("").start().wait(3000)
    assert talk.wishes() == []
    talk.voice(500, "hello?").wait(500)
    assert talk.wishes() == [Ask(1)]


def test_speech_begins_with_the_first_complete_sentence() -> None:
    talk = Talk().start().answer("One is here. Two", complete=False)
    assert [order.text for order in talk.of(Speak)] == ["One is here."]
    talk.answer(" is here.", complete=False).wait(1000)
    assert [order.text for order in talk.of(Speak)] == ["One is here.", "Two is here."]  # nothing came for a while
    assert talk.dialogue.is_speaking
    talk.answer(" Three", complete=True).wait(2000)
    assert talk.said() == ["agent: One is here. Two is here. Three"]
    assert not talk.dialogue.is_speaking


def test_a_pause_takes_its_time_and_is_kept_in_the_transcript_once_it_was_heard() -> None:
    text = 'One two.<break time="1s"/>Three <b>four</b> - &amp; five.'
    talk = Talk().start().answer(text)
    assert [(order.text, order.pause_ms) for order in talk.of(Speak)] == [
        ("One two.", 0),
        ("", 1000),
        ("Three four, & five.", 0),
    ]
    talk.wait(1000).feed(events.UserVoiceStarted(talk.now_ms)).wait(100)
    talk.feed(events.UserHeard(Heard("Wait, wait.", final=True))).wait(100)
    assert talk.said()[0] == "agent: One two."
    whole = Talk().start().answer(text).wait(6000).said()
    assert whole == ['agent: One two. <break time="1s"/> Three <b>four</b> - &amp; five.']


def test_numbers_are_spoken_as_words_and_stay_in_the_transcript_as_they_were_written() -> None:
    text = "It costs $12.50 at 7:30 pm."
    words = "It costs twelve dollars and fifty cents at seven thirty P M."
    talk = Talk(normalized_for="en-US").start().answer(text)
    assert [order.text for order in talk.of(Speak)] == [words]
    talk.wait(MS_PER_CHARACTER * len("It costs twelve dollars and")).feed(events.UserVoiceStarted(talk.now_ms))
    talk.feed(events.UserHeard(Heard("Wait, wait.", final=True))).wait(100)
    assert talk.said()[0] == "agent: It costs"
    assert Talk(normalized_for="en-US").start().answer(text).wait(6000).said() == [f"agent: {text}"]
    assert Talk().start().answer(text).of(Speak)[0].text == text


@pytest.mark.parametrize("pieces", [["One two."], ["One", " two."], ["One", " ", "two.", ""]])
def test_an_answer_whose_server_never_says_that_it_is_complete_ends_where_it_stops(pieces: list[str]) -> None:
    talk = Talk().start().answer("").voice(600, "Count to two.").wait(500)
    for content in pieces:
        talk.feed(events.AgentSaid(LlmResponse(response_id=1, content=content, end_call=True))).wait(100)
    assert [order.text for order in talk.wait(3000).of(Speak)] == ["One two."]
    assert talk.said()[-1] == "agent: One two."
    assert talk.wishes() == [Ask(1), HangUp()]


def test_who_interrupts_is_heard_and_only_what_was_heard_of_the_agent_is_kept() -> None:
    talk = Talk().start().answer("One two three four five. Six seven eight nine ten.", end_call=True).wait(600)
    talk.voice(600, "wait").wait(1000)
    assert talk.wishes() == [PauseSpeech(), ClearSpeech(), Ask(1)]
    agent, user = talk.said()
    assert user == "user: wait"
    assert agent.removeprefix("agent: ") in "One two three four five."
    assert agent != "agent: One two three four five."
    assert talk.dialogue.speech.playback.unheard_ms == 0
    talk.answer("more", number=0).wait(1000)
    assert len(talk.of(Speak)) == 2  # nobody wants what was cut off


def test_what_still_comes_of_an_answer_that_was_cut_off_is_dropped() -> None:
    talk = Talk().start().answer("One two three four five. Six", complete=False).wait(400)
    talk.feed(events.UserVoiceStarted(talk.now_ms - 100))
    talk.wait(1000)
    assert talk.wishes() == [PauseSpeech(), ClearSpeech()]
    talk.answer(" seven eight. Nine.", number=0, end_call=True).wait(2000)
    assert [order.text for order in talk.of(Speak)] == ["One two three four five."]
    assert talk.wishes() == [PauseSpeech(), ClearSpeech()]


def test_nobody_interrupts_what_may_not_be_interrupted() -> None:
    text = "One two three four five six seven eight."
    talk = Talk().start().answer(text, no_interruption_allowed=True, end_call=True).wait(400)
    talk.voice(500, "wait").wait(2000)
    assert talk.wishes() == [HangUp()]
    before, user, after = talk.said()
    assert user == "user: wait"
    assert f"{before} {after.removeprefix('agent: ')}" == f"agent: {text}"


@pytest.mark.parametrize("sensitivity", [1, 0.9, 0.6])
def test_a_nod_makes_the_agent_pause_and_go_on_where_it_was(sensitivity: float) -> None:
    text = "One two three four five six seven eight nine ten eleven twelve thirteen."
    talk = Talk(turns={"interruption_sensitivity": sensitivity}).start().answer(text).wait(600)
    talk.voice(400, "uh huh").wait(5000)
    assert [type(order) for order in talk.wishes()] == [PauseSpeech, ResumeSpeech]
    assert " ".join(line.split(": ")[1] for line in talk.said() if line.startswith("agent")) == text


def test_a_word_of_ones_own_does_not() -> None:
    talk = Talk(turns={"interruption_sensitivity": 0.9}).start().answer("One two three four five six.").wait(600)
    talk.voice(400, "my order.").wait(2000)
    assert [type(order) for order in talk.wishes()] == [PauseSpeech, ClearSpeech, Ask]
    agent, user = talk.said()
    assert user == "user: my order."
    assert agent != "agent: One two three four five six."


def test_an_answer_that_comes_while_the_caller_goes_on_is_not_spoken() -> None:
    talk = Talk().answer("").start().wait(100)
    talk.voice(500, "my number is").wait(1500)
    assert talk.wishes() == [Ask(1)]
    talk.feed(events.UserVoiceStarted(talk.now_ms - 100))
    talk.answer("And?").wait(300)
    assert not talk.dialogue.may_speak
    talk.feed(events.UserVoiceStopped(talk.now_ms))
    talk.feed(events.UserHeard(Heard("yes.", True)))
    talk.wait(800)
    assert talk.wishes() == [Ask(1), ClearSpeech(), Ask(2)]
    assert talk.said() == ["user: my number is yes."]


def test_but_after_a_noise_it_is() -> None:
    talk = Talk().answer("").start().wait(100)
    talk.voice(500, "hello.").wait(400)
    talk.feed(events.UserVoiceStarted(talk.now_ms - 100))
    talk.answer("Hello to you.").wait(200)
    talk.feed(events.UserVoiceStopped(talk.now_ms - 100))
    talk.feed(events.UserHeard(Heard("", True)))
    talk.wait(3000)
    assert talk.said() == ["user: hello.", "agent: Hello to you."]


def test_a_voice_that_nobody_understands_is_answered_all_the_same() -> None:
    talk = Talk().answer("").start().wait(100)
    talk.voice(1500, "").wait(1000)
    assert talk.wishes() == [Ask(1)]
    assert talk.said() == ["user: (unintelligible audio)"]


def test_a_silent_caller_is_reminded_as_often_as_is_set() -> None:
    talk = Talk(turns={"reminder_trigger_ms": 2000, "reminder_max_count": 1}).start().answer("Hello.").wait(3000)
    assert talk.wishes() == [Ask(1, reminds=True)]
    talk.answer("Still there?").wait(10_000)
    assert talk.wishes() == [Ask(1, reminds=True)]


def test_an_interruption_of_the_agents_own_cuts_in_and_goes_on() -> None:
    talk = Talk().start().answer("A long story about a telephone.").wait(500)
    talk.cut_in("Stop. ", complete=False).wait(100)
    talk.cut_in("There is a fire.").wait(2000)
    assert talk.wishes() == [ClearSpeech()]
    assert talk.said() == ["agent: A long", "agent: Stop. There is a fire."]


@pytest.mark.parametrize(
    ("more", "wish"),
    [
        ({"end_call": True}, HangUp()),
        ({"transfer_number": "+14155550100"}, Transfer("+14155550100")),
        ({"digit_to_press": "1"}, Press("1")),
    ],
)
def test_actions_wait_until_all_was_heard(more: dict[str, Any], wish: Order) -> None:
    talk = Talk().start().answer("One moment.", **more).wait(300)
    assert talk.wishes() == []
    assert talk.wait(500).wishes() == [wish]
    roles = [item.role for item in talk.dialogue.transcript.items()]
    assert roles == ["agent", "tool_call_invocation"]


def test_an_action_without_words_is_done_at_once() -> None:
    assert Talk().start().answer("", end_call=True).wishes() == [HangUp()]


@pytest.mark.parametrize(
    ("more", "wish"), [({"end_call": True}, HangUp()), ({"transfer_number": "+1555"}, Transfer("+1555"))]
)
def test_what_the_caller_says_while_the_agent_takes_leave_is_not_answered(more: dict[str, Any], wish: Order) -> None:
    talk = Talk(dtmf=UserDtmfOptions(digit_limit=1)).start().answer("").voice(600, "goodbye.").wait(500)
    talk.answer("Goodbye, and thank you.", no_interruption_allowed=True, **more).wait(100)
    talk.feed(events.KeyPressed("1"))
    talk.wait(5000)
    assert talk.said()[0] == "user: goodbye. Pressed Button: 1"
    assert talk.wishes() == [Ask(1), wish]


def test_an_agent_whose_transfer_fails_is_asked_again_a_few_times() -> None:
    talk = Talk().start()
    for _ in range(MOST_RETRIES + 3):
        talk.answer("", transfer_number="1")
        talk.feed(events.TransferEnded(TransferOutcome(status="failed", message="busy")))
    assert len(talk.of(Ask)) == MOST_RETRIES
    talk.voice(500, "please.").wait(500)
    assert len(talk.of(Ask)) == MOST_RETRIES + 1


def test_an_agent_that_goes_on_is_asked_again_once_it_was_heard_and_not_where_it_was_cut_off() -> None:
    end = AnswerEnd(response_id=0, content="One moment, please.", content_complete=True, done=GoOn())
    talk = Talk().start()
    talk.feed(events.AgentSaid(end))
    assert talk.wait(100).wishes() == []
    assert talk.wait(3000).wishes() == [Ask(1)]
    assert talk.said() == ["agent: One moment, please."]
    cut = Talk(allow_dtmf_interruption=True, dtmf=UserDtmfOptions(digit_limit=1)).start()
    cut.feed(events.AgentSaid(end))
    cut.wait(200).feed(events.KeyPressed("1"))
    assert cut.wait(5000).wishes() == [ClearSpeech(), Ask(1)], "the key is answered, and nothing else asks"


def test_keys_are_an_answer_and_wait_for_the_agent_unless_they_may_interrupt() -> None:
    patient = Talk().start().answer("Press one, or two.").wait(200)
    patient.feed(events.KeyPressed("1"))
    assert patient.wait(1500).wishes() == [Ask(1)]
    assert patient.said() == ["agent: Press one, or two.", "user: Pressed Button: 1"]
    hasty = Talk(allow_dtmf_interruption=True).start().answer("Press one, or two.").wait(200)
    hasty.feed(events.KeyPressed("1"))
    assert hasty.wishes() == [ClearSpeech()]
    assert hasty.wait(1500).wishes() == [ClearSpeech(), Ask(1)]


def test_a_server_that_hangs_up_has_its_last_words() -> None:
    talk = Talk().start().answer("Goodbye. See you", complete=False).wait(100)
    talk.feed(events.AgentClosed())
    assert talk.wishes() == []
    assert talk.wait(2000).wishes() == [HangUp()]
    assert talk.said() == ["agent: Goodbye. See you"]
    silent = Talk().start()
    silent.feed(events.AgentClosed())
    assert silent.wishes() == [HangUp()]


def test_a_server_that_was_lost_is_asked_again() -> None:
    talk = Talk().answer("").start().wait(100)
    talk.voice(500, "hello.").wait(500)
    talk.feed(events.AgentReconnected())
    assert talk.wishes() == [Ask(1), Ask(2)]
    talk.answer("First. And", complete=False).wait(200)
    talk.feed(events.AgentReconnected())
    talk.wait(2000)
    assert talk.wishes() == [Ask(1), Ask(2)]
    assert talk.said()[-1] == "agent: First. And"


def test_a_machine_gets_its_message_after_its_greeting_and_then_the_hang_up() -> None:
    talk = Talk().start().answer("Hello, this is Ada.").wait(300)
    talk.feed(events.GreetingBegan())
    talk.voice(3000, "leave a message").wait(3000)
    assert talk.wishes() == [ClearSpeech()]
    talk.feed(events.RecordingBegan(VoicemailNotice(status="recording", action="static_text", text="Call back.")))
    talk.wait(2000)
    assert talk.wishes() == [ClearSpeech(), HangUp()]
    assert talk.said()[-1] == "agent: Call back."


def test_numbers_of_a_message_are_spoken_as_words_too() -> None:
    talk = Talk(normalized_for="en-US").start().answer("Hello.").wait(300)
    talk.feed(events.RecordingBegan(VoicemailNotice(status="recording", action="static_text", text="Call 555-0123.")))
    assert [order.text for order in talk.of(Speak)] == ["Hello.", "Call five five five, zero one two three."]


def test_or_the_agent_is_asked_for_one() -> None:
    talk = Talk().answer("").start().wait(300)
    notice = VoicemailNotice(status="recording", action="prompt", text="Ask them to call back.")
    talk.feed(events.RecordingBegan(notice))
    talk.answer("Please call us.").wait(2000)
    assert talk.wishes() == [Ask(1), HangUp()]


def test_a_caller_who_is_away_is_neither_heard_nor_reminded() -> None:
    talk = Talk(turns={"reminder_trigger_ms": 1000}).start().answer("Hello.").wait(400)
    talk.feed(events.CallerLeft())
    talk.voice(1000, "music").wait(5000)
    assert talk.wishes() == []
    talk.feed(events.CallerReturned())
    talk.wait(1500)
    assert talk.wishes() == [Ask(1, reminds=True)]


def test_settings_change_in_the_middle_of_a_call() -> None:
    talk = Talk().start()
    assert talk.dialogue.turns.settings.silence_ms == 300
    talk.feed(events.AgentConfigured(LlmAgentConfig(responsiveness=0.0, interruption_sensitivity=0.0)))
    assert talk.dialogue.turns.settings.silence_ms == 1000
    talk.answer("One two three four five.").wait(200)
    talk.voice(500, "wait").wait(300)
    assert talk.wishes() == []
    assert talk.wait(3000).wishes() == [Ask(1)]


def test_a_playout_that_tells_nothing_is_taken_to_have_played() -> None:
    talk = Talk(plays=False).start().answer("One two.", end_call=True).wait(1000)
    assert talk.wishes() == []
    assert talk.wait(OVERDUE_MS).wishes() == [HangUp()]


def test_the_api_makes_the_agent_speak_now_or_after_what_it_says() -> None:
    talk = Talk().start().answer("Hello.")
    control = CallControl(additional_context="It rains.", trigger_response=True)
    talk.wait(100).feed(events.ApiControlled(control))
    assert talk.wishes() == []
    assert talk.wait(1000).wishes() == [Ask(1)]
    assert talk.dialogue.transcript.items()[0].role == "injected"


def test_context_alone_asks_for_nothing() -> None:
    talk = Talk().answer("").start().feed(events.ApiControlled(CallControl(additional_context="It rains.")))
    assert talk.wishes() == []
    assert talk.dialogue.transcript.items()[0].role == "injected"


def test_tools_of_the_agents_are_told_of() -> None:
    talk = Talk().start()
    talk.feed(events.AgentUsedTool(LlmToolInvocation(tool_call_id="t", name="look_up", arguments="{}")))
    assert talk.of(SendUpdate)
    assert talk.dialogue.transcript.items_json()[0]["name"] == "look_up"


def test_a_tool_of_which_there_is_no_room_changes_nothing() -> None:
    talk = Talk().start()
    talk.feed(events.AgentUsedTool(LlmToolResult(tool_call_id="t", content="found", successful=True)))
    assert len(talk.of(SendUpdate)) == 1
    talk.feed(events.AgentUsedTool(LlmToolInvocation(tool_call_id="t", name="n", arguments="x" * 1_000_000)))
    assert len(talk.of(SendUpdate)) == 1
    assert "conversation" in repr(talk.dialogue)


def test_keys_do_not_cut_a_message_on_a_machine_off() -> None:
    talk = Talk(allow_dtmf_interruption=True).answer("").start().wait(300)
    talk.feed(events.RecordingBegan(VoicemailNotice(status="recording", action="static_text", text="Call me back.")))
    talk.wait(200).feed(events.KeyPressed("1")).wait(5000)
    assert talk.wishes() == [HangUp()]
    assert "agent: Call me back." in talk.said()


@pytest.mark.parametrize(
    ("notice", "wishes"),
    [
        (VoicemailNotice(status="recording", action="static_text", text=""), [HangUp()]),
        (VoicemailNotice(status="recording", action="prompt"), [Ask(1)]),
        (VoicemailNotice(status="recording", action="bridge_transfer"), []),
    ],
)
def test_a_machine_for_which_there_is_no_text(notice: VoicemailNotice, wishes: list[Order]) -> None:
    assert Talk().answer("").start().feed(events.RecordingBegan(notice)).wait(1000).wishes() == wishes


def test_a_machine_that_was_on_hold_has_no_turns_either() -> None:
    talk = Talk().answer("").start().feed(events.GreetingBegan())
    talk.feed(events.CallerLeft()).feed(events.CallerReturned()).voice(800, "leave a message").wait(2000)
    assert talk.wishes() == []


def test_last_words_that_the_caller_cuts_off_end_the_call_at_once() -> None:
    talk = Talk().start().answer("Goodbye, and thank you for your call.").wait(200).feed(events.AgentClosed())
    talk.voice(600, "wait").wait(1000)
    assert talk.wishes() == [PauseSpeech(), ClearSpeech(), HangUp()]


def test_an_opening_that_its_server_leaves_behind_is_spoken_though_the_caller_began() -> None:
    talk = Talk(turns={"begin_message_delay_ms": 3000}).start().answer("We are closed.").feed(events.AgentClosed())
    talk.voice(600, "hello?").wait(3000)
    assert talk.wishes() == [HangUp()]
    assert talk.said() == ["user: hello?", "agent: We are closed."]


def test_a_call_without_a_voice_ends_when_what_there_is_of_it_was_heard() -> None:
    talk = Talk().start().answer("One moment. Two moments. Three").wait(100)
    failed = events.VoiceFailed(DisconnectionReason.ERROR_RETELL, "nobody speaks")
    talk.feed(failed).wait(300)
    assert talk.wishes() == []
    assert talk.wait(2000).wishes() == [Fail(DisconnectionReason.ERROR_RETELL, "nobody speaks")]
    silent = Talk().start().feed(failed)
    assert silent.wishes() == [Fail(DisconnectionReason.ERROR_RETELL, "nobody speaks")]


def test_a_call_that_fails_is_over_and_what_was_heard_is_told_at_its_end() -> None:
    talk = Talk().start().answer("One two three four five.").wait(500)
    talk.feed(events.Failed(DisconnectionReason.ERROR_ASR, "nobody listens"))
    assert talk.wishes() == [Fail(DisconnectionReason.ERROR_ASR, "nobody listens")]
    assert not talk.dialogue.may_speak
    before = len(talk.of(SendUpdate))
    talk.feed(events.CallEnded())
    assert len(talk.of(SendUpdate)) == before + 1
    assert talk.said() == ["agent: One two"]


def test_what_the_user_was_saying_as_the_call_ended_is_told() -> None:
    talk = Talk().answer("").start().wait(100).feed(events.UserHeard(Heard("I would", False)))
    talk.feed(events.UserHeard(Heard("I would like", False))).feed(events.CallEnded())
    assert talk.of(SendUpdate)
    assert talk.said() == ["user: I would like"]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 3000)),
        st.tuples(
            st.just("voice"), st.integers(50, 2000), st.sampled_from(["", "yes.", "wait", "uh huh", "my number is"])
        ),
        st.tuples(
            st.just("answer"), st.sampled_from(["", "Yes.", "One two three. Four five", " six. "]), st.booleans()
        ),
        st.tuples(st.just("action"), st.sampled_from(["end_call", "transfer_number", "digit_to_press"])),
        st.tuples(st.just("cut in"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("key"), st.sampled_from("12#")),
        st.tuples(st.just("away"), st.booleans()),
        st.tuples(st.just("lost")),
        st.tuples(st.just("gone")),
        st.tuples(st.just("trigger")),
        st.tuples(st.just("machine"), st.sampled_from(["greeting", "recording"])),
    ),
    max_size=30,
)


@given(_STEPS, st.booleans(), st.floats(0, 1), st.booleans())
def test_whatever_happens(steps: list[tuple[Any, ...]], keys_interrupt: bool, sensitivity: float, plays: bool) -> None:
    talk = Talk(
        turns={"interruption_sensitivity": sensitivity, "reminder_trigger_ms": 2000},
        allow_dtmf_interruption=keys_interrupt,
        plays=plays,
    ).start()
    dialogue = talk.dialogue
    for step in steps:
        match step:
            case ("wait", duration_ms):
                talk.wait(duration_ms)
            case ("voice", duration_ms, text):
                talk.voice(duration_ms, text)
            case ("answer", content, complete):
                talk.answer(content, complete=complete)
            case ("action", name):
                action: dict[str, Any] = {name: True if name == "end_call" else "1"}
                talk.answer("Now.", **action)
            case ("cut in", number, complete):
                talk.cut_in("Stop it.", number=number, complete=complete)
            case ("key", digit):
                talk.feed(events.KeyPressed(digit))
            case ("away", True):
                talk.feed(events.CallerLeft())
            case ("away", False):
                talk.feed(events.CallerReturned())
            case ("lost",):
                talk.feed(events.AgentReconnected())
            case ("gone",):
                talk.feed(events.AgentClosed())
            case ("trigger",):
                talk.feed(events.ApiControlled(CallControl(trigger_response=True)))
            case ("machine", "greeting"):
                talk.feed(events.GreetingBegan())
            case ("machine", _):
                notice = VoicemailNotice(status="recording", action="static_text", text="Call back.")
                talk.feed(events.RecordingBegan(notice))
        due_ms = dialogue.next_tick_ms
        assert due_ms is None or due_ms > talk.now_ms - STEP_MS
    asked = [order.response_id for order in talk.of(Ask)]
    assert asked == sorted(set(asked))
    spoken = " ".join(order.text for order in talk.of(Speak)).split()
    heard = [word for line in talk.said() if line.startswith("agent") for word in line.split()[1:]]
    rest = iter(spoken)
    assert all(word in rest for word in heard)  # in order, and nothing that was not to be spoken
    talk.feed(events.CallerReturned()).wait(40_000)
    assert dialogue.speech.playback.unheard_ms == 0 or dialogue.requests.is_open or not dialogue.may_speak


def test_the_caller_hears_an_answer_before_anybody_is_told_of_it() -> None:
    talk = Talk().start().answer("Hello.").wait(100)
    kinds = [type(order) for order in talk.orders]
    assert kinds.index(PlaySound) < kinds.index(SendUpdate)


def test_the_end_of_a_sound_that_nobody_plays_any_more_changes_nothing() -> None:
    talk = Talk().start()
    before = list(talk.orders)
    assert talk.feed(events.SoundEnded(99)).orders == before
