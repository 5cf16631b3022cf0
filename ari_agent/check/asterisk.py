"""The checks that ask Asterisk: one small function each, and the order in which they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ari_agent.asterisk.fallback import FALLBACK_CONTEXT, FALLBACK_EXTENSION
from ari_agent.asterisk.inspection import Inspection
from ari_agent.asterisk.refer import REFER_CONTEXT, REFER_EXTENSION
from ari_agent.calls.machine_detector import AMD_CONTEXT, AMD_EXTENSION
from ari_agent.check.dialplan import enters, leads_to, other_app
from ari_agent.check.finding import Finding
from ari_agent.check.modules import missing_modules
from ari_agent.errors import AsteriskError, AsteriskRefused, AsteriskUnreachable

_DETOURS: Final[Mapping[str, tuple[str, str]]] = {
    REFER_CONTEXT: (REFER_EXTENSION, "transfers by REFER"),
    FALLBACK_CONTEXT: (FALLBACK_EXTENSION, "fallback numbers"),
    AMD_CONTEXT: (AMD_EXTENSION, "recognising answering machines"),
}
"""Contexts that the controller sends channels through -> the extension, and what for."""
_USUAL_CONTEXTS: Final = ("default", "from-trunk", "from-pstn", "from-internal", "public")
_MAX_CONTEXTS: Final = 200
_TRUNK_KINDS: Final = ("auth", "aor", "endpoint")
_COPY: Final = "copy it from asterisk-conf/extensions.conf (docs/existing-pbx.md), then `dialplan reload`"


async def check_asterisk(inspection: Inspection, *, url: str, serving: bool) -> list[Finding]:
    """Look at everything in Asterisk that calls need. Never raises AsteriskError.

    url: ARI_AGENT_ARI_URL, for the messages. serving: a controller with the same ARI_AGENT_BIND runs.
    """
    try:
        await inspection.version()
    except AsteriskError as error:
        return [Finding("asterisk", problem=why_no_ari(error, url))]
    found = [Finding("asterisk")]
    try:
        running = await inspection.modules()
        found.append(missing_modules(running))
        found.append(await _app_name(inspection, serving=serving))
        found += await _with_channel(inspection, running)
    except AsteriskError as error:
        found.append(Finding("ari", problem=f"{why_no_ari(error, url)}: are all modules res_ari_*.so loaded?"))
    return found


def why_no_ari(error: AsteriskError, url: str) -> str:
    """Say what is wrong with the way to ARI and which setting or file is to be changed."""
    if isinstance(error, AsteriskUnreachable):
        return (
            f"{error}. Is Asterisk running, is http.conf `enabled = yes` (asterisk -rx 'http show status'), and is "
            f"ARI_AGENT_ARI_URL its address?"
        )
    status = error.status if isinstance(error, AsteriskRefused) else 0
    if status == 401:
        return (
            "wrong ARI_AGENT_ARI_USERNAME or ARI_AGENT_ARI_PASSWORD: they are the section and the password in ari.conf "
            "(after a change there: asterisk -rx 'module reload res_ari')"
        )
    if status == 404 and not url.rstrip("/").endswith("/ari"):
        return f"ARI_AGENT_ARI_URL is {url} and does not end in /ari: set it to {url.rstrip('/')}/ari"
    if status == 404:
        return f"{error}. No ARI at {url}: set `enabled = yes` in ari.conf and load res_ari.so and res_ari_asterisk.so"
    return str(error)


async def _app_name(inspection: Inspection, *, serving: bool) -> Finding:
    if serving or not await inspection.app_is_taken():
        return Finding("application")
    return Finding(
        "application",
        problem=(
            f"another controller is connected to Asterisk as {inspection.app}: two under one name take the calls from "
            f"each other. Stop it, or give this one its own ARI_AGENT_APP and dialplan line Stasis()"
        ),
    )


async def _with_channel(inspection: Inspection, running: frozenset[str]) -> list[Finding]:
    """Check what a channel is needed for: rights first, for without them there is none."""
    try:
        async with inspection.channel():
            dialplan = await _stasis_line(inspection, running)
            detours = [await _detour(inspection, context) for context in _DETOURS]
            return [Finding("ari rights"), dialplan, *detours, await _trunks(inspection)]
    except AsteriskRefused as error:
        if error.status != 403:
            raise
        return [
            Finding(
                "ari rights",
                problem=(
                    "the user ARI_AGENT_ARI_USERNAME may only read: set `read_only = no` in its section of ari.conf, "
                    "then asterisk -rx 'module reload res_ari'"
                ),
            )
        ]


async def _stasis_line(inspection: Inspection, running: frozenset[str]) -> Finding:
    """Look for Stasis(app) in every context that calls of SIP endpoints come in at, and where those lead."""
    app, what = inspection.app, "dialplan"
    if "func_config.so" not in running:
        return Finding(
            what,
            warning=(
                f"it could not be seen: load func_config.so in Asterisk, or look yourself whether "
                f"`asterisk -rx 'dialplan show' | grep Stasis` has Stasis({app}) where calls arrive"
            ),
        )
    contexts = await inspection.endpoint_contexts()
    others: set[str] = set()
    if await _enters(inspection, [*sorted(contexts), *_USUAL_CONTEXTS], others):
        return Finding(what)
    where = ", ".join(sorted(contexts)) or "none: pjsip.conf has no endpoint"
    names = f" There is Stasis({'), Stasis('.join(sorted(others))}): is ARI_AGENT_APP right?" if others else ""
    return Finding(
        what,
        problem=(
            f"no line Stasis({app}) in extensions.conf where calls of SIP endpoints arrive (contexts: {where}).{names} "
            f"Add `same = n,Stasis({app})` there (docs/existing-pbx.md), then asterisk -rx 'dialplan reload'"
        ),
    )


async def _enters(inspection: Inspection, contexts: list[str], others: set[str]) -> bool:
    """Tell whether one of the contexts, or one that they lead to, enters our application.

    others: gets the names of other applications that are entered there.
    """
    waiting, seen = list(contexts), set(contexts)
    for context in waiting:  # it grows meanwhile
        lines = [line for kind in ("exten", "same") for line in await inspection.lines(context, kind)]
        if any(enters(line, inspection.app) for line in lines):
            return True
        others.update(name for line in lines if (name := other_app(line)))
        led = [*await inspection.lines(context, "include"), *(to for line in lines for to in leads_to(line))]
        for name in (entry.partition(",")[0].strip() for entry in led):
            if name not in seen and len(seen) < _MAX_CONTEXTS:
                seen.add(name)
                waiting.append(name)
    return False


async def _detour(inspection: Inspection, context: str) -> Finding:
    extension, use = _DETOURS[context]
    exists = await inspection.has_context(context, extension)
    if exists is None:
        return Finding(context, warning="it could not be looked for: load func_dialplan.so in Asterisk")
    if not exists:
        return Finding(context, warning=f"the dialplan lacks [{context}], so {use} do not work: {_COPY}")
    returns = context != AMD_CONTEXT
    others: set[str] = set()
    if returns and not await _enters(inspection, [context], others) and others:
        return Finding(
            context,
            problem=f"[{context}] leads to Stasis({', '.join(sorted(others))}), not to {inspection.app}: {_COPY}",
        )
    return Finding(context)


async def _trunks(inspection: Inspection) -> Finding:
    for kind in _TRUNK_KINDS:
        try:
            await inspection.takes_object(kind)
        except AsteriskRefused as error:
            return Finding(
                "trunks",
                warning=(
                    f"calls out do not work: Asterisk takes no trunk ({kind}: {error.message}). sorcery.conf must map "
                    "auth, aor and endpoint to memory too, as asterisk-conf/sorcery.conf does. Then restart Asterisk "
                    "as a whole: a reload does not read it"
                ),
            )
    return Finding("trunks")
