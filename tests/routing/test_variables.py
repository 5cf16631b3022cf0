from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from ari_agent.errors import AgentUnreachable
from ari_agent.routing.variables import Variables, _Seen, merge, personal_engine, personal_headers, render, render_url


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Hi {{name}}!", "Hi Ann!"),
        ("Hi {{ name }}!", "Hi Ann!"),
        ("{{nobody}} stays", "{{nobody}} stays"),
        ("[{{empty}}]", "[]"),
        ("{{time_{{zone}} }}", "noon"),
        ("{{time_{{nowhere}}}}", "{{time_{{nowhere}}}}"),
        ("{{caller}}", "+1555"),
        ("{{x-caller}}", "+1555"),
        ("{{braces}}", "{{name}}"),
        ("{ {name} } {{}}", "{ {name} } {{}}"),
    ],
)
def test_templates(template: str, rendered: str) -> None:
    variables = {
        "name": "Ann",
        "empty": "",
        "zone": "utc",
        "time_utc": "noon",
        "x-caller": "+1555",
        "braces": "{{name}}",
    }
    assert render(template, variables) == rendered


@given(st.text(alphabet=st.characters(exclude_characters="{}\0\1\2\3")), st.dictionaries(st.text(), st.text()))
def test_text_without_braces_is_untouched(text: str, variables: dict[str, str]) -> None:
    assert render(text, variables) == text


@given(st.text(alphabet="{}ab \0"), st.dictionaries(st.text(alphabet="ab"), st.text(alphabet="{}ab")))
def test_no_template_crashes(template: str, variables: dict[str, str]) -> None:
    render(template, variables)


def test_what_is_set_more_explicitly_wins() -> None:
    merged = merge(
        headers={"x-account": "header", "x-a": "1"},
        dialplan={"x-account": "dialplan", "b": "2"},
        arguments={"b": "argument", "c": "3"},
        webhook={"c": "webhook"},
    )
    assert merged == {"x-account": "dialplan", "x-a": "1", "b": "argument", "c": "webhook"}


VALUES = {
    "path": "x/../y?z#@",
    "from": "+1555",
    "region": "eu-1",
    "host": "evil.example/?",
    "base": "wss://b.example:8443",
    "up": "..",
    "here": ".",
    "dot": ".",
    "coded": "%2e%2E",
    "scheme": "wss",
    "query": "1&admin=1;x=2",
}


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("wss://a.example/{{path}}?from={{from}}", "wss://a.example/x%2F..%2Fy%3Fz%23%40?from=%2B1555"),
        ("wss://{{region}}.example/", "wss://eu-1.example/"),
        ("wss://{{host}}.example/", "wss://evil.example%2F%3F.example/"),
        ("{{base}}/{{path}}", "wss://b.example:8443/x%2F..%2Fy%3Fz%23%40"),
        ("{{base}}", "wss://b.example:8443"),
        ("{{base}}{{path}}", "wss://b.example:8443x%2F..%2Fy%3Fz%23%40"),
        ("{{scheme}}://{{region}}.example/{{path}}", "wss://eu-1.example/x%2F..%2Fy%3Fz%23%40"),
        ("wss://a.example/{{unknown}}", "wss://a.example/{{unknown}}"),
        ("wss://a.example/a/{{up}}/b", "wss://a.example/a/%252E%252E/b"),
        ("wss://a.example/a/{{here}}/b", "wss://a.example/a/%252E/b"),
        ("wss://a.example/a/.{{dot}}/b", "wss://a.example/a/%252E%252E/b"),
        ("wss://a.example/a/%2e{{dot}}/b", "wss://a.example/a/%252E%252E/b"),
        ("wss://a.example/a/{{up}}?x={{up}}", "wss://a.example/a/%252E%252E?x=.."),
        ("wss://a.example/a/{{up}}#{{up}}", "wss://a.example/a/%252E%252E#.."),
        ("wss://a.example/a/{{coded}}/b", "wss://a.example/a/%252e%252E/b"),
        ("wss://a.example/?a={{query}}", "wss://a.example/?a=1%26admin%3D1%3Bx%3D2"),
    ],
)
def test_values_do_not_break_out_of_their_part_of_a_url(template: str, url: str) -> None:
    assert render_url(template, VALUES) == url


class Callers(Variables):
    """Variables that the caller chose, all of them but `safe_...`."""

    def __init__(self, **values: str) -> None:
        self.values_ = values

    def __getitem__(self, name: str) -> str:
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def is_callers(self, name: str) -> bool:
        return not name.startswith("safe")


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("{{x}}", "{{x}}"),
        ("{{x}}/path", "{{x}}/path"),
        ("https://{{x}}/", "https://{{x}}/"),
        ("https://api-{{x}}.example:8443/{{x}}", "https://api-{{x}}.example:8443/evil.example"),
        ("https://a.example:{{port}}/", "https://a.example:{{port}}/"),
        ("https://{{x}}@a.example/", "https://{{x}}@a.example/"),
        ("{{safe}}{{x}}", "https://good.example{{x}}"),
        ("{{safe}}/{{x}}", "https://good.example/evil.example"),
        ("{{safe_scheme}}://{{x}}/{{x}}", "https://{{x}}/evil.example"),
        ("https://{{safe_{{x}} }}.example/", "https://{{safe_{{x}} }}.example/"),
        ("https://a.example?{{x}}={{x}}#{{x}}", "https://a.example?evil.example=evil.example#evil.example"),
        ("https://{{{{x}}/}}/", "https://{{{{x}}/}}/"),
    ],
)
def test_the_caller_chooses_no_host(template: str, url: str) -> None:
    values = Callers(x="evil.example", port="22", safe="https://good.example", safe_scheme="https")
    assert render_url(template, values) == url


