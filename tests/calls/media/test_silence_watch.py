from __future__ import annotations

from ari_agent.calls.media.call_media import CallerInactive, MediaSpec, NoAudioReceived
from ari_agent.calls.media.silence_watch import SilenceWatch
from ari_agent.contract.response_engine import AudioWebsocketEngine


def watch(*, no_audio_after_s: float = 30.0) -> SilenceWatch:
    """Ten seconds of silence end the call, and thirty without any audio."""
    return SilenceWatch(
        MediaSpec(
            call_id="call_1",
            from_number="",
            to_number="",
            direction="inbound",
            engine=AudioWebsocketEngine(type="audio-websocket", audio_websocket_url="wss://agent.example/"),
            dynamic_variables={},
            metadata=None,
            end_call_after_silence_ms=10_000,
            allow_user_dtmf=True,
            no_audio_after_s=no_audio_after_s,
        )
    )


def test_silence_is_reported_when_it_has_lasted_as_long_as_the_specification_says() -> None:
    silence = watch()
    assert silence.look(109.9, started_s=100.0, spoken_s=100.0, has_received=True) == []
    assert silence.look(110.0, started_s=100.0, spoken_s=100.0, has_received=True) == [CallerInactive()]


def test_speech_begins_the_count_anew() -> None:
    assert watch().look(115.0, started_s=100.0, spoken_s=106.0, has_received=True) == []


def test_a_caller_who_sends_nothing_is_reported_although_the_agent_speaks() -> None:
    silence = watch()
    assert silence.look(129.9, started_s=100.0, spoken_s=129.0, has_received=False) == []
    assert silence.look(130.0, started_s=100.0, spoken_s=129.0, has_received=False) == [NoAudioReceived()]


def test_silence_is_audio() -> None:
    assert watch().look(1000.0, started_s=100.0, spoken_s=999.0, has_received=True) == []


def test_each_kind_of_silence_is_reported_once() -> None:
    silence = watch()
    found = [silence.look(float(second), started_s=0.0, spoken_s=0.0, has_received=False) for second in range(40)]
    assert [event for events in found for event in events] == [CallerInactive(), NoAudioReceived()]


def test_no_limit_is_none() -> None:
    silence = watch(no_audio_after_s=0.0)
    assert silence.look(1000.0, started_s=0.0, spoken_s=999.0, has_received=False) == []
