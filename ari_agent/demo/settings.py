"""The demo's settings from the environment: addresses and ports, each with the variable that changes it."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from typing import Final, Self

from ari_agent.config import PREFIX
from ari_agent.errors import ConfigurationError

# Field of DemoSettings: (its variable without the prefix, its default).
PORTS: Final[Mapping[str, tuple[str, int]]] = {
    "sip_port": ("SIP_PORT", 5060),
    "sip_tls_port": ("SIP_TLS_PORT", 5061),
    "ari_port": ("ARI_PORT", 8088),
    "agent_port": ("DEMO_AGENT_PORT", 8765),
    "webhook_port": ("DEMO_WEBHOOK_PORT", 8766),
}
"""Field of DemoSettings: its variable without the prefix, and its default."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """The settings of the demo. Ports are 1..65535, or 0 for one that the system chooses.

    sip_bind: the IPv4 address that SIP and the caller's audio use; another machine's phone needs one of the network's.
    rtp_ports: first and last UDP port of Asterisk's audio.
    console: whether the controller has its web pages; console_read_only_key, public_url: as its settings say, where it
    runs already.
    llm_url: the server of a language model for the agent with a prompt; "" for the demo's own, which goes by rules.
    running: use the Asterisk and the controller that these settings describe, instead of starting some; only then are
    api_key and the softphone's account asked for.
    """

    running: bool
    api_key: str
    softphone_account: str
    softphone_password: str
    sip_bind: str
    rtp_ports: tuple[int, int]
    api_host: str
    api_port: int
    sip_port: int
    sip_tls_port: int
    ari_port: int
    agent_port: int
    webhook_port: int
    console: bool = True
    console_read_only_key: str = field(default="", repr=False)
    public_url: str = ""
    llm_url: str = ""
    llm_model: str = ""
    llm_api_key: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read ARI_AGENT_SIP_BIND, ARI_AGENT_SIP_RTP_PORTS, ARI_AGENT_BIND and the variables of PORTS; also
        ARI_AGENT_DEMO_RUNNING, ARI_AGENT_API_KEY, ARI_AGENT_SOFTPHONE_ACCOUNT and ARI_AGENT_SOFTPHONE_PASSWORD, and
        ARI_AGENT_LLM_URL with ARI_AGENT_LLM_MODEL and ARI_AGENT_LLM_API_KEY; and ARI_AGENT_CONSOLE,
        ARI_AGENT_CONSOLE_READ_ONLY_KEY and ARI_AGENT_PUBLIC_URL.

        Raises:
            ConfigurationError: a value is wrong; the text names the variable and says what it may be.
        """

        def given(name: str, default: str) -> str:
            return environment.get(PREFIX + name) or default

        sip_bind = given("SIP_BIND", "127.0.0.1")
        try:
            IPv4Address(sip_bind)
        except AddressValueError:
            raise _wrong("SIP_BIND", sip_bind, "an IPv4 address of this machine, such as 192.168.1.5") from None
        first, dash, last = given("SIP_RTP_PORTS", "10000-13999").partition("-")
        if not dash or not 1024 <= _port(first) < _port(last):
            raise _wrong("SIP_RTP_PORTS", first + dash + last, "FIRST-LAST within 1024-65535, such as 10000-13999")
        api_host, _, api_port = given("BIND", "127.0.0.1:8080").rpartition(":")
        if not api_host or _port(api_port) < 0:
            raise _wrong("BIND", f"{api_host}:{api_port}", "HOST:PORT, such as 127.0.0.1:8080")
        ports = {of: given(name, str(default)) for of, (name, default) in PORTS.items()}
        for of, text in ports.items():
            if _port(text) < 0:
                raise _wrong(PORTS[of][0], text, "a port, 0 (the system chooses) to 65535")
        running = given("DEMO_RUNNING", "no")
        if running not in ("yes", "no"):
            raise _wrong("DEMO_RUNNING", running, "yes or no")
        secrets = {name: environment.get(PREFIX + name, "") for name in ("API_KEY", "SOFTPHONE_PASSWORD")}
        if running == "yes" and (missing := [PREFIX + name for name, value in secrets.items() if not value]):
            raise ConfigurationError(f"{missing[0]}: not set; {PREFIX}DEMO_RUNNING=yes needs it")
        console = given("CONSOLE", "on").lower()
        if console not in ("on", "off"):
            raise _wrong("CONSOLE", console, "on or off")
        llm_url, llm_model = given("LLM_URL", ""), given("LLM_MODEL", "")
        if llm_url and not llm_model:
            raise ConfigurationError(f"{PREFIX}LLM_MODEL: not set; name the model that {PREFIX}LLM_URL is asked for")
        return cls(
            running=running == "yes",
            api_key=secrets["API_KEY"],
            softphone_account=given("SOFTPHONE_ACCOUNT", "softphone"),
            softphone_password=secrets["SOFTPHONE_PASSWORD"],
            sip_bind=sip_bind,
            rtp_ports=(int(first), int(last)),
            api_host=api_host,
            api_port=int(api_port),
            **{name: int(text) for name, text in ports.items()},
            console=console == "on",
            console_read_only_key=given("CONSOLE_READ_ONLY_KEY", ""),
            public_url=given("PUBLIC_URL", "").rstrip("/"),
            llm_url=llm_url,
            llm_model=llm_model if llm_url else "",
            llm_api_key=given("LLM_API_KEY", "") if llm_url else "",
        )

    @property
    def sip_host(self) -> str:
        """Return the address to dial: `sip_bind`, or this machine's own address where that means all of them."""
        return address_towards("192.0.2.1") if IPv4Address(self.sip_bind).is_unspecified else self.sip_bind

    @property
    def api_client_host(self) -> str:
        """Return the host at which the API is reached from this machine."""
        try:
            return "127.0.0.1" if IPv4Address(self.api_host).is_unspecified else self.api_host
        except AddressValueError:  # a name
            return self.api_host


def _port(text: str) -> int:
    """Return the port, or -1 for text that is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= 65535 else -1


def _wrong(name: str, given: str, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{PREFIX}{name}: expected {expected} (given: {given!r})")


def address_towards(host: str) -> str:
    """Return our address from which a host is reached; nothing is sent. 127.0.0.1 where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
