import torch
from torch import nn

from translate.nets.diffaugment import coloured, diffaugment, holed, shifted
from translate.sample import Sample


def test_a_shift_moves_a_picture_whole_and_repeats_its_edge():
    side = 16
    x = torch.arange(side * side, dtype=torch.float).view(1, 1, side, side).repeat(200, 1, 1, 1)
    y, places = shifted(x), torch.arange(side)
    corners = y[:, 0, 8, 8] - x[:, 0, 8, 8]
    down, right = (corners / side).round(), corners - (corners / side).round() * side
    assert set(down.tolist()) == set(right.tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}  # an eighth either way
    for moved, dy, dx in zip(y, down, right):
        rows, columns = ((places + int(d)).clamp(0, side - 1) for d in (dy, dx))
        assert torch.equal(moved[0], x[0, 0][rows][:, columns])


def test_colours_change_by_brightness_saturation_and_contrast_alone():
    x = torch.rand(300, 3, 8, 8)
    y = coloured(x)
    brightness = y.mean((1, 2, 3)) - x.mean((1, 2, 3))
    assert -0.5 <= brightness.min() < -0.4 and 0.4 < brightness.max() <= 0.5
    greys = [s.mean(1) - s.mean((1, 2, 3))[:, None, None] for s in (x, y)]
    contrast = (greys[1] / greys[0]).flatten(1).median(1).values
    torch.testing.assert_close(greys[1], contrast[:, None, None] * greys[0], atol=1e-4, rtol=1e-3)
    assert 0.5 <= contrast.min() + 1e-4 < 0.6 and 1.4 < contrast.max() - 1e-4 <= 1.5
    hues = [s - s.mean(1, keepdim=True) for s in (x, y)]
    saturation = (hues[1] / hues[0]).flatten(1).median(1).values / contrast
    torch.testing.assert_close(hues[1], (contrast * saturation)[:, None, None, None] * hues[0], atol=1e-4, rtol=1e-3)
    assert saturation.min() < 0.1 and 1.9 < saturation.max() <= 2.001


def test_a_hole_is_at_most_half_a_side_broad_and_everywhere_in_turn():
    kept = holed(torch.ones(500, 3, 16, 20))
    hole = kept == 0
    assert torch.equal(hole[:, 0], hole[:, 2])
    assert hole.any(2).sum(2).max() <= 10 and hole.any(3).sum(2).max() <= 8
    assert hole.flatten(1).any(1).float().mean() > 0.9 and hole.any(0).all() and not hole.all(0).any()


def test_a_critic_sees_changed_pictures_in_training_alone_and_passes_gradients_to_what_it_saw():
    class Seeing(nn.Module):
        def forward(self, s):
            self.seen = s
            return [s.x.flatten(1).sum(1)]

    critic, s = diffaugment(Seeing()), Sample(torch.randn(8, 3, 16, 16, requires_grad=True), label=torch.arange(8))
    critic(s)[0].sum().backward()
    assert torch.equal(critic.seen.label, s.label) and not torch.equal(critic.seen.x, s.x)
    assert s.x.grad.abs().sum() > 0 and torch.isfinite(s.x.grad).all()
    seen = critic.seen.x
    critic(s)
    assert not torch.equal(critic.seen.x, seen)
    critic.eval()(s)
    assert critic.seen is s
