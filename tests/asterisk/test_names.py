"""Names of our own objects: written and read back, and nobody else's taken for ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.names import (
    bridge_id,
    call_of_bridge,
    call_of_detector_channel,
    call_of_media_channel,
    call_of_outbound_channel,
    call_of_snoop,
    call_of_target_channel,
    consultation_bridge_id,
    detector_channel_id,
    media_channel_id,
    messages_app,
    outbound_channel_id,
    snoop_bridge_id,
    snoop_channel_id,
    snoop_media_channel_id,
    target_channel_id,
    target_detector_channel_id,
)

_some = st.text(min_size=1)


@given(app=_some, call_id=_some, attempt=st.integers(0, 9))
def test_a_name_tells_whose_it_is(app: str, call_id: str, attempt: int) -> None:
    assert call_of_media_channel(app, media_channel_id(app, call_id)) == call_id
    assert call_of_bridge(app, bridge_id(app, call_id)) == call_id
    assert call_of_bridge(app, consultation_bridge_id(app, call_id)) == call_id
    assert call_of_target_channel(app, target_channel_id(app, call_id, attempt)) == call_id
    assert call_of_outbound_channel(app, outbound_channel_id(app, call_id)) == call_id
    assert call_of_outbound_channel(app, outbound_channel_id(app, call_id, attempt)) == call_id
    assert call_of_detector_channel(app, detector_channel_id(app, call_id)) == call_id
    assert call_of_snoop(app, snoop_channel_id(app, call_id, "caller", attempt)) == call_id
    assert call_of_snoop(app, snoop_media_channel_id(app, call_id, "target")) == call_id
    assert call_of_snoop(app, snoop_bridge_id(app, call_id, "target")) == call_id
    assert call_of_detector_channel(app, target_detector_channel_id(app, call_id)) == call_id


def test_the_objects_of_others_are_not_ours() -> None:
    assert call_of_media_channel("ari_agent", "1795182322.17") is None
    assert call_of_media_channel("ari_agent", "other-media-call_1") is None
    assert call_of_media_channel("ari_agent", "ari_agent-media-") is None
    assert call_of_bridge("ari_agent", "ari_agent-media-call_1") is None
    assert call_of_snoop("ari_agent", "ari_agent-media-call_1") is None
    assert call_of_snoop("ari_agent", "ari_agent-snoop-agent-0-call_1") is None


def test_text_messages_have_an_application_of_their_own() -> None:
    assert messages_app("ari_agent") == "ari_agent-messages"
