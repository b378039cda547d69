"""Judges of voices: against independent implementations, closed forms, and recordings of which the truth is known."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import domains
from domains.metrics import voice as judges
from domains.metrics.voice import DECIBELS, DNSMOS, MOS_WEIGHTS, WEIGHTS, SpeakerEncoder, World, mcd, pitch_scores
from tests.voices import RATE, hum
from translate.errors import UserError

VOICES = Path(domains.__file__).parent / "builtin" / "slt2rms"


def said(side: str, name: str = "s00229") -> tuple[np.ndarray, int]:
    return soundfile.read(VOICES / f"test{side}" / f"{name}.flac", dtype="float32")


def test_mcd_is_that_of_a_plain_programme():
    """Dynamic time warping as its recurrence says, cell by cell."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 24)), rng.normal(size=(31, 24))
    cost = np.full((24, 32), np.inf)
    cost[0, 0] = 0
    for i in range(23):
        for j in range(31):
            step = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
            cost[i + 1, j + 1] = step + np.linalg.norm(x[i] - y[j])
    assert mcd(x, y) == pytest.approx(10 / np.log(10) * np.sqrt(2) * cost[-1, -1] / 31)


def test_mcd_by_hand():
    x = np.zeros((10, 24))
    y = x + np.eye(24)[3] * 0.5
    assert mcd(x, x) == 0
    assert mcd(x, y) == pytest.approx(0.5 * DECIBELS) == pytest.approx(0.5 * 6.1418514637)
    assert mcd(np.repeat(np.arange(10.0)[:, None] * np.ones(24), 3, 0), np.arange(10.0)[:, None] * np.ones(24)) == 0


def test_cepstra_are_the_cosine_series_of_the_warped_logarithm():
    """c_m = 2/pi times the integral over [0, pi] of log amplitude at the frequency that an all-pass of 0.42 turns to w, times cos(m w)."""
    import pyworld

    wave = hum(0.3).astype(np.float64)
    f0, times = pyworld.dio(wave, RATE, frame_period=5.0)
    f0 = pyworld.stonemask(wave, f0, times, RATE)
    amplitude = np.sqrt(pyworld.cheaptrick(wave, f0, times, RATE))  # [frames,513]
    warped = (np.arange(4000) + 0.5) / 4000 * np.pi
    plain = warped - 2 * np.arctan(0.42 * np.sin(warped) / (1 + 0.42 * np.cos(warped)))
    bins = np.arange(amplitude.shape[1]) / (amplitude.shape[1] - 1) * np.pi
    logs = np.stack([np.interp(plain, bins, row) for row in np.log(amplitude)])
    expected = np.stack([2 * (logs * np.cos(m * warped)).mean(1) for m in range(1, 25)], 1)
    found = World(wave, RATE).cepstra
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_cepstra_do_not_depend_on_loudness():
    wave = hum(0.5)
    np.testing.assert_allclose(World(0.3 * wave, RATE).cepstra, World(wave, RATE).cepstra, atol=0.02)


def test_the_floor_of_the_built_in_voices():
    """Different people, the same words: far apart; each from itself: not at all."""
    a, b = World(*said("A")).cepstra, World(*said("B")).cepstra
    assert mcd(b, b) == 0 and 7 < mcd(a, b) < 13


def test_pitch():
    world = World(hum(1.0, pitch=150.0), RATE)
    scores = pitch_scores(world.f0, world.f0)
    assert abs(scores["f0"] - 150) < 5 and scores["f0_correlation"] == pytest.approx(1)
    assert abs(scores["f0_range"] - 12 * np.log2(1.05) / np.sqrt(2)) < 0.3, "a sine of 5 %"
    octave = pitch_scores(2 * world.f0, world.f0)
    assert octave["f0"] == pytest.approx(2 * scores["f0"]) and octave["f0_correlation"] == pytest.approx(1)
    assert pitch_scores(np.zeros(50), world.f0) == {}


