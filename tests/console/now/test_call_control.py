"""A call in progress is hung up, transferred and sent keys from its page, and what came of it is said there."""

from __future__ import annotations

import pytest

from ari_agent.console.dependencies import DEPENDENCIES, HealthSources
from ari_agent.contract.call_control import TransferOutcome
from ari_agent.contract.node import NodeInfo
from ari_agent.errors import AsteriskUnreachable, CallNotOngoing, InvalidTransferTarget, NoPhoneLine
from ari_agent.store.store import Store
from tests.console.conftest import (
    READ_ONLY_KEY,
    Browser,
    LiveCalls,
    OneCall,
    a_call,
    console_of,
    csrf_token,
    log_in,
    text_of,
)

LIVE = "/console/calls/call_1"
BY_SCRIPT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def one_live_call(live_calls: LiveCalls) -> None:
    live_calls.calls[:] = [OneCall(a_call(call_status="ongoing", disconnection_reason=None))]


async def post(browser: Browser, action: str, *, by_script: bool = True, **form: str) -> tuple[int, str]:
    token = await csrf_token(browser)
    headers = BY_SCRIPT if by_script else {}
    answer = await browser.post(f"{LIVE}/{action}", data={"csrf_token": token, **form}, headers=headers)
    return answer.status, await answer.text()


async def test_a_live_call_has_its_forms_on_its_page_and_in_a_piece_for_a_dialog(browser: Browser) -> None:
    for page in (await text_of(browser, LIVE), await text_of(browser, f"{LIVE}/control")):
        assert "<html" in page
        for action in ("transfer", "keys", "hang-up"):
            assert page.count(f'method="post" action="{LIVE}/{action}"') == 1
    piece = await (await browser.get(f"{LIVE}/control", headers=BY_SCRIPT)).text()
    assert "<html" not in piece and f'hx-post="{LIVE}/transfer"' in piece and 'name="csrf_token" value="' in piece


async def test_an_open_page_of_a_call_learns_of_its_end(browser: Browser, store: Store, live_calls: LiveCalls) -> None:
    assert f'hx-get="{LIVE}/live" hx-trigger="every 3s"' in await text_of(browser, LIVE)
    assert await text_of(browser, f"{LIVE}/live", 204) == ""
    await store.calls.save(a_call())
    live_calls.calls.clear()
    assert f'The call is over: <a href="{LIVE}">' in await text_of(browser, f"{LIVE}/live")
    assert "/live" not in await text_of(browser, LIVE)


async def test_a_web_call_has_no_line_to_transfer_or_send_keys_on(browser: Browser, live_calls: LiveCalls) -> None:
    live_calls.calls[:] = [OneCall(a_call(call_type="web_call", direction=None, call_status="ongoing"))]
    page = await text_of(browser, LIVE)
    assert f"{LIVE}/hang-up" in page and f"{LIVE}/transfer" not in page and f"{LIVE}/keys" not in page


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ({"to": " +1 (415) 555-0100 "}, ("call_1", "+14155550100", "sip_refer")),
        ({"to": "200", "mode": "sip_invite"}, ("call_1", "200", "sip_invite")),
        ({"to": "sip:bob@pbx.example", "mode": ""}, ("call_1", "sip:bob@pbx.example", "sip_refer")),
    ],
)
@pytest.mark.parametrize("by_script", [True, False])
async def test_a_caller_is_transferred_where_the_form_says(
    browser: Browser, live_calls: LiveCalls, form: dict[str, str], asked: tuple[str, str, str], by_script: bool
) -> None:
    status, text = await post(browser, "transfer", by_script=by_script, **form)
    assert (status, live_calls.transfers) == (200, [asked])
    assert f"The caller was transferred to {asked[1]}." in text
    assert ("<html" in text) is not by_script


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (
            TransferOutcome(status="failed", sip_status=486),
            200,
            "The transfer to +1415 failed: the far end did not take the call (SIP status 486). The caller is back",
        ),
        (TransferOutcome(status="failed", message="no answer"), 200, "failed: no answer. The caller is back"),
        (TransferOutcome(status="failed"), 200, "failed. The caller is back"),
        (None, 504, "The transfer goes on without an outcome so far"),
        (InvalidTransferTarget("+1415", "the dial policy refuses it"), 400, "the dial policy refuses it"),
        (CallNotOngoing("call_1", "ended"), 400, "The call is over."),
        (CallNotOngoing("call_1", "transferring"), 400, "The call is transferring now"),
        (NoPhoneLine("call_1"), 400, "it has no phone line"),
        (AsteriskUnreachable("http://pbx", "refused"), 503, "Asterisk is not reachable."),
    ],
)
async def test_a_transfer_that_fails_is_said_in_the_page_that_asked(
    browser: Browser, live_calls: LiveCalls, outcome: TransferOutcome | Exception | None, status: int, said: str
) -> None:
    live_calls.transfer = outcome
    found, text = await post(browser, "transfer", to="+1415")
    assert (found, 'class="problem" role="alert"' in text, "<html" in text) == (status, True, False)
    assert said in text


