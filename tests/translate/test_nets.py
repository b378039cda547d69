"""Networks: every parameter learns, shapes are kept, and the patch is as large as it says."""

import pytest
import torch
from torch import nn

from translate.modules.cycle import Pair
from translate.nets.layers import init_gan
from translate.nets.patch import PatchCritic
from translate.nets.projected import ProjectedCritic, bounded, unit
from translate.nets.resnet import BlurDown, BlurUp, Decoder, Encoder, Residual
from translate.nets.unet import UNet
from translate.sample import Sample


def resnet(down: int = 2, antialias: bool = False, resize: bool = False) -> Pair:
    return Pair(Encoder(3, 4, down, 1, antialias), Decoder(3, 4, down, 1, antialias, resize))


def residual(local: bool = True) -> Residual:
    return Residual(3, Encoder(3, 4, 2, 1, local=local), Decoder(3, 4, 2, resize=True, local=local))


class TwoMaps(nn.Module):
    """A feature network whose second map is a thousand times the first."""

    def forward(self, x):
        yield x
        yield 1000 * nn.functional.avg_pool2d(x, 2)


GENERATORS = {
    "resnet": resnet,
    "resnet, down 1": lambda: resnet(1),
    "resnet, antialias": lambda: resnet(antialias=True),
    "resnet, resize": lambda: Pair(Encoder(3, 4, 2, 1), Decoder(3, 4, 2, resize=True)),
    "residual": lambda: residual(),
    "unet 2": lambda: UNet(3, 4, 2),
    "unet 5": lambda: UNet(3, 4, 5),
}
CRITICS = {
    "patch": lambda: PatchCritic(3, 4),
    "two scales": lambda: PatchCritic(3, 4, 2, scales=2),
    "spectral": lambda: PatchCritic(3, 4, spectral=True),
    "projected": lambda: ProjectedCritic(TwoMaps(), (3, 3), (1.0, 1000.0), 4),
}


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_parameter_of_a_generator_learns(name, batch):
    net = GENERATORS[name]()
    out = net(Sample(torch.randn(batch, 3, 32, 32), label=torch.zeros(batch)))
    assert out.label is not None and out.x.dtype == torch.float32
    (out.x * torch.randn_like(out.x)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 1e-6 for p in net.parameters())


@pytest.mark.parametrize("local", [True, False])
def test_no_place_steers_those_that_do_not_see_it(local):
    net = init_gan(residual(local)).double()
    x = torch.rand(1, 3, 16, 96, dtype=torch.float64) * 2 - 1
    spike = x.clone()
    spike[..., :4] = 30
    same = torch.allclose(net(Sample(x)).x[..., 64:], net(Sample(spike)).x[..., 64:])
    assert same == local, "norms of the whole picture carry a spike to every place"


@pytest.mark.parametrize("name", CRITICS)
def test_every_parameter_of_a_critic_learns(name):
    net = CRITICS[name]()
    scores = net(Sample(torch.randn(2, 3, 64, 64)))
    assert all(s.ndim == 2 and len(s) == 2 and s.dtype == torch.float32 for s in scores)
    sum((s * torch.randn_like(s)).sum() for s in scores).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 1e-6 for p in net.parameters())


@pytest.mark.parametrize("name", GENERATORS)
def test_shapes_are_kept(name):
    net, sizes = GENERATORS[name](), [(28, 28), (32, 32), (64, 64), (36, 44), (28, 60), (96, 32)]
    taken = [(h, w) for h, w in sizes if h % net.multiple == 0 and w % net.multiple == 0]
    assert len(taken) == (3 if net.multiple == 32 else 6)
    for h, w in taken:
        x = torch.rand(1, 3, h, w) * 2 - 1
        assert net(Sample(x)).x.shape == x.shape


def test_generators_stay_within_range():
    for make in GENERATORS.values():
        assert make()(Sample(torch.rand(1, 3, 32, 32) * 2 - 1)).x.abs().max() <= 1


def test_a_residual_direction_starts_near_its_input():
    net = GENERATORS["residual"]()
    for p in net.decoder.parameters():
        nn.init.zeros_(p)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(net(Sample(x)).x, torch.tanh(1.5 * x))


def test_no_convolution_ahead_of_a_norm_has_a_bias():
    """The norm cancels it: its gradient is rounding noise, which Adam turns into steps."""
    for make in (*GENERATORS.values(), CRITICS["patch"]):
        net = make()
        x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
        out = net.double()(Sample(x))
        y = out[0] if isinstance(out, list) else out.x
        (y.double() * torch.randn(y.shape, dtype=torch.float64)).sum().backward()
        biases = {name: p.grad.norm().item() for name, p in net.named_parameters() if name.endswith("bias")}
        assert biases and all(norm > 1e-9 for norm in biases.values()), biases


