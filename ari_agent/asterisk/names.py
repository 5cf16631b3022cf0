"""Names of our own objects in Asterisk. Pure.

A channel or bridge that carries such a name and belongs to no live call is an orphan of an earlier run, and may be
swept; whatever is named otherwise is somebody else's and never touched.

Asterisk (22.10) makes no channel whose id is how the id of another one begins, and answers 500: what distinguishes the
names of one kind, the call_id, is always of one length.
"""

from __future__ import annotations


def messages_app(app: str) -> str:
    """The second application, which hears text messages and nothing else; see `event_socket`."""
    return f"{app}-messages"


def media_channel_id(app: str, call_id: str) -> str:
    """The external media channel of a call."""
    return f"{app}-media-{call_id}"


def bridge_id(app: str, call_id: str) -> str:
    """The bridge that joins caller and external media."""
    return f"{app}-bridge-{call_id}"


def outbound_channel_id(app: str, call_id: str) -> str:
    """The SIP channel of a call that we place."""
    return f"{app}-out-{call_id}"


def detector_channel_id(app: str, call_id: str) -> str:
    """The channel that listens for an answering machine beside the agent."""
    return f"{app}-amd-{call_id}"


def call_of_outbound_channel(app: str, channel_id: str) -> str | None:
    """The call_id whose SIP channel, dialled by us, this is; None for every other channel."""
    return _after(outbound_channel_id(app, ""), channel_id)


def call_of_detector_channel(app: str, channel_id: str) -> str | None:
    """The call_id whose answering machine detector this is; None for every other channel."""
    return _after(detector_channel_id(app, ""), channel_id)


def call_of_media_channel(app: str, channel_id: str) -> str | None:
    """The call_id whose external media channel this is; None for every other channel."""
    return _after(media_channel_id(app, ""), channel_id)


def call_of_bridge(app: str, name: str) -> str | None:
    """The call_id whose bridge this is; None for every other bridge."""
    return _after(bridge_id(app, ""), name)


def _after(prefix: str, name: str) -> str | None:
    return name.removeprefix(prefix) or None if name.startswith(prefix) else None
