"""Who is at the other end of a channel: its number and name as far as they want them known, and its SIP headers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.header_reader import SipHeaders, read_sip_headers
from ari_agent.routing.caller_number import ANONYMOUS, who_calls


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who calls. number: ANONYMOUS where it is withheld, and then name is `""`. sip: without what is withheld."""

    number: str
    name: str
    sip: SipHeaders


async def identify_caller(ari: Ari, channel: Channel, *, show_withheld: bool) -> CallerIdentity:
    """Read who is at the other end of a channel. show_withheld: tell also what they withhold.

    Raises:
        AsteriskUnreachable, AsteriskRefused, ChannelGone: as they say.
    """
    sip = await read_sip_headers(ari, channel.id)
    caller = who_calls(
        channel.caller.number,
        headers=sip.headers,
        privacy=sip.privacy,
        presentation=sip.presentation,
        from_uri=sip.from_uri,
        show_withheld=show_withheld,
    )
    name = "" if caller.number == ANONYMOUS else channel.caller.name
    return CallerIdentity(caller.number, name, replace(sip, headers=caller.headers))
