"""What depends on what is installed; the rest of it is opened in test_app.py, with a whole controller."""

from __future__ import annotations

import sys

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.config import Settings
from ari_agent.services import opened_voice_ends, slot_pool
from ari_agent.store.store import Store


def test_voice_activity_is_there_where_it_is_installed() -> None:
    with opened_voice_ends() as ends:
        assert ends is not None


def test_without_it_the_level_tells_turns_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with caplog.at_level("INFO"), opened_voice_ends() as ends:
        assert ends is None
    assert "the level alone tells when a caller's speech ended" in caplog.text


def test_controllers_that_share_a_database_share_the_slots() -> None:
    store, settings = Store("postgresql://127.0.0.1/ari_agent"), Settings(concurrency_limit=7)
    assert isinstance(slot_pool(store, settings, inbound_wait_s=40.0), Slots)
    store._database.node_id = 1
    shared = slot_pool(store, settings, inbound_wait_s=40.0)
    assert isinstance(shared, SharedSlots)
    assert (shared.limit, shared.reserved_inbound) == (7, 0)
