"""Small worlds: drawn as their densities say, and counted as a person would."""

from math import log

import pytest
import torch

from domains.points import modes_found, world
from translate.errors import UserError


@pytest.mark.parametrize("name, n", [("ring8", 8), ("grid25", 25)])
def test_mixtures_have_their_modes_and_their_deviation(name, n):
    x = world(name)
    rows = x.rows(range(20_000)).x
    distance, nearest = torch.cdist(rows, x.modes).min(1)
    counts = torch.bincount(nearest, minlength=n)
    assert len(counts) == n == len(x.modes) and counts.min() > 0.85 * 20_000 / n
    assert (rows - x.modes[nearest]).std().item() == pytest.approx(x.deviation, rel=0.02)
    found, good, kl = modes_found(rows, x.modes, x.deviation)
    assert (
        found == n and good == pytest.approx(1 - 0.0111, abs=0.003) and kl < 0.01
    )  # exp(-9 / 2) lie outside in the plane


def test_the_line_is_a_line():
    rows = world("lines").rows(range(5000)).x
    assert (rows[:, 0] == 0).all() and rows[:, 1].mean().item() == pytest.approx(0.5, abs=0.02)
    assert 0 <= rows[:, 1].min() < 0.01 and 0.99 < rows[:, 1].max() <= 1


def test_rows_are_a_function_of_seed_and_index():
    x = world("grid25", seed=3)
    whole = x.rows(range(5, 25)).x
    assert torch.equal(whole[7:], x.rows(range(12, 25)).x)
    assert not torch.equal(whole, world("grid25", seed=4).rows(range(5, 25)).x)
    assert torch.equal(x.preview(4).x, x.preview(9).x[:4])


def test_modes_are_counted_by_hand():
    modes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = torch.tensor([[0.0, 0.29], [0.1, 0.0], [1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.0, 0.31]])
    found, good, kl = modes_found(x, modes, 0.1)
    assert (found, good) == (2, pytest.approx(4 / 6)) and kl == pytest.approx(log(2)), "half of four modes, evenly"
    assert modes_found(x + 9, modes, 0.1) == (0, 0.0, pytest.approx(log(4)))


def test_unknown_worlds():
    with pytest.raises(UserError, match="--data ring9: the small worlds are ring8, grid25, lines"):
        world("ring9")
