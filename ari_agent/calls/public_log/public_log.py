"""The public log of one call: what happened in it, in order, a line of JSON each. Pure.

    {"ms":812,"event":"agent_connected"}
    {"ms":1043,"event":"agent_message","direction":"received","kind":"clear","bytes":42,"content":{"event":"clear"}}

`ms` counts from the beginning of the call. What an event tells is listed in log_events.py and nothing else is written.
`content` is what was said, asked or set: where the call's `data_storage_setting` keeps less than everything, its size
alone is written. Until that setting is known, lines wait here. No secret is written (log_redaction.py); what strangers
wrote is within JSON strings, in ASCII, so that it can neither break a line nor make one up.

Bounds: a line MAX_LINE_BYTES, LINES_PER_S of what strangers send, a file MAX_FILE_BYTES; what is more is counted, and
the count is the last line.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from ari_agent.calls.public_log.log_events import ENDS, EVENTS, LogEvent
from ari_agent.calls.public_log.log_redaction import MARK, Redaction

log = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 16 * 1024
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
"""Of one log; more than four hours of an agent that talks all the time."""
ROOM_FOR_ENDS: Final = 128 * 1024
"""Bytes above MAX_FILE_BYTES for how the call ends, and for the webhooks that tell it."""
LINES_PER_S: Final = 100
"""How many messages and events of one second are told: an agent may send thousands."""
BYTES_PER_S: Final = 128 * 1024
"""How much of the messages of one second is read for the log."""
MAX_HELD: Final = 500
"""How many lines wait until it is known what may be kept of them; a call that rings has a few dozen."""

_SHORT_TEXT: Final = 1000
_SHORT_LIST: Final = 8

Write = Callable[[bytes], None]


class PublicLog:
    """The public log of one call: holds back its lines until `open`, then writes each at once.

    start: makes the file and returns what writes to it; asked once, by `open`. clock: seconds, monotonic. redaction:
    knows the secrets of this call. url: returns the link to the log, for whether and after how many ms it expires.
    is_on: False is a log of which nothing is kept, whatever is added. keeps_content: see the module; None until `open`.
    messages: how many messages that are not audio have been `received` from the agent and `sent` to it.
    """

    def __init__(
        self,
        start: Callable[[], Write],
        clock: Callable[[], float],
        redaction: Redaction | None = None,
        *,
        url: Callable[[bool, int | None], str] | None = None,
        is_on: bool = True,
    ) -> None:
        self.is_on = is_on
        self._url = url
        self.messages: Counter[str] = Counter()
        self._start = start
        self.redaction = redaction or Redaction()
        self.keeps_content: bool | None = None
        self._clock, self._began_s = clock, clock()
        self._held: list[tuple[int, LogEvent, Mapping[str, object], object]] = []
        self._write: Write | None = None
        self._written_bytes = self._lines = 0
        self._second = self._lines_of_second = self._bytes_of_second = 0
        self._left_out: Counter[str] = Counter()

    def add(self, event: LogEvent, content: object = None, /, **facts: object) -> None:
        """Add a line about an event that happens now. Never raises.

        content: what was said or sent, which some calls do not keep. facts: of the event, as log_events.py lists them;
        those that are None, and those that are not listed, are left out.
        """
        if not self.is_on:
            return
        ms = max(0, round((self._clock() - self._began_s) * 1000))
        if self._write:
            self._put(self._write, ms, event, facts, content)
        elif len(self._held) < MAX_HELD:
            self._held.append((ms, event, facts, content))
        else:
            self._left_out[event] += 1

    def url(self, *, expires: bool, lifetime_ms: int | None = None) -> str | None:
        """Return the link to the log, which is good from `open` on; None where nothing is kept. See Links.url."""
        return self._url(expires, lifetime_ms) if self._url and self.is_on else None

    def takes(self, event: LogEvent, size_bytes: int = 0) -> bool:
        """Return whether one more line may be written in this second; if not, the line counts as left out.

        To be asked before a line is made of what strangers send as fast as they can. size_bytes: of what would have to
        be read to make the line.
        """
        if not self.is_on:
            return False
        second = int(self._clock() - self._began_s)
        if second != self._second:
            self._second, self._lines_of_second, self._bytes_of_second = second, 0, 0
        self._lines_of_second += 1
        self._bytes_of_second += size_bytes
        is_slow = self._lines_of_second <= LINES_PER_S and self._bytes_of_second <= BYTES_PER_S
        if is_slow and (self._written_bytes <= MAX_FILE_BYTES or event in ENDS):
            return True
        self._left_out[event] += 1
        return False

    def open(self, *, keeps_content: bool) -> None:
        """Write the lines that were held back, and from now on each at once. A second time changes nothing.

        keeps_content: whether lines hold what was said and sent, or only how long it was.
        """
        if self._write or not self.is_on:
            return
        self._write, self.keeps_content = self._start(), keeps_content
        for held in self._held:
            self._put(self._write, *held)
        self._held.clear()

    def resume(self, elapsed_ms: int) -> None:
        """Count the time of each line from the beginning of a call that has lasted so long already."""
        self._began_s = self._clock() - elapsed_ms / 1000

    def withdraw_content(self) -> None:
        """Write no content from now on, because the call's settings have become stricter; see log_file.py."""
        if self.keeps_content:
            self.keeps_content = False
            self.add("content_withdrawn")

    def close(self, why: str | None = None) -> None:
        """Write the last line, which counts the lines that were left out, and nothing after it.

        why: the log ends before the last of the call was told; None: it is complete.
        """
        if self._write:
            self.add("log_ended", lines=self._lines, left_out=dict(self._left_out) or None, why=why)
        self.is_on, self._write = False, None

    def _put(self, write: Write, ms: int, event: LogEvent, facts: Mapping[str, object], content: object) -> None:
        try:
            line = self._line(ms, event, facts, content)
        except Exception:  # a defect of the log must not end the call
            log.exception("a line of a public log was not written: %s", event)
            self._left_out[event] += 1
            return
        room = MAX_FILE_BYTES + (ROOM_FOR_ENDS if event in ENDS else 0)
        if event != "log_ended" and self._written_bytes + len(line) > room:
            self._left_out[event] += 1
            return
        self._written_bytes += len(line)
        self._lines += 1
        write(line)

    def _line(self, ms: int, event: LogEvent, facts: Mapping[str, object], content: object) -> bytes:
        told = {name: facts[name] for name in EVENTS[event] if facts.get(name) is not None}
        if content is not None:
            told |= {"content": content} if self.keeps_content else {"content_bytes": _size(content)}
        head = {"ms": ms, "event": event}
        encoded = _encoded({**head, **told})
        if self.redaction.is_needed(encoded.decode("ascii")):
            told = {name: self.redaction.value(fact) for name, fact in told.items()}
            encoded = _encoded({**head, **told})
        return encoded if len(encoded) <= MAX_LINE_BYTES else _shortened_line(head, told, len(encoded))


