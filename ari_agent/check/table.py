"""The checks of `ari-agent check`: one line each, in the order in which their findings are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ari_agent.check.analysis import check_analysis
from ari_agent.check.artefacts import check_spool, check_store
from ari_agent.check.asterisk import (
    check_application,
    check_ari,
    check_certificate,
    check_clock,
    check_memory,
    check_modules,
    check_rights,
)
from ari_agent.check.audio import check_echo, check_music, check_ringing
from ari_agent.check.browser_phone import check_browser_phone
from ari_agent.check.contexts import check_detours, check_dialplan, check_extensions
from ari_agent.check.machine import (
    check_api,
    check_database,
    check_limits,
    check_rtp_address,
    check_secrets,
    check_speech,
)
from ari_agent.check.models import check_model
from ari_agent.check.peers import check_agents, check_webhooks
from ari_agent.check.realtime import check_realtime
from ari_agent.check.runner import Check
from ari_agent.check.surroundings import Surroundings
from ari_agent.check.trunks import check_trunk_hosts, check_trunk_states

_MACHINE, _ASTERISK, _AUDIO = "This machine", "Asterisk", "Audio"
_TRUNKS, _SERVERS = "Trunks", "Agents and webhooks"

CHECKS: Final[Sequence[Check[Surroundings]]] = (
    Check(_MACHINE, "database", check_database),
    Check(_MACHINE, "artefact store", check_store),
    Check(_MACHINE, "spool", check_spool),
    Check(_MACHINE, "secrets", check_secrets),
    Check(_MACHINE, "api", check_api),
    Check(_MACHINE, "limits", check_limits),
    Check(_ASTERISK, "ari", check_ari),
    Check(_ASTERISK, "modules", check_modules, needs=("ari",)),
    Check(_ASTERISK, "application", check_application, needs=("ari",)),
    Check(_ASTERISK, "rights", check_rights, needs=("ari",)),
    Check(_ASTERISK, "dialplan", check_dialplan, needs=("rights",)),
    Check(_ASTERISK, "contexts", check_detours, needs=("rights",)),
    Check(_ASTERISK, "extensions", check_extensions, needs=("rights",)),
    Check(_ASTERISK, "clock", check_clock, needs=("rights",)),
    Check(_ASTERISK, "certificate", check_certificate, needs=("ari",)),
    Check(_ASTERISK, "browser phone", check_browser_phone, needs=("ari",)),
    Check(_AUDIO, "address", check_rtp_address),
    Check(_AUDIO, "echo", check_echo, needs=("modules", "rights", "address")),
    Check(_AUDIO, "ringing", check_ringing, needs=("echo",)),
    Check(_AUDIO, "music on hold", check_music, needs=("echo",)),
    Check(_TRUNKS, "trunk memory", check_memory, needs=("rights",)),
    Check(_TRUNKS, "trunk state", check_trunk_states, needs=("database", "ari")),
    Check(_TRUNKS, "trunk host", check_trunk_hosts, needs=("database",)),
    Check(_SERVERS, "agent", check_agents, needs=("database",)),
    Check(_SERVERS, "webhook", check_webhooks, needs=("database",)),
    Check(_SERVERS, "speech", check_speech),
    Check(_SERVERS, "analysis", check_analysis),
    Check(_SERVERS, "model", check_model),
    Check(_SERVERS, "speaking model", check_realtime),
)
