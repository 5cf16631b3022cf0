"""A process that recognises speech by a grammar: `python -m ari_agent.speech.grammar_worker`.

pocketsphinx holds the GIL while it decodes: in the controller it would stop the audio of every call. Started and spoken
to by grammar_pool.py. It ends at the end of its stdin, so also when the controller is killed; it does not end by SIGINT
and SIGTERM, which a terminal and a service manager send to all processes at once, while the controller lets its calls
finish.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import BinaryIO, Final

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.grammar_decoder import DecoderFactory, GrammarDecoder
from ari_agent.speech.grammar_wire import HEADER, MAX_PAYLOAD_BYTES, Order, Report, pack

MAX_UTTERANCES: Final = 64
"""The most utterances of one worker at the same time: three times what a core decodes in real time."""

_PIECE_BYTES: Final = 3200  # 100 ms: what is told does not depend on what came together


@dataclass(slots=True)
class _Listening:
    decoder: GrammarDecoder
    before: str = ""  # the text at the former piece: one that does not last is not worth telling
    told: str = ""


class GrammarWorker:
    """Reads orders from one stream, and writes reports to another."""

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self._orders = orders
        self._reports = reports
        self._listening: dict[int, _Listening] = {}
        self._idle: list[GrammarDecoder] = []

    def run(self) -> None:
        """Obey the orders of the pool, one after the other, until their stream ends."""
        order = self._next()
        if order is None:
            return
        try:
            self._factory = DecoderFactory(order[2].decode())
            self._idle.append(self._factory.make())
        except SpeechUnavailable as error:
            self._report(Report.UNUSABLE, 0, str(error).encode())
            return
        self._report(Report.READY)
        while order := self._next():
            self._obey(*order)

    def _next(self) -> tuple[int, int, bytes] | None:
        header = self._orders.read(HEADER.size)
        if len(header) < HEADER.size:
            return None
        kind, utterance_id, size = HEADER.unpack(header)
        if size > MAX_PAYLOAD_BYTES:
            raise ValueError(f"an order of {size} bytes")
        payload = self._orders.read(size)
        return (kind, utterance_id, payload) if len(payload) == size else None

    def _obey(self, kind: int, utterance_id: int, payload: bytes) -> None:
        listening = self._listening.get(utterance_id)
        match kind:
            case Order.BEGIN if len(self._listening) < MAX_UTTERANCES and listening is None:
                decoder = self._idle.pop() if self._idle else self._factory.make()
                decoder.begin()
                self._listening[utterance_id] = _Listening(decoder)
            case Order.AUDIO if listening:
                for start in range(0, len(payload), _PIECE_BYTES):
                    listening.decoder.feed(payload[start : start + _PIECE_BYTES])
                    self._tell(utterance_id, listening)
            case Order.END:
                words = self._end(utterance_id)
                self._report(Report.HEARD, utterance_id, json.dumps(words).encode())
            case Order.DROP if listening:
                self._end(utterance_id)
            case _:
                pass  # of an utterance that found no room

    def _tell(self, utterance_id: int, listening: _Listening) -> None:
        text = listening.decoder.so_far()
        if text == listening.before and text not in {"", listening.told}:
            listening.told = text
            self._report(Report.SO_FAR, utterance_id, text.encode())
        listening.before = text

    def _end(self, utterance_id: int) -> tuple[tuple[str, int, int], ...]:
        if not (listening := self._listening.pop(utterance_id, None)):
            return ()
        words = listening.decoder.end()
        self._idle.append(listening.decoder)
        return words

    def _report(self, kind: Report, utterance_id: int = 0, payload: bytes = b"") -> None:
        self._reports.write(pack(kind, utterance_id, payload))
        self._reports.flush()


def main() -> None:
    """Run the worker process, which reads its orders from stdin, until that ends."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no report
    with contextlib.suppress(BrokenPipeError):  # the controller is gone
        GrammarWorker(sys.stdin.buffer, reports).run()
    os._exit(0)  # nothing is to be saved, and flushing a broken pipe would only complain


if __name__ == "__main__":
    main()
