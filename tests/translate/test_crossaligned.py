"""Aligned auto-encoders of sentences: whose states are compared, and who learns from it."""

import pytest
import torch
from torch import nn

from tests.cases import batch_of, recipe_of
from translate.sample import Sample
from translate.systems.aligned import CrossAligned


class MeanState(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen: list[Sample] = []

    def forward(self, states: Sample) -> list[torch.Tensor]:
        self.seen.append(states)
        return [states.x.where(states.mask[..., None], 0).sum((1, 2))[:, None]]


def small() -> tuple[CrossAligned, dict]:
    recipe = recipe_of(CrossAligned, "tokens")
    return recipe.system().eval(), batch_of(recipe)


def test_states_of_translations_are_told_from_states_of_ones_own_sentences():
    built, batch = small()
    critics = built.d_z = nn.ModuleDict(dict(a=MeanState(), b=MeanState()))
    losses = built.loss_g(**batch)
    for side, other in ("ab", "ba"):
        crossed, told = critics[side].seen
        decoder, e = getattr(built, f"g_{side}"), getattr(built, f"e_{other}")
        free, states = decoder.through(e(batch[other]))
        assert torch.equal(told.mask, batch[side].mask) and torch.equal(crossed.mask, free.mask)
        torch.testing.assert_close(crossed.x, states.x)
        expected = built.critic * built.adv.d(critics[side](states), critics[side](told))
        torch.testing.assert_close(losses[f"adv_{side}"], expected)
        critics[side].seen.clear()
    judged = built.loss_d(**batch)
    for side in "ab":
        told, crossed = critics[side].seen
        torch.testing.assert_close(judged[f"d_{side}"], built.adv.d(critics[side](told), critics[side](crossed)))


@pytest.mark.parametrize("side, other", ["ab", "ba"])
def test_both_sides_learn_from_what_a_critic_says(side, other):
    built, batch = small()
    loss = built.train().loss_g(**batch)[f"adv_{side}"]
    for half in (getattr(built, f"e_{other}"), getattr(built, f"e_{side}"), getattr(built, f"g_{side}").cell):
        slopes = torch.autograd.grad(loss, list(half.parameters()), retain_graph=True)
        assert all(slope.abs().sum() > 0 for slope in slopes)


def test_the_states_are_those_that_the_words_are_made_from():
    built, batch = small()
    code = built.e_a(batch["a"])
    for like in (None, batch["a"]):
        said, states = built.g_a.through(code, like=like)
        assert torch.equal(said.logits, built.g_a(code, like=like).logits) and states.x.shape[:2] == said.mask.shape
