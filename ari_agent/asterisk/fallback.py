"""Sends a caller for whom no concurrency slot came free to the fallback number, through the dialplan. Pure.

    continue_in_dialplan(context=FALLBACK_CONTEXT, extension=FALLBACK_EXTENSION)
      -> Dial(PJSIP/number@trunk) or Dial(Local/number@the PBX's own context)
           answered: DIALSTATUS is ANSWER, and the caller is the dialplan's from then on
           not:      Stasis(app,fallback,${DIALSTATUS})    a new StasisStart: `returned_dial_status`

The dialplan knows how to reach the number. An E.164 number goes out through the trunk of the number that was dialled;
every other one is inside the PBX, and so is an E.164 one where there is no trunk. "Fallback number" is the API's word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.contract.parsing.e164 import is_e164
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import InvalidTransferTarget

FALLBACK_CONTEXT: Final = "ari-agent-fallback"
FALLBACK_EXTENSION: Final = "fallback"
DIAL_STATUS: Final = "DIALSTATUS"
"""The channel variable that Dial() sets: ANSWER once the other side has answered, before the two are bridged."""

# Nothing that separates arguments, channels or contexts, or begins an expression or a pattern, in a dialplan; nor one
# of the single letters that are extensions of Asterisk's own (s, h, i, t).
_NUMBER: Final = re.compile(r"(?![A-Za-z]$)\+?[0-9A-Za-z*#.-][0-9A-Za-z*#._-]{0,63}")


def fallback_variables(number: PhoneNumber, *, trunk: str, ring_ms: int) -> Mapping[str, str] | None:
    """Return the channel variables that make the dialplan dial the fallback number of `number`; None where it has none.

    trunk: the endpoint of that number's trunk, if it has one. ring_ms: how long the fallback number may ring.
    Raises InvalidTransferTarget: a number that could mean more than a number in a dialplan.
    """
    fallback = number.fallback_number
    if fallback is None:
        return None
    for given in (fallback, number.phone_number):
        if not _NUMBER.fullmatch(given):
            why = "expected letters, digits and * # . _ -, after a + if any, and no single letter"
            raise InvalidTransferTarget(given, why)
    config = number.sip_outbound_trunk_config
    through_trunk = is_e164(fallback) and config is not None and config.termination_uri is not None
    return {
        "ARI_AGENT_FALLBACK_NUMBER": fallback,
        "ARI_AGENT_FALLBACK_TRUNK": trunk if through_trunk else "",
        "ARI_AGENT_FALLBACK_FROM": number.phone_number,
        "ARI_AGENT_FALLBACK_RING_S": str(max(1, ring_ms // 1000)),
    }


def returned_dial_status(arguments: Sequence[str]) -> str | None:
    """Return DIALSTATUS from the arguments of the StasisStart that ends the detour; None for any other StasisStart."""
    if arguments[:1] != (FALLBACK_EXTENSION,):
        return None
    return arguments[1] if len(arguments) > 1 else ""
