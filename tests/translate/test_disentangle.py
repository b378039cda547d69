"""The disentangling auto-encoder: its losses by hand, and a code that says less of who speaks after training than before."""

import math

import pytest
import torch
from torch import nn

from domains.mels import Mels
from tests.cases import CPU, recipe_of
from translate.feed import batches
from translate.loop import Trainer
from translate.nets.gated import SpeakerCritic
from translate.sample import Sample
from translate.system import Update
from translate.systems.disentangle import DisentangleAE


class Halve(nn.Module):
    """A code of half the number."""

    multiple, context = 1, 0

    def forward(self, s: Sample) -> Sample:
        return Sample(s.x / 2, label=s.label)


class AddLabel(nn.Module):
    """A decoder that adds the label."""

    context = 0

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(s.x + s.label.view(-1, 1, 1, 1), label=s.label)


class Logits(nn.Module):
    """(x, 0): the first speaker's logit is the mean of what is seen, times a number."""

    def __init__(self, number: float = 1.0):
        super().__init__()
        self.number = nn.Parameter(torch.tensor(number))

    def forward(self, s: Sample) -> torch.Tensor:
        mean = self.number * s.x.flatten(1).mean(1)
        return torch.stack([mean, torch.zeros_like(mean)], 1)


class Score(nn.Module):
    def forward(self, s: Sample) -> list[torch.Tensor]:
        return [s.x.flatten(1).mean(1, keepdim=True)]


def arithmetic() -> tuple[DisentangleAE, dict[str, Sample]]:
    domains = {key: Mels(4) for key in "ab"}
    weights = dict(hide=2.0, real=3.0, hear=5.0)
    system = DisentangleAE(domains, Halve(), AddLabel(), Logits(), Score(), Logits(2.0), second=1, **weights)
    return system, {key: Sample(torch.full((1, 1, 80, 4), value)) for key, value in (("a", 1.0), ("b", 3.0))}


def nats(*logits: float, of: int) -> float:
    return math.log(sum(map(math.exp, logits))) - logits[of]


def test_stage_one_by_hand():
    """Codes 0.5 and 1.5; decoded 0.5 + 0 and 1.5 + 1."""
    system, batch = arithmetic()
    losses = {key: t.item() for key, t in system.loss_g(**batch).items()}
    assert losses == pytest.approx({
        "reconstruction_a": 0.5,
        "hide_a": 2 * (nats(0.5, 0, of=0) + nats(0.5, 0, of=1)) / 2,
        "reconstruction_b": 0.5,
        "hide_b": 2 * (nats(1.5, 0, of=0) + nats(1.5, 0, of=1)) / 2,
    })  # fmt: skip
    losses = {key: t.item() for key, t in system.loss_c(**batch).items()}
    assert losses == pytest.approx({"c_a": nats(0.5, 0, of=0), "c_b": nats(1.5, 0, of=1)})


def test_stage_two_by_hand():
    """Swapped: a's code with b's label 0.5 + 1, b's with a's 1.5 + 0; both are 1.5."""
    system, batch = arithmetic()
    losses = {key: t.item() for key, t in system.loss_swapped(**batch).items()}
    first = {key: t.item() for key, t in system.loss_g(**batch).items()}
    assert losses == pytest.approx(first | {
        "adv_a": 3 * (1.5 - 1) ** 2,
        "hear_a": 5 * nats(3.0, 0, of=1),
        "adv_b": 3 * (1.5 - 1) ** 2,
        "hear_b": 5 * nats(3.0, 0, of=0),
    })  # fmt: skip
    losses = {key: t.item() for key, t in system.loss_d(**batch).items()}
    assert losses == pytest.approx({
        "d_a": 0.5 * ((1 - 1) ** 2 + 1.5**2),
        "w_a": nats(2.0, 0, of=0),
        "d_b": 0.5 * ((3 - 1) ** 2 + 1.5**2),
        "w_b": nats(6.0, 0, of=1),
    })  # fmt: skip


def test_the_second_stage_begins_when_it_is_told():
    system, _ = arithmetic()
    names = [[u.loss or f"loss_{u.player}" for u in system.updates if u.active(step)] for step in (0, 1)]
    assert names == [["loss_g", "loss_c"], ["loss_swapped", "loss_c", "loss_d"]]


def test_a_translation_speaks_with_the_targets_label():
    system, batch = arithmetic()
    rows = {key: s.x.mean().item() for key, s in system.sample(**batch).items()}
    assert rows == {"a": 1, "a_again": 0.5, "a_b": 1.5, "b": 3, "b_again": 2.5, "b_a": 1.5}


def accuracy(system: DisentangleAE, data: dict) -> float:
    """Of a fresh critic that is trained on the codes and tested on others."""

    def codes(first: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        samples = {key: s.domain.normalise(s.rows(range(first, first + n))) for key, s in data.items()}
        with torch.no_grad():
            x = torch.cat([system.e(s).x for s in samples.values()])
        return x, torch.cat([system.speakers(key, s) for key, s in samples.items()])

    torch.manual_seed(1)
    probe = SpeakerCritic(4, 3, width=16)
    optimiser = torch.optim.Adam(probe.parameters(), 1e-2)
    x, y = codes(0, 48)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(probe(Sample(x)), y).backward()
        optimiser.step()
    x, y = codes(1000, 48)
    return (probe(Sample(x)).argmax(1) == y).float().mean().item()


def test_the_code_hides_the_speaker_better_after_training_than_before():
    """A fresh critic's accuracy on codes, of which a third is chance."""
    recipe = recipe_of(DisentangleAE, "mels", steps=120, batch=8, lr={"g": 5e-3, "c": 1e-2, "d": 1e-3})
    trainer = Trainer(recipe, CPU)
    trainer.system.hide, trainer.system.updates = 3.0, (Update("g"), Update("c"))
    before = accuracy(trainer.system, recipe.data)
    feed = batches(recipe.data, 8, 0, 120, CPU)
    for _ in range(120):
        trainer.train_step(feed)
    after = accuracy(trainer.system, recipe.data)
    assert before > 0.6 and after < before - 0.15, (before, after)