NO_LOG: Final = PublicLog(lambda: lambda _: None, lambda: 0.0, is_on=False)
"""The log of a call that has none."""


def _shortened_line(head: Mapping[str, object], told: Mapping[str, object], size_bytes: int) -> bytes:
    """Return a line of at most MAX_LINE_BYTES: what is too long is shortened, then left out, and the size is told."""
    short = {name: _shortened(fact) for name, fact in told.items()}
    without_content = {name: fact for name, fact in short.items() if name != "content"}
    for kept in (short, without_content):
        if len(line := _encoded({**head, **kept, "cut_from_bytes": size_bytes})) <= MAX_LINE_BYTES:
            return line
    return _encoded({**head, "cut_from_bytes": size_bytes})


def _shortened(value: object) -> object:
    match value:
        case str() if len(value) > _SHORT_TEXT:
            return f"{value[:_SHORT_TEXT]}{MARK} {len(value)} characters"
        case Mapping():
            return {_shortened(name): _shortened(inner) for name, inner in value.items()}
        case list() if len(value) > _SHORT_LIST:
            return [*map(_shortened, value[:_SHORT_LIST]), f"{MARK} {len(value)} items"]
        case list():
            return [_shortened(inner) for inner in value]
        case _:
            return value


def _size(content: object) -> int:
    return len(_encoded(content)) - 1


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), default=str).encode("ascii") + b"\n"
