"""What a public log writes, line by line, and what it leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.calls.public_log.public_log import (
    BYTES_PER_S,
    LINES_PER_S,
    MAX_FILE_BYTES,
    MAX_HELD,
    MAX_LINE_BYTES,
    NO_LOG,
    ROOM_FOR_ENDS,
    PublicLog,
)


class Written:
    """A log, what it has written, and the clock that it reads."""

    def __init__(self, *secrets: str, keeps_content: bool | None = True) -> None:
        self.octets = bytearray()
        self.now_s = 100.0
        self.starts = 0
        self.log = PublicLog(
            self._start, lambda: self.now_s, Redaction(secrets), url=lambda expires, _: f"url {expires}"
        )
        if keeps_content is not None:
            self.log.open(keeps_content=keeps_content)

    def _start(self) -> Any:
        self.starts += 1
        return self._write

    def _write(self, data: bytes) -> None:
        self.octets += data

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.octets.splitlines()]


def test_a_line_tells_the_time_since_the_call_began_and_the_facts_in_their_order() -> None:
    written = Written()
    written.now_s += 1.2345
    written.log.add("sip", sip_status=486, direction="received", message="failure", q850_cause=None, other=1)
    assert written.octets == b'{"ms":1234,"event":"sip","message":"failure","direction":"received","sip_status":486}\n'


def test_what_is_told_before_it_is_known_what_may_be_kept_is_written_then_with_its_own_time() -> None:
    written = Written(keeps_content=None)
    written.log.add("call_began", at=1)
    written.now_s += 2
    written.log.add("key", "5")
    assert (bytes(written.octets), written.starts) == (b"", 0)
    written.now_s += 2
    written.log.open(keeps_content=False)
    written.log.open(keeps_content=True)
    written.log.add("agent_connected")
    assert written.lines == [
        {"ms": 0, "event": "call_began", "at": 1},
        {"ms": 2000, "event": "key", "content_bytes": 3},
        {"ms": 4000, "event": "agent_connected"},
    ]
    assert written.starts == 1


def test_only_so_many_lines_wait_and_the_others_are_counted() -> None:
    written = Written(keeps_content=None)
    for _ in range(MAX_HELD + 7):
        written.log.add("agent_connected")
    written.log.open(keeps_content=True)
    written.log.close()
    assert len(written.lines) == MAX_HELD + 1
    assert written.lines[-1]["left_out"] == {"agent_connected": 7}


def test_content_that_is_withdrawn_is_written_no_more_and_that_is_told() -> None:
    written = Written()
    written.log.add("key", "5")
    written.log.withdraw_content()
    written.log.withdraw_content()
    written.log.add("key", "6")
    assert [(line["event"], line.get("content")) for line in written.lines] == [
        ("key", "5"),
        ("content_withdrawn", None),
        ("key", None),
    ]


def test_a_log_that_keeps_no_content_anyway_has_nothing_to_withdraw() -> None:
    written = Written(keeps_content=False)
    written.log.withdraw_content()
    assert written.octets == b""


def test_no_secret_is_written_in_facts_or_content() -> None:
    written = Written("hunter22")
    written.log.add("fault", {"said": "hunter22"}, what="hunter22", level="error")
    written.log.redaction.learn(["second secret"])
    written.log.add("key", "second secret")
    assert b"hunter22" not in written.octets
    assert b"second secret" not in written.octets


@given(st.text(min_size=4), st.text(), st.text())
def test_no_secret_is_written_whatever_stands_beside_it(secret: str, before: str, behind: str) -> None:
    written = Written(secret)
    written.log.add("fault", {f"{before}{secret}": [f"{secret}{behind}"]}, level=f"{before}{secret}{behind}")
    (line,) = written.lines
    ((name, value),) = line["content"].items()
    assert not any(secret in text for text in (name, *value, line["level"]))


HOSTILE = st.recursive(
    st.one_of(
        st.text(), st.binary(), st.none(), st.integers(), st.floats(), st.just('"}\n{"ms":1,"event":"call_ended"}')
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(HOSTILE, HOSTILE)
def test_whatever_is_told_is_one_line_of_ascii_that_says_which_event_it_is(content: object, fact: object) -> None:
    written = Written()
    written.log.add("fault", content, what=fact)
    assert written.octets.isascii()
    assert written.octets.count(b"\n") == 1
    assert written.octets.splitlines() == [written.octets.rstrip(b"\n")]
    (line,) = written.lines
    assert (line["ms"], line["event"]) == (0, "fault")
    assert line.keys() <= {"ms", "event", "what", "content", "cut_from_bytes"}


@pytest.mark.parametrize(
    "content",
    [
        "x" * 100_000,
        {"a": ["y" * 900] * 100},
        {str(number): "z" * 999 for number in range(100)},
        [["z" * 999] * 8] * 8,
    ],
    ids=["a text", "a list", "many names", "a list of lists"],
)
def test_a_line_is_never_longer_than_allowed_and_says_how_long_it_was(content: object) -> None:
    written = Written()
    written.log.add("fault", content, what="long")
    assert len(written.octets) <= MAX_LINE_BYTES
    (line,) = written.lines
    assert (line["event"], line["what"]) == ("fault", "long")
    assert line["cut_from_bytes"] > MAX_LINE_BYTES


def test_a_text_that_is_cut_says_how_long_it_was() -> None:
    written = Written()
    written.log.add("fault", {"text": "x" * 20_000, "few": [1, 2], "many": list(range(100))})
    content = written.lines[0]["content"]
    assert content["text"].endswith("*** 20000 characters")
    assert content["few"] == [1, 2]
    assert content["many"][-1] == "*** 100 items"


def test_facts_that_are_too_long_are_left_out_too() -> None:
    written = Written()
    written.log.add("number", candidates={str(number): "z" * 999 for number in range(100)})
    (line,) = written.lines
    assert line.keys() == {"ms", "event", "cut_from_bytes"}


def test_only_so_many_messages_of_a_second_are_told() -> None:
    written = Written()
    taken = [written.log.takes("agent_message", 10) for _ in range(LINES_PER_S + 3)]
    assert taken.count(True) == LINES_PER_S
    written.now_s += 1
    assert written.log.takes("agent_message", 10)
    assert not written.log.takes("agent_message", BYTES_PER_S)
    written.log.close()
    assert written.lines[-1]["left_out"] == {"agent_message": 4}


def test_a_full_log_has_room_for_the_end_of_its_call() -> None:
    written = Written()
    while len(written.octets) + 10_000 < MAX_FILE_BYTES:
        written.log.add("fault", "x" * 9_000)
    for _ in range(1000):
        written.log.add("agent_connected")
    assert MAX_FILE_BYTES - 100 < len(written.octets) <= MAX_FILE_BYTES
    full_bytes = len(written.octets)
    while len(written.octets) + 10_000 < full_bytes + ROOM_FOR_ENDS:
        written.log.add("call_ended", "x" * 9_000)
    assert not written.log.takes("agent_message")
    assert written.log.takes("call_ended")
    for _ in range(20):
        written.log.add("call_ended", "x" * 9_000)
    written.log.close("full")
    assert len(written.octets) <= MAX_FILE_BYTES + ROOM_FOR_ENDS + 200
    left_out = written.lines[-1]["left_out"]
    assert left_out["agent_connected"] > 800
    assert (left_out["agent_message"], written.lines[-1]["why"]) == (1, "full")
    assert left_out["call_ended"] >= 19


def test_nothing_is_written_after_the_last_line() -> None:
    written = Written()
    written.log.add("agent_connected")
    written.log.close()
    written.log.add("agent_connected")
    written.log.close()
    assert [line["event"] for line in written.lines] == ["agent_connected", "log_ended"]
    assert written.lines[-1]["lines"] == 1
    assert written.log.url(expires=True) is None


def test_the_link_is_known_from_the_beginning() -> None:
    assert Written().log.url(expires=True) == "url True"


def test_a_defect_of_the_log_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise ZeroDivisionError

    written = Written()
    written.log.add("fault", Unspeakable())
    written.log.close()
    assert written.lines == [{"ms": 0, "event": "log_ended", "lines": 0, "left_out": {"fault": 1}}]
    assert "ZeroDivisionError" in caplog.text


def test_a_call_without_a_log_writes_nothing() -> None:
    NO_LOG.add("agent_connected")
    NO_LOG.open(keeps_content=True)
    NO_LOG.withdraw_content()
    assert not NO_LOG.takes("agent_connected")
    assert NO_LOG.url(expires=False) is None
    NO_LOG.close()


def test_the_lines_of_a_call_that_goes_on_count_from_its_beginning() -> None:
    written = Written()
    written.log.resume(60_000)
    written.now_s += 1.5
    written.log.add("resumed")
    assert written.lines == [{"ms": 61_500, "event": "resumed"}]
