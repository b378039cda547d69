"""Frames of two voices that say the same sound, found without a pair: made-up sounds of which the truth is known."""

import numpy as np
import torch

from domains import neighbours
from domains.neighbours import Frames, cosines, crowding, features, inca, nearest, smallest
from domains.neighbours import neighbours as pseudo_pairs
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
    x, y, right = x - x.mean(0), y - y.mean(0), []
    for rounds in (0, 15):
        ways = zip(inca(x, y, rounds), ((x, said_a, y, said_b), (y, said_b, x, said_a)))
        for matrix, (given, said, among, named) in ways:
            mapped = given @ matrix
            found = nearest(mapped, among, crowding(among, mapped))
            right.append((named[found.numpy()] == said).mean())
    assert max(right[:2]) < 0.6 and min(right[2:]) > max(right[:2]) + 0.15, right


def test_features_are_those_of_a_frame_and_of_what_is_around_it():
    """The first and the last frame go on."""
    mel, basis = torch.randn(2, 80, 7), cosines(80)
    cepstra, found = torch.einsum("bmt,mc->tbc", mel, basis), features(mel, basis)
    for t in range(7):
        around = [cepstra[min(max(t + shift, 0), 6)] for shift in (-4, -2, 0, 2, 4)]
        torch.testing.assert_close(found[:, t], torch.cat(around, 1))


def test_what_is_mapped_has_the_other_voices_deviation():
    x, y = 3 * torch.randn(300, 6), torch.randn(400, 6) * torch.linspace(0.5, 2, 6)
    for rounds in (0, 3):
        x2y, y2x = inca(x - x.mean(0), y - y.mean(0), rounds)
        torch.testing.assert_close((x @ x2y).std(0), y.std(0))
        torch.testing.assert_close((y @ y2x).std(0), x.std(0))


def test_frames_that_are_matched_are_centred_and_of_flatter_deviations():
    frames = Frames(voice(0.0, 0, recordings=3)[0])
    raw = frames.x * frames.deviation + frames.centre
    torch.testing.assert_close(frames.x.mean(0), torch.zeros(85), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames.x.std(0), raw.std(0) ** (1 - neighbours.FLATTER))


def test_a_frame_becomes_what_the_other_voice_makes_of_its_sound(monkeypatch):
    """By the nearest of its sounds; matched by some of the frames, the same ones each time."""
    monkeypatch.setattr(neighbours, "KEPT", 600)
    (a, said_a), (b, said_b) = voice(1.0, 0), voice(0.0, 1)
    sounds = torch.stack([torch.cat(b, 1)[:, said_b == i].mean(1) for i in range(12)])
    given = Sample(a[0][None, None])
    y = pseudo_pairs(a, b)[0](given).x
    right = torch.cdist(y[0, 0].T, sounds).argmin(1).numpy() == said_a[: y.shape[3]]
    assert right.mean() > 0.6, right.mean()
    assert torch.equal(pseudo_pairs(a, b)[0](given).x, y), "fitted again for a resumed run, it is the same"


def test_a_frame_becomes_frames_of_the_other_voice():
    (a, _), (b, _) = voice(7.0, 0, recordings=3), voice(0.0, 1, recordings=3)
    net, _ = pseudo_pairs(a, b, rounds=2)
    given = Sample(torch.stack([a[0][:, :12], a[1][:, :12]])[:, None])
    y = net(given).x
    low, high = torch.cat(b, 1).amin(1), torch.cat(b, 1).amax(1)
    assert y.shape == given.x.shape
    assert ((y[:, 0] >= low[:, None]) & (y[:, 0] <= high[:, None])).all(), "means of its frames"
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(given).x, y)
    again = pseudo_pairs(a, b, rounds=2)[0](Sample(given.x[:1])).x
    assert torch.allclose(again, y[:1], atol=1e-5), "fitted again for a resumed run, it is the same"


def test_nearest_is_that_of_every_distance_less_what_is_taken_off():
    torch.manual_seed(0)
    x, y, crowd = torch.randn(30, 4), torch.randn(50, 4), torch.rand(50)
    distances = torch.cdist(x, y).square() - neighbours.CROWDED * crowd
    assert torch.equal(nearest(x, y, crowd), distances.argmin(1))
    assert torch.equal(nearest(x, y, crowd, 3), distances.topk(3, 1, largest=False).indices)


def test_the_smallest_are_found_wherever_they_lie():
    """All in one block, each in its own, at the rims; and in rows that are no whole blocks."""
    x = torch.randn(50, 6 * neighbours.BLOCK)
    x[0, 100:104], x[1, ::150], x[2, [0, 99, 100, 599]] = -9 - torch.rand(4), -9 - torch.rand(4), -9 - torch.rand(4)
    for rows in (x, x[:, :-1], x[:, :300]):
        for k in (1, 4):
            assert torch.equal(smallest(rows, k), rows.sort(1).indices[:, :k])


def test_crowding_is_the_mean_distance_of_the_nearest_sixtieth():
    x, among = torch.randn(20, 4), torch.randn(180, 4)
    expected = torch.cdist(x, among).square().topk(3, 1, largest=False).values.mean(1)
    torch.testing.assert_close(crowding(x, among), expected)


def test_what_lies_near_everything_is_not_everyones_neighbour():
    """In many dimensions a point at the centre is nearer to most than any other (Radovanović 2010, JMLR 11)."""
    torch.manual_seed(0)
    x, y = torch.randn(600, 30), torch.cat([torch.zeros(1, 30), torch.randn(599, 30)])
    chosen = [(nearest(x, y, crowd) == 0).float().mean() for crowd in (torch.zeros(600), crowding(y, x))]
    assert chosen[0] > 0.2 and chosen[1] < 0.02, chosen
