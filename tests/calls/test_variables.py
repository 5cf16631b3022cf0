from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.variables import merge, personal_engine, render, render_url
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.errors import AgentUnreachable


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


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("wss://a.example/{{path}}?from={{from}}", "wss://a.example/x%2F..%2Fy%3Fz%23%40?from=%2B1555"),
        ("wss://{{region}}.example/", "wss://eu-1.example/"),
        ("wss://{{host}}.example/", "wss://evil.example%2F%3F.example/"),
        ("{{base}}/{{path}}", "wss://b.example:8443/x%2F..%2Fy%3Fz%23%40"),
        ("{{base}}", "wss://b.example:8443"),
        ("wss://a.example/{{unknown}}", "wss://a.example/{{unknown}}"),
    ],
)
def test_values_do_not_break_out_of_their_part_of_a_url(template: str, url: str) -> None:
    variables = {
        "path": "x/../y?z#@",
        "from": "+1555",
        "region": "eu-1",
        "host": "evil.example/?",
        "base": "wss://b.example:8443",
    }
    assert render_url(template, variables) == url


@given(st.text())
def test_what_a_variable_holds_never_leaves_its_place_in_a_url(value: str) -> None:
    url = render_url("https://host.example/a/{{v}}/b", {"v": value})
    assert url.startswith("https://host.example/a/")
    assert url.endswith("/b")
    assert not set(url.removeprefix("https://host.example/a/").removesuffix("/b")) & set('/?#@:& \r\n\0"<>')


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
    ],
)
def test_values_that_make_no_url_and_no_header_leave_the_agent_unreachable(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(AgentUnreachable) as failure:
        personal_engine(engine(url, **headers), {"n": "secret\r\nX-Evil: 1"})
    assert "secret" not in str(failure.value)
