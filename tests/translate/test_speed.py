"""What the fast path must not change: losses, gradients, layouts, bits after a resume. That no step waits: test_device."""

import copy
from statistics import mean

import pytest
import torch
import torch.nn.functional as F

from tests.cases import CPU, batch_of, recipe_of
from translate import runtime
from translate.loop import Trainer
from translate.modules.cycle import Pair
from translate.nets import winograd
from translate.nets.layers import InstanceNorm, Reflected, behind, init_gan
from translate.nets.patch import PatchCritic
from translate.nets.resnet import Decoder, Encoder
from translate.sample import Sample
from translate.systems.cyclegan import CycleGAN

LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
AMX = torch.cpu._is_amx_tile_supported()
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def distance(found: torch.Tensor, exact: torch.Tensor) -> float:
    return ((found.double() - exact).norm() / exact.norm()).item()


@every_layout
@pytest.mark.parametrize("gradient_layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("channels", [6, 16], ids=["torch", "native"])
@pytest.mark.parametrize("slope, pad", [(1.0, 0), (0.0, 1), (0.2, 3)])
@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)], ids=["fp32", "bf16"])
def test_instance_norm_and_its_gradient(batch, channels, slope, pad, layout, gradient_layout, dtype, near):
    """And what follows it. F.instance_norm's gradient is wrong by 140 % for one of these (torch 2.11, CPU)."""
    x = (3 * torch.randn(batch, channels, 12, 10) + 2).to(dtype).contiguous(memory_format=layout).requires_grad_()
    skip = torch.randn(batch, channels, 12 + 2 * pad, 10 + 2 * pad).to(dtype).requires_grad_()
    g = torch.randn(skip.shape).to(dtype).contiguous(memory_format=gradient_layout)
    exact, added = (t.detach().double().contiguous().requires_grad_() for t in (x, skip))
    y = InstanceNorm(channels, slope, pad)(x, skip)
    true = F.pad(F.leaky_relu(F.group_norm(exact, channels), slope), (pad,) * 4, mode="reflect") + added
    assert y.dtype == dtype and (pad or y.is_contiguous(memory_format=layout))
    y.backward(g)
    true.backward(g.double())
    assert distance(y, true) < near and torch.equal(skip.grad, g)
    assert distance(x.grad, exact.grad) < (
        near if slope else 3 * near
    )  # a value next to zero may fall on its other side


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_a_norm_shows_what_is_not_finite_and_bears_what_is_constant(dtype):
    x = torch.randn(2, 16, 5, 6).to(dtype).contiguous(memory_format=torch.channels_last)
    x[0, 3] = 7.0
    x[1, 5, 2, 2], x[1, 6, 2, 2] = float("nan"), float("inf")
    y = InstanceNorm(16)(x)
    assert not y[0, 3].any() and y[1, 5].isnan().all() and not y[1, 6].isfinite().any()
    kept = [c for c in range(16) if c not in (5, 6)]
    assert y[0].isfinite().all() and y[1, kept].isfinite().all()


def test_a_mean_far_from_zero_costs_no_digits():
    x = torch.randn(1, 16, 64, 64).contiguous(memory_format=torch.channels_last) + 1e4
    assert distance(InstanceNorm(16)(x), F.group_norm(x.double(), 16)) < 1e-3  # the mean itself is a float32


@every_layout
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["torch", "native"])
def test_instance_norm_is_differentiable_twice(layout, dtype):
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64).contiguous(memory_format=layout)
    if dtype == torch.float64:
        assert torch.autograd.gradgradcheck(InstanceNorm(16, 0.2, 1), x.requires_grad_())
    found = []
    for kind in (torch.float64, dtype):
        given = x.detach().to(kind).requires_grad_()
        (slope,) = torch.autograd.grad(InstanceNorm(16, 0.2, 1)(given).square().sum(), given, create_graph=True)
        found += torch.autograd.grad(slope.sin().sum(), given)
    assert distance(found[1], found[0]) < 1e-4


