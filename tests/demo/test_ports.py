"""Ports for the demo's servers: taken ones are named, and zero finds a free one."""

from __future__ import annotations

import socket

import pytest

from ari_agent.demo.pbx_errors import PortBusy
from ari_agent.demo.ports import TCP_AND_UDP, free_port


def test_a_busy_port_names_the_variable_that_chooses_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=rf"127\.0\.0\.1:{port} .*ARI_AGENT_DEMO_AGENT_PORT"):
            free_port("127.0.0.1", port, "DEMO_AGENT_PORT")


def test_zero_finds_a_free_port() -> None:
    port = free_port("127.0.0.1", 0, "BIND")
    assert free_port("127.0.0.1", port, "BIND") == port


def test_a_port_that_is_wanted_for_both_protocols_is_free_for_both() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match="ARI_AGENT_SIP_PORT"):
            free_port("127.0.0.1", port, "SIP_PORT", TCP_AND_UDP)


def test_a_host_that_is_not_this_machine_has_no_free_port() -> None:
    with pytest.raises(PortBusy, match=r"192\.0\.2\.1:0 .*ARI_AGENT_BIND"):
        free_port("192.0.2.1", 0, "BIND")
