"""Steps of calls, and the ids under which others find their place among them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.trace import ROOT, TRACEPARENT, Step, span_id, trace_id, traceparent


@given(st.text(), st.text(), st.text())
def test_the_header_is_that_of_w3c_trace_context(call_id: str, name: str, which: str) -> None:
    header = traceparent(call_id, name, which)[TRACEPARENT]
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", header)
    assert header == f"00-{trace_id(call_id)}-{span_id(call_id, name, which)}-01"


def test_ids_are_the_same_in_every_process_and_others_for_each_step() -> None:
    assert trace_id("call_1") == "991940a10d61480864a72c7e196bf2d2"
    ids = {span_id(call_id, name, which) for call_id in ("1", "2") for name in "ab" for which in ("", "1")}
    assert len(ids) == 8
    assert "call_1" not in trace_id("call_1")


def test_every_step_belongs_to_the_call() -> None:
    root, ring = (Step("call_1", name, 0, 1) for name in (ROOT, "ring"))
    assert root.parent_id is None
    assert ring.parent_id == root.span_id
