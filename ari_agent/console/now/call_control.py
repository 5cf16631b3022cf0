"""What may be done to a call in progress: hang up, transfer, send keys; what came of it is said in words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, SIGNER
from ari_agent.console.form import read_form
from ari_agent.console.login.access import see_other
from ari_agent.console.one_call.requested_call import call_id_of, record_of
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.parsing.explain import explain
from ari_agent.errors import ApiError, CallNotOngoing, UnknownCall

_MODES: Final = ("sip_refer", "sip_invite")
_BLANKS: Final = str.maketrans("", "", " \t\u00a0")


async def show_control(request: web.Request) -> web.Response:
    """Show the forms of the call that the path names: by themselves for a page that asks by script, else as a page."""
    return await _answer(request, "")


async def hang_up(request: web.Request) -> web.Response:
    """Hang a call up, and show its page."""
    call_id = call_id_of(request)
    await _live(request, call_id)
    await request.app[DEPENDENCIES].calls.stop_call(call_id, HangupRequest())
    if _is_by_script(request):
        return await _answer(request, "The call is being hung up.")
    return see_other(f"/console/calls/{call_id}")


async def transfer(request: web.Request) -> web.Response:
    """Transfer the caller to the destination of the form, and say how that went."""
    call_id, form, dependencies = call_id_of(request), await read_form(request), request.app[DEPENDENCIES]
    try:
        wanted = TransferRequest.model_validate({name: form[name] for name in ("to", "mode") if form.get(name)})
    except ValidationError as error:
        raise ApiError(400, explain(error, form, root="the form")) from None
    if wanted.mode not in _MODES:
        raise ApiError(400, f"mode: the console transfers by {' and '.join(_MODES)}; the API knows the others")
    await _live(request, call_id)
    try:
        async with asyncio.timeout(dependencies.transfer_timeout_s):
            outcome = await dependencies.calls.transfer_call(call_id, wanted)
    except TimeoutError:
        raise ApiError(
            504, "The transfer goes on without an outcome so far; the page of the call will show it"
        ) from None
    return await _answer(request, _told(outcome, wanted.to), failed=outcome.status == "failed")


async def send_keys(request: web.Request) -> web.Response:
    """Send the keys of the form to the caller, as DTMF."""
    call_id, form = call_id_of(request), await read_form(request)
    keys = form.get("digits", "").translate(_BLANKS)
    try:
        wanted = DtmfRequest(digits="".join(key if key in "wW" else key.upper() for key in keys))
    except ValidationError:
        raise ApiError(400, "keys are 1 to 64 of 0-9, *, # and A-D; w waits for half a second") from None
    await _live(request, call_id)
    await request.app[DEPENDENCIES].calls.send_dtmf(call_id, wanted)
    return await _answer(request, f"The keys {wanted.digits} are being sent.")


def _told(outcome: TransferOutcome, to: str) -> str:
    if outcome.status == "succeeded":
        return f"The caller was transferred to {to}."
    why = outcome.message or ("the far end did not take the call" if outcome.sip_status else "")
    status = f" (SIP status {outcome.sip_status})" if outcome.sip_status else ""
    return f"The transfer to {to} failed{f': {why}' if why else ''}{status}. The caller is back with the agent."


async def _live(request: web.Request, call_id: str) -> None:
    """Require that the call goes on, here.

    Raises:
        CallNotOngoing: it is over.
        UnknownCall: there was none.
        ApiError: another controller has it.
    """
    dependencies = request.app[DEPENDENCIES]
    if any(call.call_id == call_id for call in dependencies.calls.live()):
        return
    if (call := await dependencies.store.calls.get(call_id)) is None:
        raise UnknownCall(call_id)
    if (node_id := await dependencies.store.calls.holder(call_id)) is not None:
        names = {node.node_id: node.name for node in dependencies.health.nodes() if not node.is_this}
        if node_id in names:
            raise ApiError(400, f"call {call_id} is with {names[node_id]}: the console of that controller controls it")
    raise CallNotOngoing(call_id, call.call_status.value)


def _is_by_script(request: web.Request) -> bool:
    return request.headers.get("HX-Request") == "true"


async def _answer(request: web.Request, outcome: str, *, failed: bool = False) -> web.Response:
    pages, session = request.app[PAGES], request[SESSION]
    said: Mapping[str, Any] = {"outcome": outcome, "failed": failed}
    if outcome and _is_by_script(request):
        return pages.piece("outcome.html", said)
    call = await record_of(request)
    is_live = request.app[DEPENDENCIES].calls.record(call.call_id) is not None
    values = {**said, "call": call, "is_live": is_live}
    if _is_by_script(request):
        token = request.app[SIGNER].csrf_token(session)
        return pages.piece("call_control_piece.html", {**values, "session": session, "csrf_token": token})
    return pages.page("call_control_page.html", session, **values)
