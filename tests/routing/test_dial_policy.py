from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.agent import Agent
from ari_agent.contract.dial_policy import DialPolicy, NumberType
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.routing.dial_policy import NO_POLICY, Dial, DialRefused, DialRule, DialRules, refused
from tests.routing.test_dial_target import spellings

DE_NUMBER = "+4930123456"
US_ONLY, US_AND_DE = ("US",), ("US", "DE")


def why_not(to: str, number: PhoneNumber | None) -> str | None:
    """Why the number may not dial this, where nothing else is set; None if it may."""
    refusal = refused(NO_POLICY.of_workspace(), Dial(to, number))
    return str(refusal) if refusal else None


@pytest.mark.parametrize(
    ("to_number", "allowed", "reached"),
    [
        ("+4930123456", None, True),
        ("+4930123456", (), True),
        ("+14155550123", US_ONLY, True),
        ("4155550123", US_ONLY, True),
        ("+16135550123", US_ONLY, False),
        ("+4930123456", US_ONLY, False),
        ("+4930123456", US_AND_DE, True),
        ("004930123456", US_ONLY, False),
        ("0114930123456", US_ONLY, False),
        ("4930123456", US_ONLY, False),
        ("+49-30.123_456", US_ONLY, False),
        ("+88213000000", US_ONLY, False),
        ("+1999999999999", US_ONLY, False),
        ("1000", US_ONLY, True),
        ("reception", US_ONLY, True),
        ("*43", US_ONLY, True),
    ],
)
def test_a_list_of_countries_lets_a_number_reach_only_those(
    to_number: str, allowed: tuple[str, ...] | None, reached: bool
) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_outbound_country_list": allowed, "last_modification_timestamp": 1}
    )
    why = why_not(to_number, number)
    assert (why is None) == reached
    assert why is None or ("allowed_outbound_country_list is US" in why and to_number in why)


@given(st.text() | st.from_regex(r"\+?[0-9]{1,22}", fullmatch=True))
def test_no_destination_crashes_the_list_of_countries(caller: str) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_outbound_country_list": ["DE"], "last_modification_timestamp": 1}
    )
    why_not(caller, number)


def us_number(**fields: object) -> PhoneNumber:
    given = {"phone_number": "+14155550100", "allowed_outbound_country_list": ["US"], "last_modification_timestamp": 1}
    return PhoneNumber.model_validate({**given, **fields})


TRUNK = {"sip_outbound_trunk_config": {"termination_uri": "sip:sip.example.com:5070;transport=tls"}}


@pytest.mark.parametrize(
    ("destination", "reached"),
    [
        ("+14155550123", True),
        ("+5351234567", False),
        ("+88231234567", False),
        ("100", True),
        ("sip:+14155550123@anywhere", True),
        ("sip:4155550123@anywhere;user=phone", True),
        ("sip:+5351234567@sip.example.com", False),
        ("sips:%2B53-5123.4567@sip.example.com", False),
        ("sip:0115351234567@sip.example.com", False),
        ("sip:bob@sip.example.com", True),
        ("sip:100@SIP.example.com:5061;transport=tcp", True),
        ("sip:sip.example.com", True),
        ("sip:+53!512%2034567@sip.example.com", False),
        ("sip:*675351234567@sip.example.com", False),
        ("sip:*43@sip.example.com", True),
        ("sip:x@internal", False),
        ("sip:100@[2001:db8::1]:5060", False),
        ("sip:192.0.2.1", False),
        ("sip:*21*5351234567@192.0.2.1", False),
    ],
)
def test_a_list_of_countries_lets_a_call_be_transferred_only_there_or_to_its_own_trunk(
    destination: str, reached: bool
) -> None:
    why = why_not(destination, us_number(**TRUNK))
    assert (why is None) == reached
    assert why is None or "allowed_outbound_country_list is" in why


@pytest.mark.parametrize("number", [None, us_number(allowed_outbound_country_list=None)])
def test_without_a_list_of_countries_a_call_may_be_transferred_anywhere(number: PhoneNumber | None) -> None:
    assert why_not("sip:+5351234567@internal", number) is None


def test_a_number_without_a_trunk_has_no_host_of_its_own() -> None:
    assert why_not("sip:bob@sip.example.com", us_number()) is not None


NUMBER, AGENT_ID = "+14155550100", "agent_1"


def agent_with(policy: dict[str, object] | None) -> Agent:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://agent.example/"}
    return Agent.model_validate(
        {"agent_id": AGENT_ID, "response_engine": engine, "last_modification_timestamp": 1, "dial_policy": policy}
    )


