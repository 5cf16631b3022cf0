"""The modules of Asterisk that the controller needs, and what each is for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

NEEDED: Final[Mapping[str, str]] = {
    "app_stasis.so": "the dialplan's Stasis()",
    "res_stasis.so": "the dialplan's Stasis()",
    "res_stasis_answer.so": "answering a call",
    "res_ari_applications.so": "the events of calls",
    "res_ari_events.so": "the events of calls",
    "res_ari_channels.so": "every call",
    "res_ari_bridges.so": "every call's audio",
    "bridge_simple.so": "every call's audio",
    "bridge_softmix.so": "every call's audio",
    "chan_rtp.so": "every call's audio",
    "res_rtp_asterisk.so": "every call's audio",
    "codec_ulaw.so": "every call's audio",
    "chan_pjsip.so": "calls by SIP",
    "res_pjsip_session.so": "calls by SIP",
    "res_pjsip_header_funcs.so": "SIP headers as variables",
    "func_callerid.so": "the caller's number",
}
"""Without one of these, calls fail or lose what they should have."""

WANTED: Final[Mapping[str, str]] = {
    "app_transfer.so": "transfers by REFER",
    "res_pjsip_refer.so": "transfers by REFER",
    "app_dial.so": "fallback numbers",
    "res_ari_playbacks.so": "the sentence for a caller whose agent failed",
    "res_stasis_playback.so": "the sentence for a caller whose agent failed",
    "res_ari_endpoints.so": "calls out and text messages",
    "res_sorcery_memory.so": "calls out",
    "res_srtp.so": "encrypted audio",
    "res_pjsip_outbound_authenticator_digest.so": "calls out with a password",
    "res_pjsip_outbound_registration.so": "registration of trunks",
    "res_pjsip_messaging.so": "text messages",
    "res_stasis_snoop.so": "recognising answering machines",
    "app_amd.so": "recognising answering machines",
    "res_musiconhold.so": "music on hold",
}
"""Without one of these, the named feature is missing and the rest works."""

CONTROL: Final[Mapping[str, str]] = {name: use for name, use in NEEDED.items() if name.startswith("res_ari_")}
"""Without one of these, a caller who has entered the application can neither be answered nor refused."""


def told_missing(modules: Mapping[str, str], running: Collection[str]) -> str | None:
    """Say in one sentence what `missing` says in two parts; None where no module is missing."""
    found = missing(modules, running)
    return found and ": ".join(found)


def missing(modules: Mapping[str, str], running: Collection[str]) -> tuple[str, str] | None:
    """Return which of these modules are not running, and what to do about it; None where none is missing.

    modules: name -> what it is for. running: names of those that are, such as `chan_rtp.so`.
    """
    absent = {name: use for name, use in modules.items() if name not in running}
    if not absent:
        return None
    names = ", ".join(f"{name} ({use})" for name, use in absent.items())
    first = next(iter(absent))
    return (
        f"not loaded in Asterisk: {names}",
        f"add `load = {first}` and so on to modules.conf, then restart Asterisk",
    )
