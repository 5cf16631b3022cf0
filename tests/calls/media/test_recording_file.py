from __future__ import annotations

import wave
from pathlib import Path

import pytest

from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, filler_of, finish_recording
from ari_agent.media.audio import LINEAR_16K, ULAW
from ari_agent.media.wave_file import HEADER_BYTES, WaveFormat, mixed, read_header

FORMATS = [WaveFormat(ULAW), WaveFormat(LINEAR_16K)]


@pytest.mark.parametrize("recording", FORMATS)
@pytest.mark.parametrize("seconds", [0, 1, 2.5])
def test_a_recording_gets_its_length_and_its_mix(tmp_path: Path, recording: WaveFormat, seconds: float) -> None:
    audio = (bytes(range(256)) * 1000)[: int(seconds * recording.bytes_per_s)]
    stereo = tmp_path / STEREO_FILE
    stereo.write_bytes(recording.header() + audio)
    assert finish_recording(stereo) == [MIXED_FILE]
    assert stereo.read_bytes() == recording.header(len(audio)) + audio
    mono = (tmp_path / MIXED_FILE).read_bytes()
    assert mono == recording.mono().header(len(audio) // 2) + mixed(audio, recording.samples)
    assert (tmp_path / MIXED_FILE).stat().st_mode & 0o777 == 0o600
    assert finish_recording(stereo) == [MIXED_FILE], "as after a crash in the middle of it"
    assert (tmp_path / MIXED_FILE).read_bytes() == mono


def test_half_a_sample_at_the_end_is_cut_off(tmp_path: Path) -> None:
    stereo = tmp_path / STEREO_FILE
    stereo.write_bytes(WaveFormat(LINEAR_16K).header() + bytes(4003))
    finish_recording(stereo)
    with wave.open(str(stereo)) as file:
        assert file.getnframes() == 1000
    assert stereo.stat().st_size == HEADER_BYTES + 4000


@pytest.mark.parametrize("recording", FORMATS)
def test_a_header_that_the_disk_did_not_take_is_made_up(tmp_path: Path, recording: WaveFormat) -> None:
    stereo = tmp_path / STEREO_FILE
    stereo.write_bytes(filler_of(recording) * HEADER_BYTES + bytes(400))
    finish_recording(stereo)
    assert read_header(stereo.read_bytes()) == recording


def test_another_file_stays_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / STEREO_FILE
    other.write_bytes(b"no recording" * 10)
    with pytest.raises(ValueError, match="header of a recording"):
        finish_recording(other)
    assert other.read_bytes() == b"no recording" * 10


def test_of_a_mix_that_cannot_be_written_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stereo = tmp_path / STEREO_FILE
    stereo.write_bytes(WaveFormat(ULAW).header() + bytes(400))
    (tmp_path / MIXED_FILE).mkdir()  # open() fails
    with pytest.raises(OSError, match="directory"):
        finish_recording(stereo)
    assert stereo.read_bytes() == WaveFormat(ULAW).header(400) + bytes(400)
