"""Instance norm, whose gradient PyTorch gets wrong."""

import pytest
import torch
import torch.nn.functional as F

from translate.nets.layers import InstanceNorm, PlaceNorm, init_gan


def by_definition(x: torch.Tensor) -> torch.Tensor:
    """Ulyanov 2016, arXiv:1607.08022, eq. 2."""
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) / ((x - mean).square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [1, 2])
def test_gradient_is_that_of_float64(batch, layout, precision):
    """In torch 2.11 on a CPU, F.instance_norm fails this at batch 1 in channels-last: a relative error of 1.3 to 1.4."""
    x = torch.randn(batch, 6, 5, 7, dtype=torch.float64).to(precision)
    weights = torch.randn(batch, 6, 5, 7, dtype=torch.float64).to(precision)
    exact = x.double().requires_grad_()
    (by_definition(exact) * weights.double()).sum().backward()

    ours = x.to(memory_format=layout).requires_grad_()
    y = InstanceNorm(6)(ours)
    y.backward(weights.to(memory_format=layout))
    tolerance = 1e-5 if precision == torch.float32 else 2e-2
    assert y.dtype == precision
    assert (y.double() - by_definition(x.double())).norm() < tolerance * y.double().norm()
    assert (ours.grad.double() - exact.grad).norm() < tolerance * exact.grad.norm()


def test_it_stands_outside_autocast(monkeypatch):
    """Which on a GPU would make float32 of its output."""
    seen, original = [], F.group_norm
    monkeypatch.setattr(
        F, "group_norm", lambda *args, **how: seen.append(torch.is_autocast_enabled("cpu")) or original(*args, **how)
    )
    with torch.autocast("cpu", torch.bfloat16):
        InstanceNorm(2)(torch.randn(1, 2, 4, 4))
        assert torch.is_autocast_enabled("cpu")
    assert seen == [False]


def test_weights_start_at_a_hundredth():
    net = init_gan(torch.nn.Sequential(torch.nn.Conv2d(16, 64, 3), torch.nn.ConvTranspose2d(64, 16, 3)))
    for conv in net:
        assert abs(conv.weight.std().item() - 0.02) < 1e-3 and abs(conv.weight.mean().item()) < 1e-3
        assert not conv.bias.any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_place_norm_makes_each_place_mean_zero_and_deviation_one(layout):
    y = PlaceNorm(6)((5 * torch.randn(2, 6, 4, 4) + 3).to(memory_format=layout))
    assert torch.allclose(y.mean(1), torch.zeros(2, 4, 4), atol=1e-5)
    assert torch.allclose(y.std(1, correction=0), torch.ones(2, 4, 4), atol=1e-3)
    assert torch.autograd.gradgradcheck(PlaceNorm(3), torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True))
