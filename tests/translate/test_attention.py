"""U-GAT-IT's parts and the frozen encoder's content, against numbers computed by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from domains.images import Images
from tests.translate.test_systems import A, Add, B, Mean
from translate.nets.attention import AdaLIN, AdaptiveDecoder, Attention
from translate.sample import Sample
from translate.systems.content import Content
from translate.systems.ugatit import UGATIT


def test_attention_weighs_channels_as_its_classifier_does():
    attention = Attention(2)
    with torch.no_grad():
        attention.average.weight.copy_(torch.tensor([[2.0, 0.0]]))
        attention.largest.weight.copy_(torch.tensor([[0.0, 3.0]]))
        attention.join.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1.0]]))
        attention.join.bias.zero_()
    x = torch.tensor([[[[1.0, 3.0]], [[5.0, 4.0]]]])  # [1,2,1,2]
    code, logits = attention(Sample(x))
    assert logits.tolist() == [[2 * 2.0, 3 * 5.0]], "the mean of the first channel, the maximum of the second"
    assert code.x.tolist() == [[[[2.0, 6.0]], [[15.0, 12.0]]]]
    words = Sample(
        torch.cat([x.flatten(2).mT, torch.full((1, 1, 2), math.nan)], 1), torch.tensor([[True, True, False]])
    )
    again, same = attention(Sample(words.x.where(words.mask[..., None], 99.0), words.mask))
    assert torch.equal(same, logits) and torch.equal(again.x[:, :2].mT, code.x.flatten(2)), "padding tells nothing"


def test_adalin_is_one_norm_or_the_other():
    x, one, zero = torch.randn(2, 3, 4, 4), torch.ones(2, 3), torch.zeros(2, 3)
    norm = AdaLIN(3, start=1.0)
    torch.testing.assert_close(norm(x, one, zero), F.instance_norm(x))
    norm = AdaLIN(3, start=0.0)
    torch.testing.assert_close(norm(x, 2 * one, zero + 1), 2 * F.layer_norm(x, x.shape[1:]) + 1)
    norm.rho.data.fill_(1.5)
    torch.testing.assert_close(norm(x, one, zero), F.instance_norm(x))
    assert norm.rho.max() == 1, "and nothing beyond"


def test_the_adaptive_decoder_takes_any_size():
    for side in (2, 5):
        assert AdaptiveDecoder(3, 4, 2, 1)(Sample(torch.rand(2, 16, side, side + 1))).x.shape == (
            2, 3, 4 * side, 4 * side + 4,
        )  # fmt: skip


class Sure(Add):
    """A direction whose classifier says the same of everything."""

    def attended(self, s, like=None):
        return self(s, like), torch.zeros(1, 2)


def test_ugatit_is_cyclegan_and_the_classifiers():
    domain = Images(size=4, channels=1)
    system = UGATIT(domain, domain, Sure(0.5), Sure(-0.25), Mean(2.0), Mean(4.0), pool=0, cam=10.0)
    losses = {key: t.item() for key, t in system.loss_g(A, B).items()}
    assert losses == pytest.approx({
        "adv_b": 9.0, "adv_a": 6.25, "cycle_a": 2.5, "cycle_b": 2.5, "identity_a": 1.25, "identity_b": 2.5,
        "cam_a": 20 * math.log(2), "cam_b": 20 * math.log(2),
    })  # fmt: skip


class Double(nn.Module):
    def forward(self, s: Sample) -> Sample:
        return Sample(2 * s.x)


def test_content_by_hand():
    """a2b adds 1/2, which the frozen encoder doubles."""
    domain = Images(size=4, channels=1)
    system = Content(domain, domain, Add(0.5), Add(-0.25), Mean(2.0), Mean(4.0), see=Double(), content=3.0, pool=0)
    losses = {key: t.item() for key, t in system.loss_g(A, B).items()}
    assert losses == pytest.approx({"adv_b": 9.0, "adv_a": 6.25, "content_a": 3 * 1.0, "content_b": 3 * 0.5})
    assert [u.player for u in system.updates] == ["g", "d"]


def test_an_encoder_of_its_own_learns_first_and_is_frozen_then():
    domain = Images(size=4, channels=1)
    own = dict(see=Add(0.1), show=Double(), warm=5)
    system = Content(domain, domain, Add(0.5), Add(-0.25), Mean(2.0), Mean(4.0), **own)
    active = [[u.player for u in system.updates if u.active(step)] for step in (0, 4, 5)]
    assert active == [["e"], ["e"], ["g", "d"]]