@pytest.mark.parametrize(
    ("action", "form", "said"),
    [
        ("transfer", {}, "to: required"),
        ("transfer", {"to": "bob!"}, "is no destination; expected"),
        ("transfer", {"to": "200", "mode": "by_mail"}, "mode: "),
        ("transfer", {"to": "200", "mode": "warm"}, "the console transfers by sip_refer and sip_invite"),
        ("keys", {}, "keys are 1 to 64 of 0-9"),
        ("keys", {"digits": "12x"}, "keys are 1 to 64 of 0-9"),
        ("keys", {"digits": "1" * 65}, "keys are 1 to 64 of 0-9"),
    ],
)
async def test_what_cannot_be_done_is_not_and_it_is_said_what_would_be_right(
    browser: Browser, live_calls: LiveCalls, action: str, form: dict[str, str], said: str
) -> None:
    for by_script in (True, False):
        status, text = await post(browser, action, by_script=by_script, **form)
        assert (status, live_calls.transfers, live_calls.keys) == (400, [], [])
        assert said in text


@pytest.mark.parametrize(("typed", "sent"), [("1 2#", "12#"), ("*ad", "*AD"), ("1wW2", "1wW2")])
async def test_keys_are_sent_to_the_caller(browser: Browser, live_calls: LiveCalls, typed: str, sent: str) -> None:
    status, text = await post(browser, "keys", digits=typed)
    assert (status, live_calls.keys) == (200, [("call_1", sent)])
    assert f"The keys {sent} are being sent." in text


async def test_a_call_is_hung_up_without_leaving_the_page(browser: Browser, live_calls: LiveCalls) -> None:
    assert "The call is being hung up." in (await post(browser, "hang-up"))[1]
    assert live_calls.hung_up == ["call_1"]


@pytest.mark.parametrize(("action", "form"), [("transfer", {"to": "200"}), ("keys", {"digits": "1"}), ("hang-up", {})])
async def test_a_call_that_is_over_is_left_alone(
    browser: Browser, store: Store, live_calls: LiveCalls, action: str, form: dict[str, str]
) -> None:
    live_calls.calls.clear()
    status, text = await post(browser, action, by_script=True, **form)
    assert status == 422 and "call call_1 not found" in text
    await store.calls.save(a_call())
    status, text = await post(browser, action, by_script=True, **form)
    assert status == 400 and "The call is over." in text
    assert (live_calls.hung_up, live_calls.transfers, live_calls.keys) == ([], [], [])
    assert "The call is over" in await text_of(browser, f"{LIVE}/control")


async def test_a_call_of_another_controller_is_controlled_in_its_console(
    browser: Browser, store: Store, live_calls: LiveCalls
) -> None:
    live_calls.calls.clear()
    store.node_id = 7
    await store.calls.save(a_call(call_status="ongoing", disconnection_reason=None))
    other = NodeInfo(node_id=7, name="voice-2", app="ari_agent", version="1", state="serving", started_at=0)
    object.__setattr__(console_of(browser)[DEPENDENCIES], "health", HealthSources(nodes=lambda: [other]))
    status, text = await post(browser, "hang-up")
    assert status == 400 and "call call_1 is with voice-2: the console of that controller controls it" in text
    assert "voice-2" in await text_of(browser, "/console")


@pytest.mark.parametrize(("action", "form"), [("transfer", {"to": "200"}), ("keys", {"digits": "1"})])
async def test_whoever_may_only_look_or_comes_from_elsewhere_changes_nothing(
    stranger: Browser, live_calls: LiveCalls, action: str, form: dict[str, str]
) -> None:
    await log_in(stranger, READ_ONLY_KEY)
    status, text = await post(stranger, action, by_script=True, **form)
    assert status == 403 and "may only look" in text
    answer = await stranger.post(f"{LIVE}/{action}", data={"csrf_token": "x", **form}, headers=BY_SCRIPT)
    assert (answer.status, live_calls.transfers, live_calls.keys) == (403, [], [])
    for path in (LIVE, f"{LIVE}/control"):
        assert f"{LIVE}/{action}" not in await text_of(stranger, path)