@pytest.mark.parametrize("layers, field", [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field(layers, field):
    """Which input gradients of one score are zero. The norms, which see the whole picture, are taken out."""
    critic = PatchCritic(1, 2, layers, spectral=True)
    side = 2 * field + 2 ** (layers + 1)
    x = torch.rand(1, 1, side, side, requires_grad=True)
    scores = critic(Sample(x))[0]
    n = round(scores.shape[1] ** 0.5)
    scores.view(n, n)[n // 2, n // 2].backward()
    for dim in (2, 3):
        reached = (x.grad.abs().sum((0, 1, 5 - dim)) > 0).nonzero().flatten()
        assert len(reached) == field
        assert reached[-1] - reached[0] + 1 == field, "without a hole"
        assert reached[0] > 0 and reached[-1] < side - 1, "not cut off by the border"


def test_the_second_scale_judges_half_the_picture():
    critic = PatchCritic(3, 4, 2, scales=2)
    x = torch.rand(1, 3, 64, 64)
    first, second = critic(Sample(x))
    assert torch.equal(first, critic.scales[0](x))
    assert torch.equal(second, critic.scales[1](nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)))


def test_spectral_norm_brings_the_largest_singular_value_to_one():
    critic = PatchCritic(3, 8, spectral=True)
    for _ in range(50):
        critic(Sample(torch.rand(1, 3, 64, 64)))
    critic.eval()
    values = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert len(values) == 5
    torch.testing.assert_close(torch.stack(values), torch.ones(5), atol=0.02, rtol=0)


@pytest.mark.parametrize("size", [(4, 4), (6, 10), (2, 3)])
def test_blurs_keep_constants(size):
    x = torch.full((1, 2, *size), 0.75)
    x[:, 1] = -2.0
    for blur, shape in ((BlurDown(2), [-(-n // 2) for n in size]), (BlurUp(2), [2 * n for n in size])):
        y = blur(x)
        assert list(y.shape[2:]) == shape
        torch.testing.assert_close(y, x[..., :1, :1].expand_as(y))


def test_blurs_mix_neighbours_as_their_kernels_say():
    x = torch.zeros(1, 1, 7, 7)
    x[..., 2, 2] = 16.0
    down = torch.zeros(4, 4)
    down[1, 1] = 4.0
    assert torch.equal(BlurDown(1)(x)[0, 0], down)
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    assert torch.equal(BlurUp(1)(x)[0, 0, 3:7, 3:7], line[:, None] * line)
    assert BlurUp(1)(x).sum() == 64

    x[..., 2, 2], x[..., 3, 2] = 0.0, 16.0  # between two rows that are kept
    down[1:3, 1] = 2.0
    assert torch.equal(BlurDown(1)(x)[0, 0], down)


def test_a_loud_dot_changes_a_projected_critic_near_it_alone():
    """Divided by its own root mean square, a map is quieter everywhere for it."""
    critic = ProjectedCritic(TwoMaps(), (3, 3), (1.0, 1000.0), 4).eval()
    x = torch.randn(1, 3, 64, 64)
    dotted = x.clone()
    dotted[..., :2, :2] = 100.0
    for before, after in zip(critic(Sample(x)), critic(Sample(dotted))):
        side = round(before.shape[1] ** 0.5)
        changed = (before != after).view(side, side)
        assert changed[0, 0] and not changed[side // 2 :].any() and not changed[:, side // 2 :].any()


def test_bounded_maps_keep_their_direction_at_each_place():
    x = torch.randn(2, 5, 4, 4) * torch.tensor([0.01, 100.0])[:, None, None, None]
    y = bounded(x)
    torch.testing.assert_close(torch.cosine_similarity(x, y, dim=1), torch.ones(2, 4, 4))
    assert y.square().mean(1).max() < 1 and y[1].square().mean(0).min() > 0.9
    torch.testing.assert_close(y[0], x[0], rtol=1e-3, atol=0)


def test_projected_maps_have_one_scale_and_items_do_not_mix():
    x = torch.randn(3, 5, 8, 8) * torch.tensor([1.0, 10, 1000])[:, None, None, None]
    assert torch.allclose(unit(x).square().mean((1, 2, 3)), torch.ones(3))
    torch.testing.assert_close(unit(x)[1:2], unit(x[1:2]))
