"""What the end of the caller's channel says about the end of the call. Pure."""

from __future__ import annotations

from typing import Final

from ari_agent.asterisk.causes import is_dead_far_end, reason_for_hangup
from ari_agent.asterisk.events import ChannelDestroyed, ChannelHangupRequest
from ari_agent.calls.teardown import Teardown
from ari_agent.contract.disconnection import DisconnectionReason

_DEAD_FAR_END: Final = "the far end answers no SIP request any more (408)"


def said_bye(event: object) -> bool:
    """Return whether an event says that the caller has sent a BYE or CANCEL, and is not gone for another reason."""
    return isinstance(event, ChannelHangupRequest) and not event.soft and not is_dead_far_end(event.tech_cause)


def teardown_of(event: object) -> Teardown:
    """Return how the call ends whose caller an event, of Asterisk or of ours, says is gone."""
    if not isinstance(event, ChannelHangupRequest | ChannelDestroyed):
        return Teardown(DisconnectionReason.USER_HANGUP)
    soft = isinstance(event, ChannelHangupRequest) and event.soft
    reason = reason_for_hangup(event.cause, event.tech_cause, soft=soft)
    return Teardown(reason, why=_DEAD_FAR_END if is_dead_far_end(event.tech_cause) else None)