def number_with(policy: dict[str, object] | None, **fields: object) -> PhoneNumber:
    return us_number(**{"allowed_outbound_country_list": None, "dial_policy": policy, **fields})


HOME = number_with(None, **TRUNK)


@pytest.mark.parametrize(
    ("to", "rule", "told"),
    [
        ("+19005550199", DialRule.NUMBER_TYPES, "premium_rate; to allow it, add premium_rate to the number_types of"),
        ("+491805123456", DialRule.NUMBER_TYPES, "add shared_cost to the number_types of the workspace's dial policy"),
        ("sip:88213123456@gateway.example", DialRule.NUMBER_TYPES, "a number of a satellite or of another network"),
        ("911", DialRule.NUMBER_TYPES, "an emergency number; to allow it, add emergency to the number_types"),
        ("112", DialRule.NUMBER_TYPES, "or list 112 in its extensions if your own PBX has it"),
        ("sip:911@pbx.example.com", DialRule.NUMBER_TYPES, "sip:911@pbx.example.com, which is an emergency number"),
        ("*6714155550123", DialRule.SERVICE_CODE, "give the number alone, such as +14155550123"),
        ("sip:%2331%2314155550123@sip.example.com", DialRule.SERVICE_CODE, "a code with a number behind it"),
    ],
)
def test_what_costs_or_is_hidden_is_refused_where_nothing_is_set(to: str, rule: DialRule, told: str) -> None:
    refusal = refused(NO_POLICY.of_workspace(), Dial(to, HOME))
    assert refusal
    assert (refusal.rule, refusal.http_status) == (rule, 400)
    assert told in str(refusal)
    assert to in str(refusal)


@pytest.mark.parametrize(
    "to",
    [
        *(
            "+14155550123",
            "+4930123456",
            "+18005550199",
            "+443001234567",
            "+15551234567",
            "200",
            "411",
            "reception",
            "*43",
        ),
        *("sip:bob@example.com", "sip:200@192.0.2.1", "sip:+14155550123@gateway.example"),
    ],
)
def test_a_small_office_dials_what_it_needs_where_nothing_is_set(to: str) -> None:
    assert why_not(to, HOME) is None
    assert why_not(to, None) is None


@pytest.mark.parametrize(
    ("policy", "to", "rule"),
    [
        ({"countries": ["US"]}, "+14155550123", None),
        ({"countries": ["US"]}, "+4930123456", DialRule.COUNTRIES),
        ({"countries": ["US"]}, "sip:bob@sip.example.com", None),  # the number's own trunk
        ({"countries": ["US"]}, "sip:bob@example.net", DialRule.COUNTRIES),
        ({"countries": ["US"], "sip_domains": ["example.net"]}, "sip:bob@example.net", None),
        ({"countries": ["US"], "sip_domains": ["example.net"]}, "sip:+4930123456@example.net", DialRule.COUNTRIES),
        ({"countries": []}, "+14155550123", DialRule.COUNTRIES),
        ({"countries": []}, "200", None),
        ({"number_types": ["mobile"]}, "+14155550123", None),
        ({"number_types": ["toll_free"]}, "+14155550123", DialRule.NUMBER_TYPES),
        ({"number_types": ["toll_free"]}, "sip:bob@example.net", None),
        ({"sip_domains": ["pbx.example.com", "*.example.org"]}, "sip:200@PBX.example.com.", None),
        ({"sip_domains": ["pbx.example.com", "*.example.org"]}, "sip:200@a.b.example.org:5070", None),
        ({"sip_domains": ["pbx.example.com", "*.example.org"]}, "sip:200@example.org", DialRule.SIP_DOMAINS),
        ({"sip_domains": ["pbx.example.com", "*.example.org"]}, "sip:200@xpbx.example.com", DialRule.SIP_DOMAINS),
        ({"sip_domains": ["[2001:db8::1]"]}, "sip:200@[2001:DB8::1]", None),
        ({"sip_domains": []}, "sip:200@sip.example.com", DialRule.SIP_DOMAINS),
        ({"sip_domains": []}, "+14155550123", None),
        ({"extensions": ["_2XX", "reception"]}, "200", None),
        ({"extensions": ["_2XX", "reception"]}, "Reception", None),
        ({"extensions": ["_2XX", "reception"]}, "300", DialRule.EXTENSIONS),
        ({"extensions": ["_2XX", "reception"]}, "*43", DialRule.EXTENSIONS),
        ({"extensions": ["_2XX"]}, "+14155550123", None),
        ({"extensions": []}, "200", DialRule.EXTENSIONS),
        ({"extensions": []}, "sip:200@pbx.example.com", None),
    ],
)
def test_each_policy_holds_for_itself(policy: dict[str, object], to: str, rule: DialRule | None) -> None:
    default = NO_POLICY.of_workspace()
    by_workspace = refused(DialPolicy.model_validate(policy).of_workspace(), Dial(to, HOME))
    by_number = refused(default, Dial(to, number_with(policy, **TRUNK)))
    by_agent = refused(default, Dial(to, HOME, agent_with(policy)))
    assert [refusal and refusal.rule for refusal in (by_workspace, by_number, by_agent)] == [rule] * 3
    if by_workspace and by_number and by_agent:
        assert "the workspace (ARI_AGENT_DIAL_POLICY)" in str(by_workspace)
        assert f"phone number {NUMBER}" in str(by_number)
        assert f"agent {AGENT_ID}" in str(by_agent)
        assert "to allow it, add" in str(by_workspace)


