"""A process that recognises speech: `python -m ari_agent.speech.recognition_worker`.

Recognising takes the CPU, and an engine may hold the GIL meanwhile: in the controller it would stop the audio of every
call. Started and spoken to by recognition_pool.py; whatever else the machine has to do goes before it. It ends at the
end of its stdin, so also when the controller is killed; it does not end by SIGINT and SIGTERM, which a terminal and a
service manager send to all processes at once, while the controller lets its calls finish.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.decoder import NOTHING, Decoded, Decoder, DecoderMaker
from ari_agent.speech.worker_wire import HEADER, MAX_PAYLOAD_BYTES, Order, Report, pack

MAX_UTTERANCES: Final = 64
"""The most utterances of one worker at the same time: three times what a core decodes in real time."""

_PIECE_BYTES: Final = 3200  # 100 ms: what is told does not depend on what came together
_NICE: Final = 10


def _grammar(spec: Mapping[str, str]) -> DecoderMaker:
    from ari_agent.speech.grammar_decoder import DecoderFactory  # noqa: PLC0415 - each engine needs its own library

    return DecoderFactory(spec["grammar"]).make


def _moonshine(spec: Mapping[str, str]) -> DecoderMaker:
    from ari_agent.speech.moonshine_decoder import MoonshineModel  # noqa: PLC0415
    from ari_agent.speech.smart_turn import SmartTurn  # noqa: PLC0415

    turns = SmartTurn(Path(spec["smart_turn"])) if "smart_turn" in spec else None
    return MoonshineModel(Path(spec["model"]), turns).make


ENGINES: Final[Mapping[str, Callable[[Mapping[str, str]], DecoderMaker]]] = {
    "grammar": _grammar,
    "moonshine": _moonshine,
}
"""How speech is recognised, by name. Each loads what its decoders share, or raises SpeechUnavailable."""


_Order: TypeAlias = tuple[int, int, bytes]


@dataclass(slots=True)
class _Listening:
    decoder: Decoder
    has_news: bool = False  # audio that decode_ahead has not seen
    before: str = ""  # the text at the former piece: one that does not last is not worth telling
    told: str = ""


class RecognitionWorker:
    """Reads orders from one stream, and writes reports to another."""

    def __init__(self, orders: io.RawIOBase, reports: BinaryIO) -> None:
        """orders: a pipe or the like, whose file descriptor tells whether there is more to read."""
        self._orders = io.BufferedReader(orders, 1)  # reads nothing that is not asked for
        self._has_order = select.poll()
        self._has_order.register(orders, select.POLLIN)
        self._reports = reports
        self._unread: deque[_Order | None] = deque()  # orders that came in the midst of work; None: their end
        self._listening: dict[int, _Listening] = {}
        self._idle: list[Decoder] = []

    def run(self) -> None:
        """Obey the orders of the pool, one after the other, until their stream ends."""
        order = self._next()
        if order is None:
            return
        try:
            spec: dict[str, str] = json.loads(order[2])
            self._make = ENGINES[spec["engine"]](spec)
            self._idle.append(self._make())
        except SpeechUnavailable as error:
            self._report(Report.UNUSABLE, 0, str(error).encode())
            return
        self._report(Report.READY)
        while order := self._next():
            self._obey(*order)
            self._decode_ahead()

    def _next(self) -> _Order | None:
        return self._unread.popleft() if self._unread else self._read()

    def _read(self) -> _Order | None:
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
                decoder = self._idle.pop() if self._idle else self._make()
                decoder.begin()
                self._listening[utterance_id] = _Listening(decoder)
            case Order.AUDIO if listening:
                for start in range(0, len(payload), _PIECE_BYTES):
                    listening.decoder.feed(payload[start : start + _PIECE_BYTES])
                    self._tell(utterance_id, listening)
                listening.has_news = True
            case Order.END:
                heard = self._end(utterance_id)
                told = {"text": heard.text, "words": heard.words, "is_unfinished": heard.is_unfinished}
                self._report(Report.HEARD, utterance_id, json.dumps(told).encode())
            case Order.DROP if listening:
                del self._listening[utterance_id]
                listening.decoder.drop()
                self._idle.append(listening.decoder)
            case _:
                pass  # of an utterance that found no room

    def _decode_ahead(self) -> None:
        """Where there is nothing else to do, decode what may be at its end, the oldest first."""
        for utterance_id, listening in tuple(self._listening.items()):
            if self._unread or self._has_order.poll(0):
                return
            if listening.has_news:
                listening.has_news = False
                listening.decoder.decode_ahead(partial(self._has_better_to_do, utterance_id))

    def _has_better_to_do(self, utterance_id: int) -> bool:
        """Return whether another utterance has ended, whose caller waits, or this one is dropped; read all orders."""
        while self._has_order.poll(0) and None not in self._unread:
            self._unread.append(self._read())
        return any(
            order is None or order[0] == (Order.DROP if order[1] == utterance_id else Order.END)
            for order in self._unread
        )

    def _tell(self, utterance_id: int, listening: _Listening) -> None:
        text = listening.decoder.so_far()
        if text == listening.before and text not in {"", listening.told}:
            listening.told = text
            self._report(Report.SO_FAR, utterance_id, text.encode())
        listening.before = text

    def _end(self, utterance_id: int) -> Decoded:
        if not (listening := self._listening.pop(utterance_id, None)):
            return NOTHING
        heard = listening.decoder.end()
        self._idle.append(listening.decoder)
        return heard

    def _report(self, kind: Report, utterance_id: int = 0, payload: bytes = b"") -> None:
        self._reports.write(pack(kind, utterance_id, payload))
        self._reports.flush()


def main() -> None:
    """Run the worker process, which reads its orders from stdin, until that ends."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no report
    with contextlib.suppress(BrokenPipeError):  # the controller is gone
        RecognitionWorker(io.FileIO(0), reports).run()
    os._exit(0)  # nothing is to be saved, and flushing a broken pipe would only complain


if __name__ == "__main__":
    main()
