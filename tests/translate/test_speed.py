"""What the fast path must not change: losses, gradients, layouts, bits after a resume. That no step waits: test_device."""

import copy

import pytest
import torch
import torch.nn.functional as F

from tests.cases import CPU, batch_of, recipe_of
from translate import runtime
from translate.loop import Trainer
from translate.modules.cycle import Pair
from translate.nets import winograd
from translate.nets.layers import InstanceNorm, Reflected, init_gan
from translate.nets.patch import PatchCritic
from translate.nets.resnet import Decoder, Encoder
from translate.sample import Sample
from translate.systems.cyclegan import CycleGAN

LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def distance(found: torch.Tensor, exact: torch.Tensor) -> float:
    return ((found.double() - exact).norm() / exact.norm()).item()


@every_layout
@pytest.mark.parametrize("gradient_layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)], ids=["fp32", "bf16"])
def test_instance_norm_and_its_gradient(batch, layout, gradient_layout, dtype, near):
    """F.instance_norm's gradient is wrong by 140 % for one of these (torch 2.11, CPU)."""
    x = (3 * torch.randn(batch, 6, 12, 10) + 2).to(dtype).contiguous(memory_format=layout).requires_grad_()
    g = torch.randn(x.shape).to(dtype).contiguous(memory_format=gradient_layout)
    exact = x.detach().double().contiguous().requires_grad_()
    y, true = InstanceNorm(6)(x), F.group_norm(exact, 6)
    assert y.dtype == dtype and y.is_contiguous(memory_format=layout)
    y.backward(g)
    true.backward(g.double())
    assert distance(y, true) < near and distance(x.grad, exact.grad) < near


@every_layout
def test_instance_norm_is_differentiable_twice(layout):
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    assert torch.autograd.gradgradcheck(InstanceNorm(3), x)


@every_layout
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kernel", [3, 7])
@pytest.mark.parametrize("large", [winograd.LARGE, 0], ids=["small", "large"])
def test_padding_by_reflection(large, kernel, precision, layout, monkeypatch):
    """Of small and of large maps the same as nn.Conv2d's own, but that bf16 gradients are added up in bf16 where pixels are reflected;
    and under autocast no picture is kept in float32 for the way back."""
    monkeypatch.setattr(winograd, "LARGE", large)
    ours, own = Reflected(4, 6, kernel), torch.nn.Conv2d(4, 6, kernel, padding=kernel // 2, padding_mode="reflect")
    own.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 9, 11).to(memory_format=layout).requires_grad_()
    kept, found = [], []
    for conv in (ours, own):
        with (
            runtime.autocast(CPU, precision),
            torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t),
        ):
            h = x * 1.0
            kept.clear()
            y = conv(h.to(torch.bfloat16) if precision == "bf16" else h)
        found.append((y, *torch.autograd.grad(y.float().square().sum(), (x, *conv.parameters()))))
        if conv is ours and precision == "bf16":
            assert kept and not [t for t in kept if t.dtype == torch.float32 and t.ndim == 4 and len(t) == 2]
    (y, *gradients), (same, *others) = found
    assert torch.equal(y, same)
    assert all(distance(a, b) <= (1e-2 if precision == "bf16" else 0) for a, b in zip(gradients, others))


@every_layout
@pytest.mark.parametrize("shape", [(2, 8, 14, 18), (1, 5, 9, 11), (1, 5, 10, 11)], ids=["tiles", "ragged", "one side"])
def test_winograd_is_the_convolution(shape, layout):
    """F(4x4, 3x3) and both its gradients, to float32's rounding; twice differentiable."""
    x, w = torch.randn(shape).to(memory_format=layout).requires_grad_(), torch.randn(7, shape[1], 3, 3).requires_grad_()
    y, true = winograd.winograd(x, w), F.conv2d(x.double(), w.double())
    g = torch.randn(y.shape)
    found, exact = torch.autograd.grad(y, (x, w), g), torch.autograd.grad(true, (x, w), g.double())
    assert y.shape == true.shape and max(map(distance, (y, *found), (true, *exact))) < 5e-6
    alone = winograd.winograd(x, w.detach()), winograd.winograd(x.detach(), w)  # the other one is frozen
    assert all(torch.equal(torch.autograd.grad(y, of, g)[0], slope) for y, of, slope in zip(alone, (x, w), found))
    small = (
        torch.randn(1, 2, 6, 7, dtype=torch.float64, requires_grad=True),
        torch.randn(2, 2, 3, 3).double().requires_grad_(),
    )
    assert torch.autograd.gradcheck(winograd.winograd, small) and torch.autograd.gradgradcheck(winograd.winograd, small)


def test_winograd_is_for_large_float32_maps_and_not_for_exported_ones(monkeypatch):
    large, small = torch.zeros(1, 8, 256, 256), torch.zeros(1, 8, 64, 64)
    assert winograd.pays(large) and not any(map(winograd.pays, (small, large.bfloat16(), large.double())))
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert not winograd.pays(large)


