"""The bytes of a webhook: what a receiver that parses and serialises them again gets is the same."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName, compact_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def as_javascript_has_it(value: Any) -> Any:
    """Every number a double, without what JSON cannot say."""
    match value:
        case bool():
            return value
        case int() | float():
            return float(value) if math.isfinite(value) else None
        case dict():
            return {key: as_javascript_has_it(inner) for key, inner in value.items()}
        case list():
            return [as_javascript_has_it(inner) for inner in value]
        case _:
            return value


@given(st.dictionaries(TEXT, VALUES))
def test_every_document_reads_back_and_is_written_again_alike(document: dict[str, Any]) -> None:
    body = compact_json(document)
    read = json.loads(body)
    assert as_javascript_has_it(read) == as_javascript_has_it(document)
    assert json.dumps(read, separators=(",", ":"), ensure_ascii=False).encode() == body


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1, "0.1"),
        (5.0, "5"),
        (-0.0, "0"),
        (2.0**53, "9007199254740992"),
        (1e16, "10000000000000000"),
        (1.2345678901234568e20, "123456789012345680000"),
        (1e21, "1e+21"),
        (2**60, "1152921504606846976"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        ("5.0,", '"5.0,"'),
        ([1.0, {"a": (2.0,)}], '[1,{"a":[2]}]'),
    ],
)
def test_numbers_are_written_as_javascript_writes_them(value: object, written: str) -> None:
    assert compact_json({"n": value}) == f'{{"n":{written}}}'.encode()


def test_what_utf_8_cannot_say_loses_no_event() -> None:
    assert compact_json({"said": "half \ud83d, Grüße \u2028 🙂"}) == '{"said":"half ?, Grüße \u2028 🙂"}'.encode()


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("https://user:secret@Example.com/hook", "example.com"),
        ("http://example.com:8080/a?b", "example.com:8080"),
        ("http://[::1/", ""),
    ],
)
def test_a_receiver_is_told_by_host_and_port(url: str, receiver: str) -> None:
    event = WebhookEvent("call_1", WebhookEventName.CALL_ENDED, url, b"said in the call")
    assert event.receiver == receiver
    assert "said" not in repr(event)


def test_what_begins_or_ends_a_call_or_chat_happens_once_and_the_rest_may_repeat() -> None:
    repeated = {name.value for name in WebhookEventName if not name.once_per_call}
    assert repeated == {
        "transcript_updated",
        "transfer_started",
        "transfer_bridged",
        "transfer_cancelled",
        "transfer_ended",
    }