def test_an_emergency_number_that_is_an_extension_is_dialled_where_the_workspace_lists_it() -> None:
    workspace = DialPolicy(extensions=("_1XX",)).of_workspace()
    assert refused(workspace, Dial("112", HOME)) is None
    assert refused(workspace, Dial("sip:112@pbx.example.com", HOME)) is not None
    assert refused(workspace, Dial("112", HOME, through_trunk=True)) is not None
    assert refused(NO_POLICY.of_workspace(), Dial("112", number_with({"extensions": ["112"]}))) is not None
    allowed = DialPolicy(number_types=(NumberType.EMERGENCY,)).of_workspace()
    assert refused(allowed, Dial("911", HOME)) is None


@pytest.mark.parametrize(
    ("allowed", "names", "is_allowed"),
    [
        (None, ["X-Anything", "User-To-User"], True),
        (["X-Case", "x-crm-*"], ["x-case", "X-CRM-Id"], True),
        (["X-Case", "x-crm-*"], ["X-Case", "X-Other"], False),
        (["X-*"], ["User-To-User"], False),
        ([], ["X-Case"], False),
        ([], [], True),
    ],
)
def test_headers_are_set_by_name(allowed: list[str] | None, names: list[str], is_allowed: bool) -> None:
    refusal = refused(NO_POLICY.of_workspace(), Dial("200", number_with({"headers": allowed}), headers=names))
    assert (refusal is None) == is_allowed
    assert refusal is None or (refusal.rule, names[-1] in str(refusal)) == (DialRule.HEADERS, True)


def test_a_call_asks_for_as_many_transfers_as_the_narrowest_policy_allows() -> None:
    workspace = NO_POLICY.of_workspace()
    assert refused(workspace, Dial("200", HOME, transfers=9)) is None
    assert "may ask for no more" in str(refused(workspace, Dial("200", HOME, transfers=10)))
    agent = agent_with({"transfers_per_call": 1})
    assert refused(workspace, Dial("200", HOME, agent, transfers=0)) is None
    refusal = refused(workspace, Dial("200", HOME, agent, transfers=1))
    assert refusal
    assert refusal.rule is DialRule.TRANSFERS_PER_CALL
    assert refused(workspace, Dial("200", HOME, agent)) is None  # no transfer


def test_each_policy_limits_how_many_calls_are_placed() -> None:
    rules = DialRules(DialPolicy(calls_per_day=200))
    number, agent = number_with({"calls_per_minute": 0}), agent_with({"calls_per_day": 5})
    found = list(rules.limits(Dial("200", number, agent)))
    assert [(limit.rule.value, limit.layer.scope.value, limit.layer.name, limit.most) for limit in found] == [
        ("calls_per_day", "workspace", "", 200),
        ("calls_per_minute", "number", NUMBER, 0),
        ("calls_per_day", "agent", AGENT_ID, 5),
    ]
    assert found[0].reached(199) is None
    reached = found[0].reached(200)
    assert reached
    assert (reached.http_status, reached.rule, reached.retry_after_ms) == (429, DialRule.CALLS_PER_DAY, 1_440_000)
    assert "200 calls were placed within 86400 s, and the workspace's dial policy" in str(reached)
    assert list(DialRules().limits(Dial("200"))) == []
    to_a_desk = Dial("200", number, agent, transfers=0)
    assert list(rules.limits(to_a_desk)) == []


def test_a_number_that_is_not_stored_has_a_country_all_the_same() -> None:
    workspace = NO_POLICY.of_workspace()
    assert refused(workspace, Dial("9005550199", dials_as="+14155550100")) is not None
    assert refused(workspace, Dial("110", dials_as="+4930123456")) is not None
    assert refused(workspace, Dial("110", dials_as="+14155550100")) is None
    assert refused(workspace, Dial("110", dials_as="reception")) is None