@every_layout
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kernel", [3, 7])
def test_padding_by_reflection(kernel, precision, layout):
    """The same as nn.Conv2d's own, but that bf16 gradients are added up in bf16 where pixels are reflected;
    and under autocast no picture is kept in float32 for the way back."""
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
@pytest.mark.parametrize("dtype, near", [(torch.float32, 5e-6), (torch.bfloat16, 3e-3)], ids=["fp32", "bf16"])
@pytest.mark.parametrize(
    "shape", [(2, 32, 14, 18), (1, 16, 9, 11), (1, 16, 10, 11)], ids=["tiles", "ragged", "one side"]
)
def test_winograd_is_the_convolution(shape, dtype, near, layout):
    """F(4x4, 3x3) and both its gradients, to the rounding of what goes in and out; twice differentiable."""
    x = torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    w = torch.randn(48, shape[1], 3, 3).contiguous(memory_format=layout).requires_grad_()
    exact = [t.detach().double().requires_grad_() for t in (x, w)]
    y, true = winograd.winograd(x, w), F.conv2d(*exact)
    g = torch.randn(y.shape).to(dtype)
    found, slopes = (
        torch.autograd.grad(y, (x, w), g, retain_graph=True),
        torch.autograd.grad(true, exact, g.double(), create_graph=True),
    )
    assert y.shape == true.shape and y.dtype == dtype
    assert max(map(distance, (y, *found), (true, *slopes))) < near
    alone = winograd.winograd(x, w.detach()), winograd.winograd(x.detach(), w)  # the other one is frozen
    assert all(torch.equal(torch.autograd.grad(y, of, g)[0], slope) for y, of, slope in zip(alone, (x, w), found))
    again = [
        torch.autograd.grad(sum(t.double().square().sum() for t in of), given)
        for of, given in ((torch.autograd.grad(y, (x, w), g, create_graph=True), (x, w)), (slopes, exact))
    ]
    assert max(map(distance, *again)) < 4 * near


def test_winograd_multiplies_in_float32_whatever_is_asked_for():
    """Under autocast, forward and backward."""
    x, w = torch.randn(1, 16, 10, 10).contiguous(memory_format=torch.channels_last), torch.randn(16, 16, 3, 3)
    x.requires_grad_()
    with runtime.autocast(CPU, "bf16"):
        y = winograd.winograd(x, w)
        (slope,) = torch.autograd.grad(y.sum(), x)
    assert distance(y, F.conv2d(x.double(), w.double())) < 5e-6
    assert distance(slope, F.conv_transpose2d(torch.ones_like(y).double(), w.double())) < 5e-6


def test_winograd_is_for_large_maps_where_it_is_quicker(monkeypatch):
    def pays(channels, side, dtype=torch.float32, out=None):
        x = torch.zeros(1, channels, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
        return winograd.pays(x, torch.zeros(out or channels, channels, 3, 3))

    assert pays(64, 18) and pays(256, 66, torch.bfloat16) == (not AMX)
    assert not any((pays(64, 16), pays(32, 66), pays(72, 66), pays(64, 66, out=3), pays(64, 66, torch.double)))
    assert pays(64, 500) and not pays(64, 514)
    assert not pays(128, 66, torch.bfloat16) and not pays(256, 34, torch.bfloat16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert pays(64, 34) and not pays(256, 66, torch.bfloat16)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert not pays(64, 34)


class Directions(torch.nn.Module):
    """A generator and a critic, as deep as makes a gradient go astray where a layer is wrong."""

    def __init__(self):
        super().__init__()
        self.g = init_gan(Pair(Encoder(3, 16, 2, 3), Decoder(3, 16, 2)))
        self.d = init_gan(PatchCritic(3, 16, 2))

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
    def forward(self, x, skip=None):
        return behind(F.group_norm(x.contiguous(), self.channels), self.slope, self.pad, skip)


@every_layout
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("large", [(99, 0), (0, 0)], ids=["direct", "winograd"])
def test_step_in_float32_and_bf16_against_float64(large, batch, layout, monkeypatch):
    """Gates: loss within 1e-5 and gradient within 2e-3 in float32; in bf16 the gradient points as well as stock autocast's. Of
    several draws: where a value lies next to a kink of L1 or ReLU, it may fall on its other side, whatever the arithmetic."""
    monkeypatch.setattr(winograd, "LARGE", dict.fromkeys(winograd.LARGE, large))
    losses, gradients, cosines = [], [], []
    for _ in range(6):
        net, x = Directions(), torch.rand(batch, 3, 32, 32) * 2 - 1
        exact = Directions().double()
        exact.load_state_dict(net.state_dict())
        with monkeypatch.context() as patched:
            patched.setattr(torch.Tensor, "float", lambda t: t)  # decoders and critics return float32
            true, slope = loss_and_gradient(exact, x.double(), torch.contiguous_format)
        loss, gradient = loss_and_gradient(net, x, layout)
        losses.append(abs(loss - true) / true)
        gradients.append(distance(gradient, slope))
        _, ours = loss_and_gradient(net, x, layout, "bf16")
        with monkeypatch.context() as patched:
            patched.setattr(InstanceNorm, "forward", StockNorm.forward)
            patched.setattr(winograd, "LARGE", dict.fromkeys(winograd.LARGE, (99, 0)))
            _, stock = loss_and_gradient(net, x, torch.contiguous_format, "bf16")
        cosines.append([F.cosine_similarity(g.double(), slope, 0).item() for g in (ours, stock)])
    ours, stock = map(mean, zip(*cosines))
    assert max(losses) <= 1e-5 and min(gradients) <= 2e-3
    assert ours > 0.9 and ours >= stock - 0.01, cosines


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
