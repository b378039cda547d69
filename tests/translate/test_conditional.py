"""A sample of every kind under a condition of every kind, judged by every head that reads conditions."""

import math
from itertools import product

import pytest
import torch

from domains.conditions import Conditions, labels_of
from tests.cases import CODE, CPU, ENCODER, EVERY, NOISE, SOURCES, body, generator
from translate import penalty
from translate.loop import Trainer
from translate.modules.conditional import Critic, Join, Joined, LabelEmbedding, Pooled, Projection, Split
from translate.recipe import Recipe, Run
from translate.systems.gan import GAN

HEADS = {
    "join": lambda features, embed: Join(features, embed(5), width=8),
    "split": lambda features, embed: Split(features, embed(5), width=8),
    "projection": lambda features, embed: Projection(features, embed(features)),
}
CASES = list(product(EVERY, ("labels", *EVERY), HEADS))


def told_by(x, told: str) -> dict[str, Conditions]:
    """The matching-aware set: conditions of x, and wrong ones."""
    if told == "labels":
        x.labels = torch.arange(len(x.items)) % 3
        return {"c": labels_of(x), "wrong": labels_of(x, wrong=True)}
    other = SOURCES[told]("b")
    values = other.domain.normalise(other.rows(range(len(x.items))))
    return {"c": Conditions(x, other.domain, values), "wrong": Conditions(x, other.domain, values, wrong=True)}


@pytest.mark.parametrize("kind, told, head", CASES, ids=map("-".join, CASES))
def test_every_condition_serves_every_kind_and_head(kind, told, head):
    x = SOURCES[kind]("a")
    data = {"x": x} | told_by(x, told)

    def embed(width: int):
        if told == "labels":
            return LabelEmbedding(3, width)
        return Pooled(data["c"].domain.encoder(**ENCODER[told]), CODE[told], width)

    def system() -> GAN:
        features = body(kind, x.domain)
        d = Critic(features, HEADS[head](features.features, embed))
        g = Joined(generator(kind, x.domain), embed(NOISE - 2))
        return GAN(x.domain, g, d, penalties={penalty.gradient: 10.0})

    trainer = Trainer(Recipe(data, system, Run(3, batch=4, precision="fp32")), CPU)
    learned = {player: set() for player in trainer.system.players()}
    for player, optimiser in trainer.optimisers.items():

        def watch(*_, player=player, step=optimiser.step):
            learned[player] |= {
                n for n, p in trainer.system.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
            }
            step()

        optimiser.step = watch
    feed = trainer.feed(data, 0, 3)
    for _ in range(3):
        trainer.train_step(feed)
    assert learned == {player: set(trainer.system.names_of(player)) for player in learned}
    assert all(math.isfinite(value) for value in trainer.means().values())


def test_every_case_was_there():
    assert len(CASES) == 3 * 4 * 3
