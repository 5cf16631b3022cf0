"""Which agent is called for an agentic warm transfer, with what record, and who is refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.agentic_transfer import AgenticTransferRefused
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.consultation import Consultation
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.record import CallRecord, registered_call
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.transfer_agent_call import TransferAgentOrder
from ari_agent.calls.transfer_agent_order import order_transfer_agent
from ari_agent.contract.agent import Agent
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.contract.transfer_option import TransferAgent
from ari_agent.errors import ConcurrencyLimitReached, StoreError, UnknownAgent, UnservedAgent
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.routing.dial_policy import DialRules
from ari_agent.store.store import Store
