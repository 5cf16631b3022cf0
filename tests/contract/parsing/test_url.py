from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing.url import WebhookUrl, WebsocketUrl

WEBHOOK: TypeAdapter[str] = TypeAdapter(WebhookUrl)
WEBSOCKET: TypeAdapter[str] = TypeAdapter(WebsocketUrl)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://127.0.0.1:8080/hook?x=1",
        "https://{{tenant}}.example.com/{{ path }}",
        "https://example.com:{{port}}/",
        "{{webhook}}/end",
        "https://[::1]:8443/",
        "https://bücher.example/",
    ],
)
def test_webhooks_are_http_and_may_hold_variables(url: str) -> None:
    assert WEBHOOK.validate_python(url) == url


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9300/", "wss://agent.example.com/llm-websocket/{{branch}}"])
def test_agents_are_websockets(url: str) -> None:
    assert WEBSOCKET.validate_python(url) == url
    with pytest.raises(ValidationError, match="begins with http:// or https://"):
        WEBHOOK.validate_python(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wss://",
        "wss:///x",
        "https://a",
        "example.com",
        "wss://a b",
        "wss://a\r\nX: 1",
        "wss://a:0",
        "wss://a:99999",
        "wss://[::1",
        "wss://a/" + "x" * 2048,
        "javascript:alert(1)",
        "wss://a/<b>",
        "{{a}} b",
    ],
)
def test_what_is_no_websocket_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        WEBSOCKET.validate_python(url)


@given(text=st.text(max_size=60).map("wss://".__add__) | st.text(max_size=60))
def test_no_text_crashes_and_what_is_accepted_is_kept_and_on_one_line(text: str) -> None:
    try:
        kept = WEBSOCKET.validate_python(text)
    except ValidationError:
        return
    assert kept == text
    assert len(kept.splitlines()) == 1
