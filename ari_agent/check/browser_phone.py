"""Whether browsers can phone: the account of the console's telephone, and the way of its SIP messages to Asterisk."""

from __future__ import annotations

from ari_agent.check.finding import Finding, ok, skipped, warning
from ari_agent.check.surroundings import Surroundings
from ari_agent.errors import AsteriskError

_NONE = "the console has no telephone: ARI_AGENT_BROWSER_PHONE is off, or ARI_AGENT_BROWSER_PHONE_PASSWORD is not set"
_SHIPPED = (
    "copy the sections of browser-phone from asterisk-conf/pjsip.conf, then asterisk -rx 'module reload res_pjsip.so'"
)


async def check_browser_phone(around: Surroundings) -> list[Finding]:
    """Look at the endpoint of the console's telephone, and log its account in. Registers nothing."""
    phone = around.phone
    if phone is None:
        return skipped(_NONE)
    endpoint = await around.inspection.sip_object("endpoint", phone.account)
    if endpoint is None:
        return warning(f"Asterisk has no endpoint {phone.account} for the console's telephone", _SHIPPED)
    if endpoint.get("media_encryption") != "dtls" or endpoint.get("ice_support") not in ("yes", "true"):
        return warning(f"browsers have no sound with the endpoint {phone.account}: it lacks webrtc = yes", _SHIPPED)
    try:
        status = await phone.log_in()
    except AsteriskError as error:
        return warning(f"the console's telephone does not work: {error}", "see docs/console.md, The telephone")
    if status != 200:
        return warning(
            f"Asterisk refuses the account {phone.account} of the console's telephone: REGISTER was answered {status}",
            "ARI_AGENT_BROWSER_PHONE_PASSWORD must be the password of its auth section in pjsip.conf, and its aor "
            "must have max_contacts",
        )
    return ok(f"the console's telephone may log in as {phone.account}")
