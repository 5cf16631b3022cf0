"""The events that end a call outright, whatever it is doing, and how each of them does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ari_agent.calls.call_requests import CallerGone, ShuttingDown, StopRequested
from ari_agent.calls.media.call_media import CallerInactive, NoAudioReceived
from ari_agent.calls.session_events import CallTakenOver, MaxDurationReached
from ari_agent.calls.teardown import Teardown
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.q850 import NORMAL_CLEARING

OUTRIGHT_ENDS: Final[Mapping[type, Callable[[Any], Teardown]]] = {
    CallerGone: lambda _: Teardown(DisconnectionReason.USER_HANGUP),
    NoAudioReceived: lambda _: Teardown(DisconnectionReason.ERROR_NO_AUDIO_RECEIVED, continues_in_dialplan=True),
    CallerInactive: lambda _: Teardown(DisconnectionReason.INACTIVITY, NORMAL_CLEARING),
    MaxDurationReached: lambda _: Teardown(DisconnectionReason.MAX_DURATION_REACHED, NORMAL_CLEARING),
    StopRequested: lambda event: Teardown(DisconnectionReason.MANUAL_STOPPED, event.request.q850_cause),
    CallTakenOver: lambda _: Teardown(None, is_taken_over=True),
    ShuttingDown: lambda _: Teardown(DisconnectionReason.MANUAL_STOPPED, continues_in_dialplan=True, who="system"),
}
"""How a call ends by each kind of event, unless the class of the call knows better."""
