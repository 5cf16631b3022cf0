"""The checks of Asterisk's dialplan: where calls enter the application, and the contexts that it sends them to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.asterisk.fallback import FALLBACK_CONTEXT, FALLBACK_EXTENSION
from ari_agent.asterisk.inspection import Inspection
from ari_agent.asterisk.refer import REFER_CONTEXT, REFER_EXTENSION
from ari_agent.calls.transfer.machine_detector import AMD_CONTEXT, AMD_EXTENSION
from ari_agent.check.dialplan import enters, leads_to, other_app
from ari_agent.check.finding import Finding, failed, ok, skipped, warning
from ari_agent.check.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class _Detour:
    """A context that the controller sends channels through. use: what for. returns: they come back from there."""

    extension: str
    use: str
    returns: bool = True


_DETOURS: Final[Mapping[str, _Detour]] = {
    REFER_CONTEXT: _Detour(REFER_EXTENSION, "transfers by REFER"),
    "ari-agent-referred": _Detour(REFER_EXTENSION, "transfers by REFER"),
    FALLBACK_CONTEXT: _Detour(FALLBACK_EXTENSION, "fallback numbers"),
    AMD_CONTEXT: _Detour(AMD_EXTENSION, "recognising answering machines", returns=False),
}
_USUAL_CONTEXTS: Final = ("default", "from-trunk", "from-pstn", "from-internal", "public")
_MAX_CONTEXTS: Final = 200
_SHARING: Final = ("func_cut.so", "func_module.so")
"""What the context that shares calls needs, beside what every dialplan of ours does."""
_PATIENCE_S: Final = 5.0
"""To look through the dialplan: that of FreePBX has thousands of lines."""
_COPY: Final = "copy it from asterisk-conf/extensions.conf (docs/existing-pbx.md), then `dialplan reload`"


async def check_dialplan(around: Surroundings) -> list[Finding]:
    """Look for Stasis(app) in every context that calls of SIP endpoints come in at, and where those lead."""
    inspection = around.inspection
    app = inspection.apps[0]
    look = f"look yourself whether `asterisk -rx 'dialplan show' | grep Stasis` has Stasis({app}) where calls arrive"
    if "func_config.so" not in await inspection.modules():
        return warning("the dialplan could not be seen", f"load func_config.so in Asterisk, or {look}")
    if unshared := await _unshared(inspection):
        return unshared
    contexts = frozenset((await inspection.endpoint_fields("context")).values())
    others: set[str] = set()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            entered = await _entering(inspection, [*sorted(contexts), *_USUAL_CONTEXTS], others)
    except TimeoutError:
        return warning(f"the dialplan is too long to look through in {_PATIENCE_S:g} s", look)
    if entered:
        apps = "), Stasis(".join(inspection.apps)
        return await _trunk_context(around) or ok(f"[{entered}] has Stasis({apps})")
    where = ", ".join(sorted(contexts)) or "none: pjsip.conf has no endpoint"
    names = f". There is Stasis({'), Stasis('.join(sorted(others))}): is ARI_AGENT_APP right?" if others else ""
    return failed(
        f"no line Stasis({app}) in extensions.conf where calls of SIP endpoints arrive (contexts: {where}){names}",
        f"add `same = n,Stasis({app})` there (docs/existing-pbx.md), then asterisk -rx 'dialplan reload'",
    )


async def _unshared(inspection: Inspection) -> list[Finding]:
    """Return who gets no calls of those that the dialplan shares among several of ours; nothing where all is well."""
    shared = await inspection.apps_that_share()
    if not any(app.startswith(f"{inspection.app}_") for app in shared):
        return []
    modules = await inspection.modules()
    if missing := [module for module in _SHARING if module not in modules]:
        return failed(
            f"calls cannot be shared: not loaded in Asterisk: {', '.join(missing)}",
            f"add `load = {missing[0]}` and so on to modules.conf, then restart Asterisk",
        )
    if not (absent := [app for app in inspection.apps if app not in shared]):
        return []
    return failed(
        f"the dialplan shares the calls among {', '.join(shared)}, and not with {', '.join(absent)}",
        "name the applications of all controllers in ARI_AGENT_APPS, in the [globals] of extensions.conf "
        "(docs/scaling.md), then asterisk -rx 'dialplan reload'; or set ARI_AGENT_PROCESSES",
    )


async def _trunk_context(around: Surroundings) -> list[Finding]:
    """Return what is wrong with the context where calls by trunks of numbers come in; nothing where nothing is."""
    context = around.settings.trunk_context
    takes_calls = any(config.registration or config.inbound_addresses for config in around.stored.trunks())
    if not takes_calls or await _entering(around.inspection, [context], set()):
        return []
    app = around.inspection.apps[0]
    return failed(
        f"calls by trunks come in at [{context}], which does not lead to Stasis({app})",
        f"add `same = n,Stasis({app})` there, or set ARI_AGENT_TRUNK_CONTEXT to a context that has it",
    )


async def check_detours(around: Surroundings) -> list[Finding]:
    """Look for the contexts that the controller sends channels through, and whether those lead back to it."""
    in_use = around.stored.features()
    found: list[Finding] = []
    for context, detour in _DETOURS.items():
        found += await _detour(around.inspection, context, detour, needed=detour.use in in_use)
    return found or ok(f"the dialplan has {', '.join(f'[{context}]' for context in _DETOURS)}")


async def check_extensions(around: Surroundings) -> list[Finding]:
    """Look for the context of the PBX's own extensions, where ARI_AGENT_EXTENSIONS_CONTEXT names one."""
    context = around.settings.extensions_context
    if context is None:
        return skipped("ARI_AGENT_EXTENSIONS_CONTEXT is not set: no call is transferred to an extension of the PBX")
    inspection = around.inspection
    if "func_config.so" not in await inspection.modules():
        return warning(f"[{context}] could not be looked for", "load func_config.so in Asterisk")
    kinds = ("exten", "include", "switch")
    if any([await inspection.lines(context, kind) for kind in kinds]):
        return ok(f"the dialplan has [{context}]")
    return warning(
        f"the dialplan in extensions.conf lacks [{context}], so transfers to extensions fail",
        "set ARI_AGENT_EXTENSIONS_CONTEXT to the context in which phones dial each other (from-internal at FreePBX)",
    )


