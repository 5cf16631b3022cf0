"""The state of registrations, as Asterisk's metrics tell it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.registration_states import registration_states

CAPTURED = """\
# HELP asterisk_bridges_count Current bridge count.
asterisk_bridges_count{eid="02:8f:3d:ae:07:bb"} 0
# TYPE asterisk_pjsip_outbound_registration_status gauge
asterisk_pjsip_outbound_registration_status{eid="02:8f:3d:ae:07:bb",username="sip:acct77@127.0.0.5:52845",\
domain="sip:127.0.0.5:52845",channel_type="PJSIP"} 1
asterisk_pjsip_outbound_registration_status{eid="02:8f:3d:ae:07:bb",username="sip:acct77@127.0.0.6:46532",\
domain="sip:127.0.0.6:46532;transport=tcp",channel_type="PJSIP"} 2
asterisk_pjsip_outbound_registration_status{eid="02:8f:3d:ae:07:bb",username="sip:b@c",domain="sip:c"} 0
"""


def test_each_registration_is_known_by_registrar_and_account() -> None:
    assert registration_states(CAPTURED) == {
        ("sip:127.0.0.5:52845", "sip:acct77@127.0.0.5:52845"): "registered",
        ("sip:127.0.0.6:46532;transport=tcp", "sip:acct77@127.0.0.6:46532"): "rejected",
        ("sip:c", "sip:b@c"): "trying",
    }


@given(st.text() | st.text().map(lambda text: f"asterisk_pjsip_outbound_registration_status{{{text}}} 1"))
def test_no_text_is_too_strange(text: str) -> None:
    registration_states(text)
