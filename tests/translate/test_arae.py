"""Codes and drawn codes: what each critic compares, and who learns from it."""

import pytest
import torch

from tests.cases import NOISE, batch_of, recipe_of
from translate.sample import Sample
from translate.systems.arae import ARAE


@pytest.fixture(params=["tokens", "images"])
def small(request) -> tuple[ARAE, dict]:
    recipe = recipe_of(ARAE, request.param)
    return recipe.system().eval(), batch_of(recipe)


def test_codes_and_drawn_codes_have_length_one(small):
    system, batch = small
    codes = [system.e_a(batch["a"]).x, system.e_b(batch["b"]).x, system.prior(Sample(torch.randn(5, NOISE))).x]
    assert all(x.shape[1:] == (NOISE,) for x in codes)
    torch.testing.assert_close(torch.cat(codes).norm(dim=1), torch.ones(9))


def test_the_distance_to_drawn_codes_is_what_both_players_see(small):
    """Wasserstein's, of opposite sign: f of codes less f of as many drawn ones."""
    system, batch = small
    system.match = 3.0
    torch.manual_seed(5)
    found = system.loss_d(**batch)["d_prior"]
    torch.manual_seed(5)
    drawn = system.prior(Sample(torch.randn(4, NOISE)))
    codes = torch.cat([system.e_a(batch["a"]).x, system.e_b(batch["b"]).x])
    (drawn,), (codes,) = (system.d_prior(s) for s in (drawn, Sample(codes)))
    torch.testing.assert_close(found, drawn.mean() - codes.mean())
    torch.manual_seed(5)
    z = system.e_a(batch["a"]), system.e_b(batch["b"])
    torch.testing.assert_close(system.confusing(*z)["adv_prior"], 3 * (codes.mean() - drawn.mean()))


def test_encoders_and_generator_of_codes_come_to_meet(small):
    system, batch = small
    losses = system.train().loss_g(**batch)
    assert set(losses) == {"restore_a", "restore_b", "adv_z", "adv_prior"}
    assert set(system.loss_d(**batch)) == {"d_z", "d_prior"}
    loss = losses["adv_prior"]
    for net in (system.e_a, system.e_b, system.prior):
        slopes = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True, allow_unused=True)
        assert any(slope is not None and slope.abs().sum() > 0 for slope in slopes)


def test_decoders_are_told_codes_beside_their_own(small):
    system, batch = small
    told = []
    for side in "ab":
        getattr(system, f"g_{side}").register_forward_pre_hook(lambda _, args: told.append(args[0].x))
    z = system.e_a(batch["a"]), system.e_b(batch["b"])
    for blur in (0.0, 0.5):
        system.blur = blur
        system.restoring(z[0], batch["a"], z[1], batch["b"])
    for code, clear, blurred in zip(z, told[:2], told[2:]):
        assert torch.equal(clear, code.x) and 0.2 < (blurred - code.x).std() < 0.8