class Directions(torch.nn.Module):
    """A generator and a critic, as deep as makes a gradient go astray where a layer is wrong."""

    def __init__(self):
        super().__init__()
        self.g = init_gan(Pair(Encoder(3, 8, 2, 3), Decoder(3, 8, 2)))
        self.d = init_gan(PatchCritic(3, 8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fake = self.g(Sample(x))
        return (self.d(fake)[0] - 1).square().mean() + 10 * F.l1_loss(self.g(fake).x, x)


def loss_and_gradient(net, x: torch.Tensor, layout, precision="fp32") -> tuple[float, torch.Tensor]:
    net = net.to(memory_format=layout)
    net.zero_grad()
    with runtime.autocast(CPU, precision):
        loss = net(x)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in net.parameters()])


class StockNorm(InstanceNorm):
    def forward(self, x):
        return F.group_norm(x.contiguous(), self.channels)


@every_layout
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("large", [winograd.LARGE, 0], ids=["direct", "winograd"])
def test_step_in_float32_and_bf16_against_float64(large, batch, layout, monkeypatch):
    """Gates: loss within 1e-5 and gradient within 2e-3 in float32; in bf16 the gradient points as well as stock autocast's."""
    monkeypatch.setattr(winograd, "LARGE", large)
    net, x = Directions(), torch.rand(batch, 3, 32, 32) * 2 - 1
    exact = Directions().double()
    exact.load_state_dict(net.state_dict())
    with monkeypatch.context() as patched:
        patched.setattr(torch.Tensor, "float", lambda t: t)  # decoders and critics return float32
        true, slope = loss_and_gradient(exact, x.double(), torch.contiguous_format)
    loss, gradient = loss_and_gradient(net, x, layout)
    assert abs(loss - true) <= 1e-5 * true and distance(gradient, slope) <= 2e-3
    _, ours = loss_and_gradient(net, x, layout, "bf16")
    monkeypatch.setattr(InstanceNorm, "forward", StockNorm.forward)
    _, stock = loss_and_gradient(net, x, torch.contiguous_format, "bf16")
    ours, stock = (F.cosine_similarity(g.double(), slope, 0).item() for g in (ours, stock))
    assert ours > 0.9 and ours >= stock - 0.01, (ours, stock)


def test_convolutions_are_channels_last_in_a_trainer():
    trainer = Trainer(recipe_of(CycleGAN, "images"), CPU)
    weights = [p for p in trainer.system.parameters() if p.ndim == 4 and min(p.shape[1:]) > 1]
    assert len(weights) > 10 and all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    batch = batch_of(trainer_recipe := recipe_of(CycleGAN, "images"))
    for update in trainer.system.updates:
        trainer.update(update, batch)
    moments = [state["exp_avg"] for o in trainer.optimisers.values() for state in o.state.values()]
    assert trainer_recipe and all(
        m.stride() == p.stride()
        for o in trainer.optimisers.values()
        for p, m in ((p, s["exp_avg"]) for p, s in o.state.items())
    )
    assert moments


def test_moments_of_another_layout_are_laid_out_anew():
    """A checkpoint from before: fused Adam would read them in memory's order, without an error."""
    recipe = recipe_of(CycleGAN, "images", pool=0)
    whole, resumed = Trainer(recipe, CPU), Trainer(recipe, CPU)
    whole.train_step(iter([batch_of(recipe)]))
    shared = copy.deepcopy(whole.shared_state())
    for state in shared["optimisers"].values():
        for moments in state["state"].values():
            moments |= {key: t.clone(memory_format=torch.contiguous_format) for key, t in moments.items()}
    resumed.load(shared, whole.own_state())
    for trainer in (whole, resumed):
        trainer.train_step(iter([batch_of(recipe, 2)]))
    ends = [torch.cat([p.flatten() for p in t.system.parameters()]) for t in (whole, resumed)]
    assert torch.equal(*ends)


def test_what_is_yielded_has_the_gradients_of_what_is_returned():
    from translate.system import merged

    recipe = recipe_of(CycleGAN, "images", pool=0)
    found = []
    for whole in (False, True):
        trainer = Trainer(recipe, CPU)
        if whole:
            loss = trainer.system.loss_g
            trainer.system.loss_g = lambda loss=loss, **batch: merged(loss(**batch))
        trainer.lr["g"], step = 0.0, trainer.optimisers["g"].step
        gradients = []
        trainer.optimisers["g"].step = lambda t=trainer, g=gradients, step=step: (
            g.extend(p.grad.clone() for p in t.system.parameters_of("g")), step()
        )  # fmt: skip
        trainer.update(trainer.system.updates[0], batch_of(recipe))
        found.append((torch.cat([g.flatten() for g in gradients]).double(), trainer.means()))
    (parts, terms), (together, same) = found
    assert distance(parts, together) < 1e-5 and terms.keys() == same.keys()
    assert [terms[k] for k in terms] == pytest.approx([same[k] for k in terms], rel=1e-6)
