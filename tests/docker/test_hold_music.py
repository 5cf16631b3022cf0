"""The music that is shipped: it is what its script makes, it never falls silent, and it loops without a click."""

from __future__ import annotations

import configparser
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import pytest

from tests.docker.test_install import REPOSITORY, configure
from tests.fakes.sound import level_dbfs, read_wav

PRESETS: Final = ("relaxing_sound", "uplifting_beats")
SOUNDS: Final = REPOSITORY / "asterisk-conf" / "sounds"
LONGEST_SILENCE: Final = 1600
"""Samples: 200 ms."""
QUIET_DBFS: Final = -40.0


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make", SOUNDS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return _script()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_what_its_script_makes(script: ModuleType, preset: str, tmp_path: Path) -> None:
    name = f"{preset}/{preset}"
    make, peak = script.MUSIC[name]
    (tmp_path / preset).mkdir()
    script.write(tmp_path / f"{name}.wav", make(), peak=peak)
    made, _ = read_wav(tmp_path / f"{name}.wav")
    committed, rate_hz = read_wav(SOUNDS / f"{name}.wav")
    assert rate_hz == 8000
    assert len(made) == len(committed)
    assert np.abs(made.astype(int) - committed).max() <= 1  # a sine may differ in its last bit from machine to machine


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_never_falls_silent_and_loops_without_a_click(preset: str) -> None:
    music, rate_hz = read_wav(SOUNDS / preset / f"{preset}.wav")
    assert 20 <= len(music) / rate_hz <= 40
    endless = np.concatenate([music, music[:LONGEST_SILENCE]])
    pieces = [endless[start : start + LONGEST_SILENCE] for start in range(0, len(music), LONGEST_SILENCE // 2)]
    assert min(level_dbfs(piece) for piece in pieces) > QUIET_DBFS
    steps = np.abs(np.diff(music.astype(int)))
    assert abs(int(music[0]) - int(music[-1])) <= np.quantile(steps, 0.99)


def test_every_preset_is_installed_where_its_class_looks_for_it(tmp_path: Path) -> None:
    configure(tmp_path)
    classes = configparser.ConfigParser(comment_prefixes=(";",))
    classes.read(tmp_path / "musiconhold.conf")
    for preset in PRESETS:
        folder = Path(classes[f"ari-agent-{preset}"]["directory"])
        installed = [path for path in tmp_path.rglob("*.wav") if path.parent.name == folder.name]
        assert [path.name for path in installed] == [f"{preset}.wav"]
        assert folder.parent.name == "sounds"
