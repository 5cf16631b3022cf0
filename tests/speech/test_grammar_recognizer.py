"""Speech to text by a grammar, in its worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.grammar_recognizer import GrammarListening, GrammarRecognizer
from tests.fakes.llm_server import until
from tests.speech.speaking import BARGE, MS_BYTES, NO_THANK_YOU, TRANSFER, YES, Ear, feed, say, speech

pytestmark = pytest.mark.slow


@asynccontextmanager
async def recognizer(workers: int = 1, stuck_s: float = 8.0) -> AsyncIterator[GrammarRecognizer]:
    made = GrammarRecognizer(GrammarListening(workers=workers, stuck_s=stuck_s, final_timeout_s=60))
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_callers_are_understood_side_by_side_and_in_order() -> None:
    async with recognizer() as made:
        ears = [Ear() for _ in range(3)]
        recognitions = [ear.listen(made) for ear in ears]
        await feed(recognitions[0], bytes(2000 * MS_BYTES))
        said = (TRANSFER, YES, NO_THANK_YOU, BARGE)
        await asyncio.gather(*(say(each, speech(file)) for each in recognitions for file, _ in said[:1]))
        for each in recognitions:
            for file, _ in said[1:]:
                await say(each, speech(file))
        for ear in ears:
            assert await ear.finals_of(4) == [text for _, text in said]
        assert any(partial.text.startswith("transfer") for partial in ears[0].partials)
        first = ears[0].finals[0].words[0]
        assert first.word == "transfer"
        assert 2200 < first.start_ms < 2600
        assert ears[0].finals[1].words[0].start_ms > ears[0].finals[0].words[-1].end_ms
        for each in recognitions:
            await each.close()


async def test_close_leaves_no_process_and_nothing_is_heard_after_it(caplog: pytest.LogCaptureFixture) -> None:
    made = GrammarRecognizer(GrammarListening(workers=2, final_timeout_s=60))
    await made.start()
    assert "for development and IVR only" in caplog.text
    assert len(made.pids) == 1
    ear = Ear()
    others = [ear.listen(made) for _ in range(3)]
    for each in others:
        each.speech_started()
    await until(lambda: len(made.pids) == 2)  # as many as there may be, and no more
    pids = made.pids
    for each in others:
        await each.close()
    recognition = ear.listen(made)
    await say(recognition, speech(YES[0]))
    await asyncio.gather(recognition.close(), recognition.close())
    await say(recognition, speech(YES[0]))
    still_open = ear.listen(made)
    await say(still_open, speech(YES[0]), stop=False)
    await made.close()
    await made.close()
    assert not any(alive(pid) for pid in pids)
    assert (ear.finals, ear.failures) == ([], [])


async def test_a_worker_that_dies_is_replaced_and_the_caller_does_not_notice() -> None:
    async with recognizer() as made:
        ear = Ear()
        recognition = ear.listen(made)
        (first,) = made.pids
        await say(recognition, speech(TRANSFER[0]), stop=False)
        os.kill(first, signal.SIGKILL)
        await ear.partial()
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [TRANSFER[1]]
        assert made.pids != (first,)
        await recognition.close()


async def test_an_utterance_that_kills_two_workers_is_nothing() -> None:
    async with recognizer() as made:
        ear = Ear()
        recognition = ear.listen(made)
        await say(recognition, speech(TRANSFER[0]), stop=False)
        seen: set[int] = set()
        while len(seen) < 2:
            await ear.partial()
            ear.partials.clear()
            seen |= set(made.pids)
            os.kill(made.pids[0], signal.SIGKILL)
            await feed(recognition, speech(TRANSFER[0]))
        await until(lambda: bool(set(made.pids) - seen))
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [""]
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(2) == ["", "yes"]
        await recognition.close()


async def test_a_worker_that_is_stuck_is_replaced() -> None:
    async with recognizer(stuck_s=0.2) as made:
        ear = Ear()
        recognition = ear.listen(made)
        (first,) = made.pids
        os.kill(first, signal.SIGSTOP)
        await say(recognition, speech(NO_THANK_YOU[0]))
        await until(lambda: made.pids not in {(), (first,)})
        (heard,) = await ear.finals_of(1)
        assert heard in {NO_THANK_YOU[1], ""}  # "" where this machine is slower than such a short patience
        assert not alive(first)
        await recognition.close()


async def test_a_worker_ignores_what_a_terminal_sends_to_all_processes() -> None:
    async with recognizer() as made:
        ear = Ear()
        recognition = ear.listen(made)
        pids = made.pids
        for each in (signal.SIGINT, signal.SIGTERM):
            os.kill(pids[0], each)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        assert made.pids == pids
        await recognition.close()


async def test_a_worker_ends_with_its_controller() -> None:
    script = (
        "import asyncio, sys\n"
        "from ari_agent.speech.grammar_recognizer import *\n"
        "async def main():\n"
        "    made = GrammarRecognizer(GrammarListening(workers=1))\n"
        "    await made.start()\n"
        "    print(made.pids[0], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    controller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert controller.stdout
        async with asyncio.timeout(30):
            worker = int(await controller.stdout.readline())
    finally:
        controller.kill()
        await controller.wait()
    await until(lambda: not alive(worker))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"yes\nqux quux\n", "lacks: quux, qux"),
        (b"#JSGF V1.0;\ngrammar g;\npublic <a> = yes | (no;\n", "check its JSGF"),
        (b"\xff\xfe", "UTF-8"),
        (b"yes\n" * 100_000, "more than"),
        (None, "No such file"),
    ],
    ids=["unknown words", "syntax", "no text", "huge", "no file"],
)
async def test_a_grammar_that_cannot_be_used_says_why_at_start(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "menu.gram"
    if content is not None:
        path.write_bytes(content)
    made = GrammarRecognizer(GrammarListening(path, workers=1))
    with pytest.raises(SpeechUnavailable, match=why) as error:
        await made.start()
    assert f"ARI_AGENT_GRAMMAR={path}" in str(error.value)
    assert made.pids == ()
    await made.close()


async def test_without_pocketsphinx_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(SpeechUnavailable, match=r"pip install 'ari-agent\[grammar\]'"):
        await GrammarRecognizer(GrammarListening()).start()
