"""Patch contrast against what is known: perfect, hopeless and shuffled places."""

import math

import pytest
import torch
import torch.nn.functional as F

from translate.modules.contrast import PatchContrast, nce
from translate.nets.resnet import Encoder
from translate.sample import Sample


def test_nce_by_hand():
    same = torch.eye(4)[None]
    own, other = math.exp(1 / 0.5), 1.0
    assert nce(same, same, 0.5).item() == pytest.approx(-math.log(own / (own + 3 * other)))
    alike = F.normalize(torch.ones(2, 8, 3), dim=-1)
    assert nce(alike, alike).item() == pytest.approx(math.log(8)), "places that cannot be told apart"


def test_other_items_are_no_negatives():
    key = F.normalize(torch.randn(3, 5, 7), dim=-1)
    alone = torch.stack([nce(k[None], k[None]) for k in key]).mean()
    torch.testing.assert_close(nce(key, key), alone)


def test_keys_get_no_gradient():
    query, key = (torch.randn(1, 4, 3, requires_grad=True) for _ in range(2))
    nce(query, key).backward()
    assert query.grad is not None and key.grad is None


@pytest.mark.parametrize("local", [False, True], ids=["norms of the picture", "of each place"])
def test_a_copy_is_recognised_and_a_shuffled_picture_is_not(local):
    encoder = Encoder(3, width=8, down=1, blocks=1, local=local)
    contrast = PatchContrast(encoder, 3, patches=64)
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    copied = contrast(encoder, Sample(x), Sample(x))
    shuffled = contrast(encoder, Sample(x.flip(-1).flip(-2)), Sample(x))
    assert copied < shuffled and [len(contrast.heads)] == [4], "pixels, two stages, the last block"
