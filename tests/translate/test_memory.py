"""UVCGANv2's parts: critics that remember, a light penalty, items with parts left out."""

import pytest
import torch
from torch import nn

from domains.images import Images
from tests.cases import CPU, CRITIC, EVERY, batch_of, recipe_of, remembering, two_sides
from translate import penalty
from translate.feed import batches
from translate.loop import Trainer
from translate.modules.hidden import hidden
from translate.modules.memory import BatchStatistics, judged, remember
from translate.nets.projected import ProjectedCritic
from translate.nets.sequence import END, UNKNOWN
from translate.recipe import Recipe, Run
from translate.sample import Sample


def test_statistics_are_those_of_the_queue_and_the_batch_together():
    layer, earlier, now = BatchStatistics(3, 4), torch.randn(4, 3, 5), torch.randn(2, 3, 5)
    layer.recording = True
    layer(earlier)
    layer.recording = False
    layer(7 + earlier)  # fakes are remembered apart
    layer.recording = True
    expected = nn.functional.batch_norm(torch.cat([now, earlier]), None, None, training=True)[:2]
    torch.testing.assert_close(layer(now), expected)
    fakes = nn.functional.batch_norm(torch.cat([now, 7 + earlier]), None, None, training=True)[:2]
    layer.recording = None
    before = layer.moments.clone()
    torch.testing.assert_close(layer(now), fakes)
    assert torch.equal(layer.moments, before), "who does not learn leaves nothing behind"


def test_the_oldest_rows_are_forgotten():
    layer = BatchStatistics(1, 3)
    layer.recording = True
    for number in range(5):
        layer(torch.full((1, 1), float(number)))
    assert layer.moments[1, :, 0, 0].tolist() == [4.0, 3.0, 2.0] and layer.filled.tolist() == [0, 3]


@pytest.mark.parametrize("kind", EVERY)
def test_a_system_with_them_learns_and_keeps_them(kind):
    data = two_sides(kind)
    recipe = Recipe(data, lambda: remembering(kind, data, 2, 2), Run(4, 2, precision="fp32"))
    trainer = Trainer(recipe, CPU)
    before = {name: p.clone() for name, p in trainer.system.named_parameters()}
    feed = batches(data, 2, 0, 3, CPU)
    for _ in range(3):
        trainer.train_step(feed)
    means = trainer.means()
    assert {"penalty_a", "penalty_b"} <= set(means) and all(torch.tensor(v).isfinite() for v in means.values())
    assert all(not torch.equal(p, before[name]) for name, p in trainer.system.named_parameters())
    memories = [m for m in trainer.system.modules() if isinstance(m, BatchStatistics)]
    assert memories and all(m.filled.tolist() == [3, 3] for m in memories)
    assert any("moments" in name for name in trainer.own_state()["buffers"])


def test_judged_says_whose_the_items_are():
    critic = remember(Images(size=16).critic(**CRITIC["images"]), 3)
    s = Sample(torch.rand(2, 3, 16, 16))
    judged(critic, s, True)
    memories = [m for m in critic.modules() if isinstance(m, BatchStatistics)]
    assert len(memories) == 2 and all(m.filled.tolist() == [0, 2] and m.recording is None for m in memories)
    with pytest.raises(ValueError, match="no last layer"):
        remember(ProjectedCritic(nn.Identity(), (4,), (1.0,), 4), 3)


def test_the_flat_penalty_by_hand():
    """D(x) = 3 mean(x) over 4 pixels: a slope of length 3 / 4 * 2, wherever."""

    class Mean(nn.Module):
        def forward(self, s):
            return [3 * s.x.flatten(1).mean(1, keepdim=True)]

    real, fake = (Sample(torch.rand(5, 1, 2, 2)) for _ in range(2))
    assert penalty.flat(Mean(), real, fake).item() == pytest.approx((3 / 4 * 2) ** 2)


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_hidden(kind):
    from translate.systems.inpainting import Inpainting

    batch = batch_of(recipe_of(Inpainting, kind))["a"]
    nothing, everything = hidden(batch, 0.0), hidden(batch, 1.0)
    assert torch.equal(nothing.x, batch.x)
    if kind == "tokens":
        words = batch.mask & (batch.x != END)
        assert (everything.x[words] == UNKNOWN).all() and torch.equal(everything.x[~words], batch.x[~words])
    else:
        assert (everything.x == 0).all()
        share = (hidden(batch, 0.4).x == 0).float().mean().item()
        assert 0.1 < share < 0.7