def test_both_spellings_of_a_header_are_the_callers() -> None:
    values = Callers(**{"x-host": "evil.example"})
    assert render_url("https://{{host}}/{{host}}", values) == "https://{{host}}/evil.example"


@given(st.text() | st.text(alphabet="./%2eE{}#?&=@:\\"))
def test_what_a_variable_holds_never_leaves_its_place_in_a_url(value: str) -> None:
    url = render_url("https://host.example/a/{{v}}/b", {"v": value})
    assert url.startswith("https://host.example/a/")
    assert url.endswith("/b")
    assert not set(url.removeprefix("https://host.example/a/").removesuffix("/b")) & set('/?#@:& \r\n\0"<>')


@given(st.text() | st.text(alphabet="./%2eE{}#?&=@:\\"))
def test_clients_see_the_host_the_depth_and_the_parameters_of_the_template(value: str) -> None:
    url = URL(render_url("https://host.example/a/{{v}}/b?x={{v}}&y=1", Callers(v=value)))
    assert (url.host, url.port, url.user) == ("host.example", 443, None)
    assert len(url.raw_path.split("/")) == 4
    assert url.raw_path.startswith("/a/")
    assert url.raw_path.endswith("/b")
    assert list(url.query) == ["x", "y"]


@given(st.text(alphabet="{}v/:?#. a"), st.text(alphabet="{}v/:?#.@%"))
def test_no_url_crashes(template: str, value: str) -> None:
    render_url(template, Callers(v=value, safe=value))


def engine(url: str, **headers: str) -> AudioWebsocketEngine:
    settings = {"type": "audio-websocket", "audio_websocket_url": url, "audio_websocket_headers": headers or None}
    return AudioWebsocketEngine.model_validate(settings)


def test_the_agent_of_a_call_has_its_own_url_and_headers() -> None:
    personal = personal_engine(engine("wss://a.example/{{n}}", Authorization="Bearer {{n}}"), {"n": "Ann B"})
    assert personal.audio_websocket_url == "wss://a.example/Ann%20B"
    assert personal.audio_websocket_headers == {"Authorization": "Bearer Ann B"}
    assert personal_engine(engine("ws://a.example/"), {}) == engine("ws://a.example/")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("{{n}}", {}),
        ("ws://a.example/", {"X-Name": "{{n}}"}),
        ("{{unknown}}", {}),
        ("wss://{{unknown}}.example/", {}),
    ],
)
def test_values_that_make_no_url_and_no_header_leave_the_agent_unreachable(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(AgentUnreachable) as failure:
        personal_engine(engine(url, **headers), {"n": "secret\r\nX-Evil: 1"})
    assert "secret" not in str(failure.value)


def test_headers_of_a_call_have_its_values() -> None:
    assert personal_headers({"X-Name": "{{n}}, {{unknown}}"}, {"n": "Ann"}) == {"X-Name": "Ann, {{unknown}}"}
    with pytest.raises(ValueError, match="header X-Name holds"):
        personal_headers({"X-Name": "{{n}}"}, {"n": "Ann\r\nX-Evil: 1"})
    with pytest.raises(ValueError, match="at most 1024"):
        personal_headers({"X-Name": "{{n}}"}, {"n": "a" * 1025})


def test_the_url_of_a_text_agent_is_filled_in_and_callers_choose_no_host() -> None:
    def text_agent(url: str) -> CustomLlmEngine:
        return CustomLlmEngine.model_validate({"type": "custom-llm", "llm_websocket_url": url})

    personal = personal_engine(text_agent("wss://a.example/{{n}}?t={{n}}"), {"n": "Ann B"})
    assert personal.llm_websocket_url == "wss://a.example/Ann%20B?t=Ann%20B"
    for url in ("{{v}}", "wss://{{v}}/", "wss://{{unknown}}.example/"):
        with pytest.raises(AgentUnreachable, match="callers choose no host"):
            personal_engine(text_agent(url), Callers(v="wss://evil.example/", safe=""))


def test_a_template_that_nests_deeper_than_five_levels_keeps_what_is_left() -> None:
    nested = "{{" * 6 + "a" + "}}" * 6
    assert render(nested, {"a": "a"}) == "{{a}}"


def test_what_a_place_of_a_url_does_not_let_in_is_not_there_at_all() -> None:
    seen = _Seen({"city": "Bonn", "host": "evil.example"}, lambda name, value: value if name == "city" else None)
    assert (dict(seen), len(seen)) == ({"city": "Bonn"}, 1)
