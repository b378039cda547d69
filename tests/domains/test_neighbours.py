"""Frames of two voices that say the same sound, found without a pair: made-up sounds of which the truth is known."""

import numpy as np
import torch

from domains import neighbours
from domains.neighbours import Neighbours, cosines, features, inca, nearest
from translate.sample import Sample


def voice(shift: float, seed: int, sounds: int = 12, recordings: int = 20) -> tuple[list[torch.Tensor], np.ndarray]:
    """Recordings [80,T] of sounds of two formants each, `shift` bands higher; which sound each frame is."""
    formants = np.random.default_rng(5).uniform((8, 35), (30, 70), (sounds, 2)) + shift
    rng, bands, mels, said = np.random.default_rng(seed), np.arange(80), [], []
    for _ in range(recordings):
        order = np.repeat(rng.integers(sounds, size=10), rng.integers(4, 9, 10))
        peaks = np.exp(-(((bands - formants[order][..., None]) / 5) ** 2)).sum(1)  # [T,80]
        mels.append(torch.from_numpy(3 * peaks + 0.1 * rng.normal(size=peaks.shape)).float().T)
        said.append(order)
    every = torch.cat(mels, 1)
    mean, std = every.mean(1, keepdim=True), every.std(1, keepdim=True).clamp(min=0.5)
    return [(m - mean) / std for m in mels], np.concatenate(said)


def test_rounds_find_the_sounds_of_a_voice_whose_formants_lie_elsewhere():
    (a, said_a), (b, said_b) = voice(4.0, 0), voice(0.0, 1)
    x, y = (torch.cat([features(m[None], cosines(80))[0] for m in side]) for side in (a, b))
    right = []
    for rounds in (0, 15):
        matrix, shift = inca(x, y, rounds)
        found = nearest(x @ matrix + shift, y)
        right.append((said_b[found.numpy()] == said_a).mean())
    assert right[0] < 0.6 and right[1] > right[0] + 0.2, right


def test_features_are_those_of_a_frame_and_of_what_is_around_it():
    """The first and the last frame go on."""
    mel, basis = torch.randn(2, 80, 7), cosines(80)
    cepstra, found = torch.einsum("bmt,mc->tbc", mel, basis), features(mel, basis)
    for t in range(7):
        around = [cepstra[min(max(t + shift, 0), 6)] for shift in (-4, -2, 0, 2, 4)]
        torch.testing.assert_close(found[:, t], torch.cat(around, 1))


def test_what_is_mapped_has_the_other_voices_mean_and_deviation():
    x, y = 3 * torch.randn(300, 6) + 1, torch.randn(400, 6) * torch.linspace(0.5, 2, 6) - 2
    for rounds in (0, 3):
        matrix, shift = inca(x, y, rounds)
        for moment in (torch.mean, torch.std):
            torch.testing.assert_close(moment(x @ matrix + shift, 0), moment(y, 0))


def test_a_frame_becomes_what_the_other_voice_makes_of_its_sound(monkeypatch):
    """By the nearest of its sounds; matched by some of the frames, the same ones each time."""
    monkeypatch.setattr(neighbours, "KEPT", 600)
    (a, said_a), (b, said_b) = voice(1.0, 0), voice(0.0, 1)
    sounds = torch.stack([torch.cat(b, 1)[:, said_b == i].mean(1) for i in range(12)])
    given = Sample(a[0][None, None])
    y = Neighbours(a, b)(given).x
    right = torch.cdist(y[0, 0].T, sounds).argmin(1).numpy() == said_a[: y.shape[3]]
    assert right.mean() > 0.6, right.mean()
    assert torch.equal(Neighbours(a, b)(given).x, y), "fitted again for a resumed run, it is the same"


def test_a_frame_becomes_frames_of_the_other_voice():
    (a, _), (b, _) = voice(7.0, 0, recordings=3), voice(0.0, 1, recordings=3)
    net = Neighbours(a, b, rounds=2)
    given = Sample(torch.stack([a[0][:, :12], a[1][:, :12]])[:, None])
    y = net(given).x
    low, high = torch.cat(b, 1).amin(1), torch.cat(b, 1).amax(1)
    assert y.shape == given.x.shape
    assert ((y[:, 0] >= low[:, None]) & (y[:, 0] <= high[:, None])).all(), "means of its frames"
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(given).x, y)
    again = Neighbours(a, b, rounds=2)(Sample(given.x[:1])).x
    assert torch.allclose(again, y[:1], atol=1e-5), "fitted again for a resumed run, it is the same"


def test_nearest_is_that_of_every_distance():
    torch.manual_seed(0)
    x, y = torch.randn(30, 4), torch.randn(50, 4)
    assert torch.equal(nearest(x, y), torch.cdist(x, y).argmin(1))
    assert torch.equal(nearest(x, y, 3), torch.cdist(x, y).topk(3, 1, largest=False).indices)
