"""What a call object tells of its audio: loss, jitter and an estimated opinion score, for each direction."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ari_agent.contract.parsing.model import ContractModel, Count, Milliseconds, Number

Percent = Annotated[float, Field(strict=True, ge=0, le=100)]
OpinionScore = Annotated[float, Field(strict=True, ge=1, le=5)]


class StreamQuality(ContractModel):
    """What became of the audio of one direction of a call. What nobody could count is not there.

    packets: RTP packets that arrived at the controller, or that Asterisk sent to the phone, hold music included. lost:
    never came, or so late that they could not be told from that. loss_percent: lost ones of all that were sent. late:
    came after they had been given up, and were of no use; not among `lost`. reordered: came in another order than they
    were sent, and in time. duplicate: came more than once. concealed_ms: sound that was made up for missing packets.
    jitter_ms: the mean deviation of the packets' spacing (RFC 3550 section 6.4.1) at the last look; max_jitter_ms: the
    greatest of all looks. mos: estimated opinion score, 1 (bad) to 4.5, by ITU-T G.107 from codec, loss, late packets,
    bursts and delay.
    """

    packets: Count
    lost: Count | None = None
    loss_percent: Percent | None = None
    late: Count | None = None
    reordered: Count | None = None
    duplicate: Count | None = None
    concealed_ms: Milliseconds | None = None
    jitter_ms: Number | None = None
    max_jitter_ms: Number | None = None
    mos: OpinionScore | None = None


class MediaQuality(ContractModel):
    """The quality of a phone call's audio between the caller's phone and the controller, as far as it is known.

    codec: that of the phone, under Asterisk's name. round_trip_ms: between Asterisk and the phone, by RTCP.
    caller_to_agent: counted by the controller, at the end of the whole way; its jitter by Asterisk, of the way from the
    phone. agent_to_caller: what the phone reported by RTCP of what it received, so that a phone that reports nothing
    leaves `packets` alone.
    """

    codec: str | None = None
    round_trip_ms: Number | None = None
    caller_to_agent: StreamQuality
    agent_to_caller: StreamQuality
