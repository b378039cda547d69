"""Pairs from one noise, and translation by looking for an input's noise."""

import pytest
import torch
from torch import nn

from domains.images import Images
from tests.cases import EVERY, NOISE, batch_of, generator, noise_critic, recipe_of, two_sides
from translate.modules.pieces import InPieces
from translate.modules.shared import share
from translate.sample import Sample
from translate.systems.cogan import CoGAN, Inversion


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("part", [generator, noise_critic])
def test_what_is_far_from_the_data_is_one_and_the_rest_is_not(kind, part):
    first, second = (part(kind, source.domain) for source in two_sides(kind).values())
    share(first, second)
    storages = [{n: p.data_ptr() for n, p in half.named_parameters()} for half in (first, second)]
    shared = {n for n in storages[0] if any(n.startswith(f"{deep}.") for deep in first.deep)}
    assert shared and shared != set(storages[0]), "both kinds of layers are there"
    assert {n for n in storages[0] if storages[0][n] == storages[1][n]} == shared


class Linear(nn.Module):
    """Noise [B,4] -> picture [B,1,2,2], each pixel a number of the noise times `factor`."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        return Sample(self.factor * z.x.view(-1, 1, 2, 2))


class Half(nn.Module):
    """An encoder that is wrong: it finds half of the noise that Linear(1) was given."""

    def forward(self, s: Sample) -> Sample:
        return Sample(0.5 * s.x.flatten(1))


class Squares(Images):
    def distance(self, pred: Sample, target: Sample) -> torch.Tensor:
        return (pred.x - target.x).square().mean()


def inversion(descent: int) -> Inversion:
    return Inversion(Squares(size=2, channels=1), Half(), Linear(1.0), Linear(-1.0), descent)


def test_descent_finds_the_noise_that_the_encoder_misses():
    x = Sample(torch.rand(3, 1, 2, 2))
    torch.testing.assert_close(inversion(0)(x).x, -0.5 * x.x)
    torch.testing.assert_close(inversion(200)(x).x, -x.x, atol=1e-3, rtol=0)


@pytest.mark.parametrize("sides", [(2, 2), (1, 3), (5, 7)])
def test_pieces_of_any_picture_fit_together_again(sides):
    x = torch.rand(2, 1, *sides)
    net = inversion(0)
    torch.testing.assert_close(InPieces(net.domain, net)(Sample(x)).x, -0.5 * x)


@pytest.mark.parametrize("kind", EVERY)
def test_it_searches_where_nobody_else_has_gradients(kind):
    """As conversion and validation call it: the same bits, and no parameter keeps a gradient."""
    recipe = recipe_of(CoGAN, kind)
    system, batch = recipe.system().eval(), batch_of(recipe)
    with torch.no_grad():
        outside = system.a2b(batch["a"])
    with torch.inference_mode():
        inside = system.a2b(batch["a"].map(torch.clone))
    assert torch.equal(outside.x, inside.x) and not outside.x.requires_grad
    assert all(p.grad is None for p in system.parameters())
    started = system.a2b.net.encoder(batch["a"]).x
    assert not torch.equal(system.a2b.net.noise_of(batch["a"]), started), "the search moves"


def test_a_pair_comes_from_one_noise():
    recipe = recipe_of(CoGAN, "images")
    system = recipe.system().eval()
    system.g_b = share_all(system.g_a, system.g_b)
    rows = system.sample(**batch_of(recipe))
    assert torch.equal(rows["a_drawn"].x, rows["a_drawn_b"].x) and len(system.noise(3).x[0]) == NOISE


def share_all(first: nn.Module, other: nn.Module) -> nn.Module:
    other.load_state_dict(first.state_dict())
    return other
