"""`ari-agent check --dial`: what would happen, and why, with no Asterisk and perhaps no database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.__main__ import main
from ari_agent.check import dial
from ari_agent.check.dial import NothingToDialFrom, check_dial
from ari_agent.check.dial_question import Question
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.call import Call
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.contract.price_table import PriceTable
from ari_agent.store.store import Store

pytestmark = pytest.mark.slow

NOW_MS = 1_800_000_000_000
US, DE = "+14155550100", "+4930123450"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database with two numbers: one that calls the US alone, and one without a policy."""
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/calls.db", now_ms=lambda: NOW_MS)
    await store.open()
    for number, policy in ((US, {"countries": ["US"]}), (DE, None)):
        given = {"phone_number": number, "termination_uri": "sip.example.com", "dial_policy": policy}
        await store.phone_numbers.create(PhoneNumberImport.model_validate(given).number(now_ms=NOW_MS))
    yield f"sqlite+aiosqlite:///{tmp_path}/calls.db"
    await store.close()


async def test_each_number_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "_AT_ONCE", 1)  # a page
    verdicts = await check_dial(Question("+4930123456"), url, DialPolicy(), now_ms=NOW_MS)
    assert [(verdict.may, verdict.text) for verdict in verdicts] == [
        (
            False,
            f"{US}: refused by countries: phone number {US} may not reach +4930123456 in DE: its countries are US; "
            "to allow it, add the country there",
        ),
        (True, f"{DE}: +4930123456 may be dialled: +4930123456, fixed_line, in DE"),
    ]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("+88213123456", "refused by number_types: the workspace (ARI_AGENT_DIAL_POLICY) may not reach +88213123456"),
        ("030 123456", "030123456 may be dialled: +4930123456, fixed_line, in DE"),
        ("200", "200 may be dialled: extension 200"),
        ("*43", "*43 may be dialled: extension *43"),
        ("sip:bob@example.com", "sip:bob@example.com may be dialled: whoever the host decides at example.com"),
        ("sip:200@example.com", "sip:200@example.com may be dialled: whoever the host decides at example.com"),
        ("sip:+14155550123@a.b", "may be dialled: +14155550123, fixed_line or mobile, in US at a.b"),
        ("+15551234567", "+15551234567 may be dialled: +15551234567, unknown, in no country that is known"),
        ("PJSIP/200", "'PJSIP/200' names a channel of Asterisk: write 200"),
        ("9" * 300, "a destination has at most 256 characters, and this one 300"),
    ],
)
async def test_one_number_is_asked(url: str, to: str, told: str) -> None:
    [verdict] = await check_dial(Question(to, DE), url, DialPolicy(), now_ms=NOW_MS)
    assert verdict.text.startswith(f"{DE}: ")
    assert told in verdict.text
    assert verdict.may == ("may be dialled" in told)


async def test_the_price_and_the_limit_of_cost_are_told(url: str) -> None:
    prices = PriceTable.model_validate({"telephony": [{"prefix": "+1", "cents_per_minute": 0.85}]})
    told = []
    for to, policy in ((US, DialPolicy()), ("+4930123456", DialPolicy()), (US, DialPolicy(cost_per_day_cents=0))):
        [verdict] = await check_dial(Question(to, DE), url, policy, now_ms=NOW_MS, prices=prices)
        told.append((verdict.may, verdict.text))
    assert [may for may, _ in told] == [True, True, False]
    assert told[0][1].endswith("in US, at 0.85 cents a minute")
    assert told[1][1].endswith("in DE, at a price that ARI_AGENT_PRICES does not tell")
    assert "refused by cost_per_day_cents: the calls of the last 24 hours cost 0.00 cents" in told[2][1]


async def test_an_agent_and_the_calls_of_the_day_count(url: str) -> None:
    store = Store(url, now_ms=lambda: NOW_MS)
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9300/"}
    agent = await store.agents.create(
        AgentCreate.model_validate({"response_engine": engine, "dial_policy": {"extensions": ["200"]}})
    )
    [verdict] = await check_dial(Question("300", DE, agent.agent_id), url, DialPolicy(), now_ms=NOW_MS)
    assert f"refused by extensions: agent {agent.agent_id} may not reach extension 300" in verdict.text
    call = {"call_id": "call_1", "agent_id": agent.agent_id, "call_status": "ongoing", "start_timestamp": NOW_MS}
    call |= {"direction": "outbound", "from_number": DE, "to_number": US}
    await store.calls.save(Call.model_validate(call))
    await store.close()
    for limit, may in ((1, False), (2, True)):
        policy = DialPolicy(calls_per_day=limit)
        [verdict] = await check_dial(Question("200", DE), url, policy, now_ms=NOW_MS)
        assert (verdict.may, "refused by calls_per_day: 1 calls were placed" in verdict.text) == (may, not may)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (
            Question("200", "+14155559999"),
            "number [+]14155559999 not found; it must be written as it was imported",
        ),
        (Question("200", None, "agent_x"), "agent agent_x not found"),
    ],
)
async def test_a_number_and_an_agent_that_are_not_there_are_named(url: str, question: Question, told: str) -> None:
    with pytest.raises(NothingToDialFrom, match=told):
        await check_dial(question, url, DialPolicy(), now_ms=NOW_MS)


async def test_without_a_database_the_workspace_answers_and_none_is_made(tmp_path: Path) -> None:
    nowhere = f"sqlite+aiosqlite:///{tmp_path}/calls.db"
    [verdict] = await check_dial(Question("911"), nowhere, DialPolicy(), now_ms=NOW_MS)
    assert (verdict.may, verdict.text[:38]) == (False, "any number: refused by number_types: t")
    [verdict] = await check_dial(Question("+14155550123"), nowhere, DialPolicy(), now_ms=NOW_MS)
    assert verdict.may
    with pytest.raises(NothingToDialFrom, match="there is no database yet"):
        await check_dial(Question("911", US), nowhere, DialPolicy(), now_ms=NOW_MS)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 -- nothing else runs


@pytest.mark.parametrize(("to", "status"), [("+88213123456", 1), ("+14155550123", 0)])
def test_the_command_prints_one_line_and_its_status_tells(
    to: str, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARI_AGENT_ARI_PASSWORD", "p4ss")
    monkeypatch.setenv("ARI_AGENT_API_KEY", "k3y")
    monkeypatch.setenv("ARI_AGENT_DATABASE_URL", f"sqlite:///{tmp_path}/calls.db")
    monkeypatch.setenv("ARI_AGENT_DIAL_POLICY", '{"countries": ["US"]}')
    assert main(["check", "--dial", to]) == status
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("any number: ")
    assert main(["check", "--dial", to, "--json"]) == status
    may = status == 0
    assert json.loads(capsys.readouterr().out) == {"may": may, "verdicts": [{"may": may, "text": line}]}
    monkeypatch.setenv("ARI_AGENT_DIAL_POLICY", '{"contries": ["US"]}')
    assert main(["check", "--dial", to]) == 2
    assert "ARI_AGENT_DIAL_POLICY: expected a JSON object such as" in (told := capsys.readouterr().err)
    assert "has no contries; its keys are countries" in told
