"""The demo's environment: defaults, and clear words about what is wrong."""

from __future__ import annotations

import pytest

from ari_agent.demo.settings import DemoSettings
from ari_agent.errors import ConfigurationError


def test_an_empty_environment_gives_the_known_ports() -> None:
    settings = DemoSettings.from_environment({})
    assert (settings.sip_bind, settings.sip_port, settings.sip_tls_port) == ("127.0.0.1", 5060, 5061)
    assert (settings.ari_port, settings.api_port, settings.agent_port, settings.webhook_port) == (
        8088,
        8080,
        8765,
        8766,
    )
    assert settings.rtp_ports == (10000, 13999)


@pytest.mark.parametrize(("given", "has_console"), [({}, True), ({"ARI_AGENT_CONSOLE": "OFF"}, False)])
def test_the_console_can_be_off(given: dict[str, str], has_console: bool) -> None:
    assert DemoSettings.from_environment(given).console is has_console


def test_every_value_can_be_set() -> None:
    settings = DemoSettings.from_environment(
        {
            "ARI_AGENT_SIP_BIND": "192.0.2.5",
            "ARI_AGENT_SIP_PORT": "0",
            "ARI_AGENT_SIP_TLS_PORT": "15061",
            "ARI_AGENT_SIP_RTP_PORTS": "27000-27099",
            "ARI_AGENT_ARI_PORT": "18088",
            "ARI_AGENT_BIND": "0.0.0.0:18080",
            "ARI_AGENT_DEMO_AGENT_PORT": "18765",
            "ARI_AGENT_DEMO_WEBHOOK_PORT": "65535",
            "ARI_AGENT_DEMO_RUNNING": "yes",
            "ARI_AGENT_API_KEY": "key_1",
            "ARI_AGENT_SOFTPHONE_ACCOUNT": "bob",
            "ARI_AGENT_SOFTPHONE_PASSWORD": "secret",
        }
    )
    assert settings == DemoSettings(
        running=True,
        api_key="key_1",
        softphone_account="bob",
        softphone_password="secret",
        sip_bind="192.0.2.5",
        rtp_ports=(27000, 27099),
        api_host="0.0.0.0",
        api_port=18080,
        sip_port=0,
        sip_tls_port=15061,
        ari_port=18088,
        agent_port=18765,
        webhook_port=65535,
    )
    assert (settings.sip_host, settings.api_client_host) == ("192.0.2.5", "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARI_AGENT_SIP_BIND", "localhost"),
        ("ARI_AGENT_SIP_BIND", "1.2.3.4.5"),
        ("ARI_AGENT_SIP_PORT", "65536"),
        ("ARI_AGENT_SIP_PORT", "-1"),
        ("ARI_AGENT_SIP_TLS_PORT", "sip"),
        ("ARI_AGENT_SIP_RTP_PORTS", "10000"),
        ("ARI_AGENT_SIP_RTP_PORTS", "10100-10000"),
        ("ARI_AGENT_SIP_RTP_PORTS", "80-90"),
        ("ARI_AGENT_ARI_PORT", "٣"),
        ("ARI_AGENT_BIND", "8080"),
        ("ARI_AGENT_BIND", "127.0.0.1:99999"),
        ("ARI_AGENT_DEMO_AGENT_PORT", " "),
        ("ARI_AGENT_DEMO_RUNNING", "1"),
    ],
)
def test_a_wrong_value_names_its_variable_and_what_it_may_be(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: expected "):
        DemoSettings.from_environment({name: value})


@pytest.mark.parametrize("name", ["ARI_AGENT_API_KEY", "ARI_AGENT_SOFTPHONE_PASSWORD"])
def test_a_running_system_needs_its_secrets(name: str) -> None:
    given = {"ARI_AGENT_DEMO_RUNNING": "yes", "ARI_AGENT_API_KEY": "a", "ARI_AGENT_SOFTPHONE_PASSWORD": "b"}
    with pytest.raises(ConfigurationError, match=f"{name}: not set"):
        DemoSettings.from_environment(given | {name: ""})


def test_a_real_model_is_asked_where_a_url_names_its_server() -> None:
    given = {"ARI_AGENT_LLM_MODEL": "qwen3:4b", "ARI_AGENT_LLM_API_KEY": "sk-1"}
    by_rules = DemoSettings.from_environment(given)
    assert (by_rules.llm_url, by_rules.llm_model, by_rules.llm_api_key) == ("", "", "")
    url = {"ARI_AGENT_LLM_URL": "http://127.0.0.1:11434/v1"}
    real = DemoSettings.from_environment({**given, **url})
    assert (real.llm_url, real.llm_model, real.llm_api_key) == (url["ARI_AGENT_LLM_URL"], "qwen3:4b", "sk-1")
    assert "sk-1" not in repr(real)
    with pytest.raises(ConfigurationError, match="ARI_AGENT_LLM_MODEL: not set"):
        DemoSettings.from_environment(url)
