"""The process that recognises speech, in this one: what it does first."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ari_agent.speech import recognition_worker
from ari_agent.speech.decoder import Decoded
from ari_agent.speech.recognition_worker import RecognitionWorker
from ari_agent.speech.worker_wire import HEADER, Order, Report, pack


class Scripted:
    """Decoders of a worker. come: the orders that come while one decodes ahead; gave_up: what it is told at each."""

    def __init__(self, *come: bytes) -> None:
        self.come = list(come)
        self.gave_up: list[bool] = []
        self.send: Callable[[bytes], object] = lambda _: None

    def make(self) -> Scripted:
        return self

    def begin(self) -> None:
        pass

    def feed(self, pcm: bytes) -> None:
        pass

    def so_far(self) -> str:
        return ""

    def decode_ahead(self, gives_up: Callable[[], bool]) -> None:
        while self.come:
            self.send(self.come.pop(0))
            self.gave_up.append(gives_up())

    def end(self) -> Decoded:
        return Decoded("text")

    drop = begin


def worked(monkeypatch: pytest.MonkeyPatch, folder: Path, scripted: Scripted) -> list[int]:
    """Let a worker hear two utterances, 1 and 2, of which the first is decoded ahead; return whose texts it told."""

    def engine(_: Mapping[str, str]) -> Callable[[], Scripted]:
        return scripted.make

    monkeypatch.setattr(recognition_worker, "ENGINES", {"scripted": engine})
    orders, sending = os.pipe()
    scripted.send = lambda order: os.write(sending, order) if order else os.close(sending)
    scripted.send(pack(Order.ENGINE, 0, b'{"engine": "scripted"}'))
    for order in (pack(Order.BEGIN, 2), pack(Order.BEGIN, 1), pack(Order.AUDIO, 1, bytes(3200))):
        scripted.send(order)
    told = folder / "reports"
    with told.open("wb") as reports, io.FileIO(orders) as stream:
        worker = RecognitionWorker(stream, reports)
        worker.run()
    reported, texts = told.read_bytes(), []
    while reported:
        kind, utterance_id, size = HEADER.unpack(reported[: HEADER.size])
        if kind == Report.HEARD:
            assert json.loads(reported[HEADER.size :][:size])["text"] == "text"
            texts.append(utterance_id)
        reported = reported[HEADER.size + size :]
    return texts


def test_what_is_decoded_ahead_waits_for_an_utterance_that_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted = Scripted(pack(Order.AUDIO, 2, bytes(3200)), pack(Order.END, 1), pack(Order.END, 2), b"")
    assert worked(monkeypatch, tmp_path, scripted) == [1, 2]  # the oldest end first
    assert scripted.gave_up == [False, False, True, True]


@pytest.mark.parametrize(("dropped", "gives_up"), [(1, True), (2, False)])
def test_an_utterance_that_is_dropped_is_not_decoded_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dropped: int, gives_up: bool
) -> None:
    scripted = Scripted(pack(Order.DROP, dropped), b"")
    assert worked(monkeypatch, tmp_path, scripted) == []
    assert scripted.gave_up == [gives_up, True]  # the end of all orders is one, too
