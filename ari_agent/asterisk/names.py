"""Names of our own objects in Asterisk. Pure.

A channel or bridge that carries such a name and belongs to no live call is an orphan of an earlier run, and may be
removed; whatever is named otherwise is somebody else's and never touched.

Asterisk (22.10) refuses to make a channel whose id is the beginning of another channel's id, and answers 500: what
distinguishes the names of one kind, the call_id, is always of one length.
"""

from __future__ import annotations

import re

from ari_agent.contract.sip_timeline import SipLeg


def messages_app(app: str) -> str:
    """Return the name of the second application, which receives text messages and nothing else; see `event_socket`."""
    return f"{app}-messages"


def media_channel_id(app: str, call_id: str) -> str:
    """Return the id of a call's external media channel."""
    return f"{app}-media-{call_id}"


def bridge_id(app: str, call_id: str) -> str:
    """Return the id of the bridge that joins caller and external media."""
    return f"{app}-bridge-{call_id}"


def outbound_channel_id(app: str, call_id: str, attempt: int = 0) -> str:
    """Return the id of the SIP channel of a call that we place. attempt: 0 to 9, one for each destination tried."""
    return f"{app}-out{attempt or ''}-{call_id}"


def detector_channel_id(app: str, call_id: str) -> str:
    """Return the id of the channel that listens for an answering machine beside the agent."""
    return f"{app}-amd-{call_id}"


def target_detector_channel_id(app: str, call_id: str) -> str:
    """Return the id of the channel that listens for an answering machine at a transfer's target."""
    return f"{app}-amd-target-{call_id}"


def target_channel_id(app: str, call_id: str, attempt: int) -> str:
    """Return the id of the SIP channel to a transfer's target. attempt: 0 to 9, another for each transfer of a call."""
    return f"{app}-target-{attempt}-{call_id}"


def consultation_bridge_id(app: str, call_id: str) -> str:
    """Return the id of the bridge in which a transfer's target is spoken to before the caller is there."""
    return f"{app}-consult-{call_id}"


def snoop_channel_id(app: str, call_id: str, leg: SipLeg, attempt: int = 0) -> str:
    """Return the id of the snoop channel that hears one of two people who were left alone.

    attempt: 0 to 9, another for each channel that takes the place of the one before.
    """
    return f"{app}-snoop-{leg}-{attempt}-{call_id}"


def snoop_media_channel_id(app: str, call_id: str, leg: SipLeg) -> str:
    """Return the id of the external media channel that brings us what a snoop channel hears."""
    return f"{app}-snoop-{leg}-media-{call_id}"


def snoop_bridge_id(app: str, call_id: str, leg: SipLeg) -> str:
    """Return the id of the bridge that joins these two."""
    return f"{app}-snoop-{leg}-bridge-{call_id}"


def call_of_outbound_channel(app: str, channel_id: str) -> str | None:
    """Return the call_id of a SIP channel that we dialled; None for every other channel."""
    found = re.fullmatch(rf"{re.escape(app)}-out[1-9]?-(?P<call_id>.+)", channel_id, re.DOTALL)
    return found["call_id"] if found else None


def call_of_detector_channel(app: str, channel_id: str) -> str | None:
    """Return the call_id of an answering machine detector's channel; None for every other channel."""
    return _after(target_detector_channel_id(app, ""), channel_id) or _after(detector_channel_id(app, ""), channel_id)


def call_of_target_channel(app: str, channel_id: str) -> str | None:
    """Return the call_id of a channel to a transfer's target; None for every other channel."""
    found = re.fullmatch(rf"{re.escape(app)}-target-[0-9]-(?P<call_id>.+)", channel_id, re.DOTALL)
    return found["call_id"] if found else None


def call_of_media_channel(app: str, channel_id: str) -> str | None:
    """Return the call_id of an external media channel of ours; None for every other channel."""
    return _after(media_channel_id(app, ""), channel_id)


def call_of_snoop(app: str, name: str) -> str | None:
    """Return the call_id of a channel or bridge by which two people are heard who were left alone; None for others."""
    found = re.fullmatch(
        rf"{re.escape(app)}-snoop-(caller|target)-([0-9]|media|bridge)-(?P<call_id>.+)", name, re.DOTALL
    )
    return found["call_id"] if found else None


def call_of_bridge(app: str, name: str) -> str | None:
    """Return the call_id of a bridge of ours; None for every other bridge."""
    return _after(bridge_id(app, ""), name) or _after(consultation_bridge_id(app, ""), name)


def _after(prefix: str, name: str) -> str | None:
    return name.removeprefix(prefix) or None if name.startswith(prefix) else None