def test_words():
    heard = judges.heard(*said("A", "s00228"))
    errors = judges.word_errors(["the animals were sacrificed after the experiment"], [heard])
    assert errors["wer"] < 0.6 and errors["cer"] <= errors["wer"]
    assert judges.word_errors(["a b c d"], ["a x c"]) == {"wer": 0.5, "cer": pytest.approx(3 / 7)}


def test_the_speaker_encoder_hears_windows_of_160_frames():
    torch.manual_seed(0)
    encoder = SpeakerEncoder().eval()
    waves = [hum(s, 120, seed=3) for s in (0.4, 1.6, 4.0)]
    vectors = [encoder.embed(wave, RATE) for wave in waves]
    assert all(v.shape == (256,) and abs(v.norm() - 1) < 1e-5 for v in vectors)
    seen = []
    encoder.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    for wave in waves:
        encoder.embed(wave, RATE)
    assert seen == [(1, 160, 40), (1, 160, 40), (4, 160, 40)]
    whisper = encoder.embed(1e-4 * waves[1], RATE)
    quiet = encoder.embed(judges.raised(1e-4 * waves[1]), RATE)
    assert torch.allclose(whisper, quiet)


def test_other_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv(WEIGHTS, raising=False)
    assert judges.speaker_encoder() is None
    (tmp_path / "pretrained.pt").write_bytes(b"junk")
    with pytest.raises(UserError, match="is not the published speaker encoder"):
        judges.speaker_encoder(tmp_path / "pretrained.pt")


@pytest.mark.skipif(WEIGHTS not in os.environ, reason=f"${WEIGHTS} names no file")
def test_the_published_encoder_tells_the_built_in_voices_apart():
    encoder = judges.speaker_encoder()
    voices = {}
    for side in "AB":
        paths = sorted((VOICES / f"train{side}").iterdir())[:25]
        voices[side] = judges.centroid(encoder, [soundfile.read(p, dtype="float32") for p in paths])
    for side, other in ("AB", "BA"):
        heard = encoder.embed(*said(side))
        assert heard @ voices[side] > 0.9 and heard @ voices[other] < 0.7


def test_dnsmos_reads_windows_as_its_authors_do():
    """4.2 s are doubled to 16.8 s; of these the authors count whole seconds, 16, in which seven windows of 9.01 s fit."""
    seen = []

    def network(wave: np.ndarray) -> tuple[float, float, float]:
        seen.append(wave)
        return 5.0, 5.0, float(len(seen) % 2)

    wave = 5 * hum(4.2)  # louder than full scale, and then clipped
    assert np.abs(wave).max() > 1
    found = DNSMOS(network)(wave, RATE)
    np.testing.assert_array_equal(seen[3][0], np.tile(wave.clip(-1, 1), 4)[3 * RATE :][:144160])
    assert len(seen) == 7 and all(w.shape == (1, 144160) and w.dtype == np.float32 for w in seen)
    ones, zeros = -0.06766283 + 1.11546468 + 0.04602535, 0.04602535
    assert found == pytest.approx((ones * 4 + zeros * 3) / 7)


def test_dnsmos_is_left_out_or_the_published_one(monkeypatch, tmp_path):
    judges.dnsmos.cache_clear()
    monkeypatch.delenv(MOS_WEIGHTS, raising=False)
    monkeypatch.setattr(judges, "find_spec", lambda name: None)
    assert judges.dnsmos() is None
    (tmp_path / "other.onnx").write_bytes(b"other")
    for path in ("other.onnx", "none.onnx"):
        with pytest.raises(UserError, match="not the published network of DNSMOS"):
            judges.dnsmos(str(tmp_path / path))
    judges.dnsmos.cache_clear()


@pytest.mark.skipif(judges.dnsmos() is None, reason=f"speechmos is not installed, and ${MOS_WEIGHTS} names no file")
def test_dnsmos_hears_noise():
    wave, rate = said("B")
    noise = np.random.default_rng(0).normal(0, 0.03, len(wave)).astype(np.float32)
    assert judges.dnsmos()(wave, rate) > judges.dnsmos()(wave + noise, rate) + 0.3
