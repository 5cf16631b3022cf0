"""What a worker and the controller say to each other: what is packed can be read back from a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.worker_wire import HEADER, Order, Report, pack

_KINDS = st.sampled_from([*Order, *Report])
_MESSAGES = st.tuples(_KINDS, st.integers(0, 2**32 - 1), st.binary(max_size=300))


@given(st.lists(_MESSAGES, max_size=5))
def test_messages_follow_one_another_in_a_stream(messages: list[tuple[Order | Report, int, bytes]]) -> None:
    stream = b"".join(pack(*message) for message in messages)
    read: list[tuple[int, int, bytes]] = []
    while stream:
        kind, utterance_id, size = HEADER.unpack_from(stream)
        read.append((kind, utterance_id, stream[HEADER.size : HEADER.size + size]))
        stream = stream[HEADER.size + size :]
    assert read == [(int(kind), utterance_id, payload) for kind, utterance_id, payload in messages]


def test_a_message_without_utterance_and_payload_is_its_header() -> None:
    assert pack(Order.END) == bytes([4]) + bytes(8)
    assert pack(Report.SO_FAR, 7, b"yes") == bytes([3, 0, 0, 0, 7, 0, 0, 0, 3]) + b"yes"
