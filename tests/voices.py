"""Made-up voices: hums of a pitch, whose loudness and colour change, so that every band moves."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from domains.folder import Folder
from domains.mels import Mels, survey
from domains.sources import Files

RATE = 16_000


def hum(seconds: float, pitch: float = 120.0, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """[samples] float32, loudest about 0.5: a vibrating pitch with 30 harmonics under two moving formants, and some breath."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * np.sin(2 * np.pi * 3 * t + rng.uniform(0, 6)))) / rate
    low, high = 500 + 250 * np.sin(9 * t + rng.uniform(0, 6)), 1800 + 500 * np.sin(7 * t + rng.uniform(0, 6))
    wave = sum(
        np.sin(k * phase)
        * (np.exp(-(((k * pitch - low) / 200) ** 2)) + np.exp(-(((k * pitch - high) / 300) ** 2)) + 0.02)
        for k in range(1, 1 + min(30, int(rate / 2 / pitch) - 1))
    )
    wave = wave * (0.4 + 0.6 * np.square(np.sin(4 * np.pi * t + 1))) + 0.003 * rng.normal(size=len(t))
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


@cache
def recordings() -> tempfile.TemporaryDirectory:
    """a, b, c, x: 5 recordings each, of 0.5 s and more."""
    folder = tempfile.TemporaryDirectory()
    for side, pitch in (("a", 220.0), ("b", 110.0), ("c", 160.0), ("x", 140.0)):
        (Path(folder.name) / side).mkdir()
        for i in range(5):
            wave = hum(0.5 + 0.1 * i, pitch, seed=ord(side) + i)
            soundfile.write(Path(folder.name) / side / f"{i}.wav", wave, RATE)
    return folder


def voice_source(name: str) -> Folder:
    paths = sorted((Path(recordings().name) / name).iterdir())
    folder = Folder(Mels(16, *survey(paths)), Files(name, paths))
    folder.scan()  # decoded once
    return folder