def test_what_is_refused_is_counted_by_rule() -> None:
    rules = DialRules()
    rules.check(Dial("200"))
    for to in ("911", "+19005550199", "*6714155550123"):
        with pytest.raises(DialRefused):
            rules.check(Dial(to))
    assert rules.refusals == {DialRule.NUMBER_TYPES: 2, DialRule.SERVICE_CODE: 1}


def test_a_long_list_is_not_shown_whole() -> None:
    listed = [f"{extension}" for extension in range(100, 200)]
    assert "110, 111 and 88 more; to allow it" in str(why_not("200", number_with({"extensions": listed})))


LISTS = {
    "countries": st.sampled_from(["US", "DE", "CU"]),
    "number_types": st.sampled_from([*NumberType]),
    "sip_domains": st.sampled_from(["example.com", "*.example.com", "sip.example.com"]),
    "extensions": st.sampled_from(["200", "_2XX", "_.", "911", "reception"]),
    "headers": st.sampled_from(["X-Case", "X-*", "User-To-User"]),
}
POLICIES = st.fixed_dictionaries(
    {},
    optional={name: st.lists(entries, max_size=14, unique=True) for name, entries in LISTS.items()}
    | {"transfers_per_call": st.integers(0, 3)},
)
DESTINATIONS = st.sampled_from(
    [
        *(
            "+14155550123",
            "+4930123456",
            "+5351234567",
            "+19005550199",
            "88213123456",
            "911",
            "112",
            "200",
            "300",
            "*43",
        ),
        *("reception", "sip:bob@example.com", "sip:bob@a.example.com", "sip:911@example.com", "sip:+19005550199@x.y"),
        *("sip:bob@sip.example.com", "*6714155550123", ""),
    ]
)


@given(
    POLICIES,
    POLICIES | st.none(),
    POLICIES | st.none(),
    DESTINATIONS,
    st.lists(st.sampled_from(["X-Case", "X-Other", "User-To-User"]), max_size=2),
    st.integers(0, 4) | st.none(),
)
def test_a_number_and_an_agent_never_widen_what_the_workspace_allows(
    workspace: dict[str, object],
    of_number: dict[str, object] | None,
    of_agent: dict[str, object] | None,
    to: str,
    headers: list[str],
    transfers: int | None,
) -> None:
    widest = DialPolicy.model_validate(workspace).of_workspace()
    wide = refused(widest, Dial(to, HOME, None, headers, transfers))
    narrower = refused(widest, Dial(to, number_with(of_number, **TRUNK), None, headers, transfers))
    narrowest = refused(widest, Dial(to, number_with(of_number, **TRUNK), agent_with(of_agent), headers, transfers))
    assert not (wide and not narrower)
    assert not (narrower and not narrowest)


CENTS = st.floats(0, 1000) | st.none()


@given(CENTS, CENTS, CENTS, st.floats(0, 1000))
def test_a_number_and_an_agent_never_widen_what_the_workspace_lets_calls_cost(
    workspace: float | None, of_number: float | None, of_agent: float | None, spent: float
) -> None:
    rules = DialRules(DialPolicy(cost_per_day_cents=workspace))
    policies: list[dict[str, object] | None] = [
        None if cents is None else {"cost_per_day_cents": cents} for cents in (of_number, of_agent)
    ]
    number, agent = number_with(policies[0]), agent_with(policies[1])
    dials = (Dial(DE_NUMBER), Dial(DE_NUMBER, number), Dial(DE_NUMBER, number, agent))
    reached = [any(limit.reached(spent) for limit in rules.cost_limits(dial)) for dial in dials]
    assert reached == sorted(reached)
    assert reached[-1] == any(most is not None and spent >= most for most in (workspace, of_number, of_agent))
    assert not list(rules.cost_limits(Dial("200", number, agent, transfers=0)))


@given(POLICIES, spellings(), st.sampled_from(["US", "DE"]))
def test_the_same_number_gets_the_same_verdict_in_whatever_spelling(
    policy: dict[str, object], spelt: tuple[str, str], home: str
) -> None:
    number, spelling = spelt
    own = number_with({**policy, "sip_domains": None}, phone_number={"US": "+14155550100", "DE": "+4930123450"}[home])
    plain, spelt_so = (refused(NO_POLICY.of_workspace(), Dial(to, own)) for to in (number, spelling))
    assert (plain and plain.rule) == (spelt_so and spelt_so.rule)