async def _detour(inspection: Inspection, context: str, detour: _Detour, *, needed: bool) -> list[Finding]:
    """Return what is wrong with a context; nothing where nothing is. needed: a number or agent uses it."""
    exists = await inspection.has_context(context, detour.extension)
    if exists is None:
        return warning(f"[{context}] could not be looked for", "load func_dialplan.so in Asterisk")
    if not exists:
        tell = failed if needed else warning
        return tell(f"the dialplan lacks [{context}], so {detour.use} do not work", _COPY)
    others: set[str] = set()
    if detour.returns and not await _entering(inspection, [context], others) and others:
        return failed(
            f"[{context}] leads to Stasis({', '.join(sorted(others))}), not to {', '.join(inspection.apps)}", _COPY
        )
    return []


async def _entering(inspection: Inspection, contexts: Sequence[str], others: set[str]) -> str | None:
    """Return the first of the contexts, and of those that they lead to, that enters our application, or all of ours.

    others: gets the names of other applications that are entered there.
    """
    waiting, seen = list(contexts), set(contexts)
    shared = await inspection.apps_that_share()
    for context in waiting:  # it grows meanwhile
        lines = [line for kind in ("exten", "same") for line in await inspection.lines(context, kind)]
        if all(any(enters(line, app, shared) for line in lines) for app in inspection.apps):
            return context
        others.update(name for line in lines if (name := other_app(line)))
        led = [*await inspection.lines(context, "include"), *(to for line in lines for to in leads_to(line))]
        for name in (entry.partition(",")[0].strip() for entry in led):
            if name not in seen and len(seen) < _MAX_CONTEXTS:
                seen.add(name)
                waiting.append(name)
    return None
