"""Pictures: the adapter between files and [B,C,H,W] tensors in [-1, 1]."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image
from torch import Tensor, nn

from translate.errors import UserError
from translate.nets.layers import init_gan
from translate.nets.patch import PatchCritic
from translate.nets.projected import ProjectedCritic
from translate.nets.resnet import Decoder, Encoder
from translate.nets.styled import StyledDecoder
from translate.sample import Sample

from . import imagefile
from .imagefile import ImageOrigin
from .pretrained import vgg19
from .sources import Item, Picture

VGG_LAYERS, VGG_CHANNELS = ("2_2", "3_1", "4_1"), (128, 256, 512)  # a stroke is coarser than what earlier layers see
VGG_SCALES = (300.0, 310.0, 1080.0)  # root mean squares over the built-in photographs and paintings


@dataclass
class Images:
    """Pictures of one collection.

    size: side of the square training crop, pixels. scale: short side that a picture has before it is cropped; 0: its own.
    channels: 1 or 3, what networks see. colour: whether the collection itself is coloured.
    flip: mirrored pictures are as good as the originals (photographs: yes, letters: no).
    """

    size: int = 256
    scale: int = 286
    channels: int = 3
    colour: bool = True
    flip: bool = True
    suffixes = imagefile.SUFFIXES

    @property
    def kind(self) -> str:
        return f"images of {self.channels} channels, {self.size} px"

    def spec(self) -> dict:
        return {"domain": "images", **asdict(self)}

    # files and samples

    def load(self, path: Path) -> tuple[Sample, ImageOrigin]:
        array, origin = imagefile.read(path)  # [H,W,C] in [0, 1]
        x = rearrange(torch.from_numpy(self._as_channels(array)), "h w c -> 1 c h w")
        # pictures keep their channels, except out of a grey collection: there the target's kind decides
        return Sample(x * 2 - 1), origin if self.colour else replace(origin, channels=0)

    def save(self, s: Sample, origin: ImageOrigin, stem: Path) -> Path:
        array = rearrange(s.x[0].float().clamp(-1, 1).cpu(), "c h w -> h w c").numpy() * 0.5 + 0.5
        return imagefile.write(array, replace(origin, channels=origin.channels or (3 if self.colour else 1)), stem)

    def decode(self, item: Item) -> Sample:
        array = item.array if isinstance(item, Picture) else imagefile.read8(item)
        h, w = array.shape[:2]
        if min(h, w) != self.scale:
            ratio = self.scale / min(h, w)
            to = max(round(w * ratio), self.scale), max(round(h * ratio), self.scale)
            array = cv2.resize(array, to, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC)
        return self.from_array(array)

    def _as_channels(self, array: np.ndarray) -> np.ndarray:
        if array.shape[-1] == self.channels:
            return array
        return cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)[..., None] if self.channels == 1 else np.repeat(array, 3, -1)

    def from_array(self, array: np.ndarray) -> Sample:
        """[H,W,C] or [H,W] uint8 -> [C,H,W] uint8."""
        array = self._as_channels(array if array.ndim == 3 else array[..., None])
        return Sample(torch.from_numpy(np.ascontiguousarray(rearrange(array, "h w c -> c h w"))))

    def take(self, picture: Image.Image | np.ndarray) -> tuple[Sample, type]:
        """A PIL image, or an array [H,W,3] or [H,W] of uint8, as `load` does a file; `give` turns a result into the same type."""
        array = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,)):
            raise UserError(
                f"a picture is a PIL image or a uint8 array [H,W,3] or [H,W], not {array.dtype}{list(array.shape)}"
            )
        return self.normalise(self.collate([self.from_array(array)])), type(picture)

    def give(self, s: Sample, origin: type) -> Image.Image | np.ndarray:
        array = self.to_array(s)
        return array if origin is np.ndarray else Image.fromarray(array.squeeze())

    def to_array(self, s: Sample) -> np.ndarray:
        """The first row, [-1, 1] -> [H,W,C] uint8."""
        x = self.denormalise(s).x[0].clamp(0, 255).round().byte()
        return rearrange(x.cpu(), "c h w -> h w c").numpy()

    def split(self, s: Sample) -> tuple[Sample, Sample]:
        """(three quarters to train on, the last quarter of the longer side to validate on)"""
        axis = 2 if s.x.shape[2] >= s.x.shape[1] else 1
        length = s.x.shape[axis]
        return Sample(s.x.narrow(axis, 0, length * 3 // 4)), Sample(
            s.x.narrow(axis, length * 3 // 4, length - length * 3 // 4)
        )

    def crop(self, s: Sample, rng) -> Sample:
        """[C,H,W] uint8 -> [C,size,size] uint8: a random crop, mirrored half of the time; rng None: the centre.

        Slices, not an augmentation library's pipeline, which takes ten times as long as the rest of the way from the cache to the step.
        """
        x = s.x if min(s.x.shape[1:]) >= self.size else self._enlarged(s.x)
        spare = [side - self.size for side in x.shape[1:]]
        top, left = (n // 2 for n in spare) if rng is None else (int(rng.integers(n + 1)) for n in spare)
        x = x[:, top : top + self.size, left : left + self.size]
        return Sample(x.flip(2) if rng is not None and self.flip and rng.random() < 0.5 else x)

    def _enlarged(self, x: Tensor) -> Tensor:
        """[C,H,W] uint8, its shorter side size pixels."""
        array = rearrange(x, "c h w -> h w c").numpy()
        h, w = array.shape[:2]
        ratio = self.size / min(h, w)
        to = max(round(w * ratio), self.size), max(round(h * ratio), self.size)
        return self.from_array(cv2.resize(array, to, interpolation=cv2.INTER_CUBIC)).x

    def views(self, s: Sample) -> list[Sample]:
        """The whole picture, and of cropped collections its four corners too: a handful of pictures then still gives a score.

        Sides are cut to multiples of 4, which every network takes.
        """
        h, w = s.x.shape[-2:]
        boxes = [(0, 0, h, w)]
        if self.scale > self.size:
            ch, cw = max(h * 3 // 4, 4), max(w * 3 // 4, 4)
            boxes += [(top, left, ch, cw) for top in (0, h - ch) for left in (0, w - cw)]
        return [Sample(s.x[..., t : t + ch - ch % 4, l : l + cw - cw % 4]) for t, l, ch, cw in boxes]

    def collate(self, items: list[Sample]) -> Sample:
        return Sample(torch.stack([s.x for s in items]) if len(items) > 1 else items[0].x[None])  # one is not copied

    def normalise(self, s: Sample) -> Sample:
        return Sample((s.x / 127.5).sub_(1), label=s.label)  # [0, 255] -> [-1, 1]; uint8 is divided in float32

    def denormalise(self, s: Sample) -> Sample:
        return Sample(s.x.float() * 127.5 + 127.5, label=s.label)  # [-1, 1] -> [0, 255]

    def blank(self, n: int) -> Sample:
        return Sample(torch.zeros(n, self.channels, self.size, self.size))

    def whole(self, net: nn.Module, s: Sample, tile: int = 0, overlap: int = 32) -> Sample:
        """A picture of any size through a network.

        Networks know pictures at the scale of training: a larger one is translated at that scale, a smaller one at the crop's,
        and the translation is scaled back.
        tile > 0: in tiles of that side, blended over `overlap` pixels; 0: only where memory is short.
        """
        h, w = s.x.shape[-2:]
        small, large = sorted((h, w))
        ratio = self.scale / small if small > self.scale else max(min(self.size / small, 4 * self.size / large), 1)
        if ratio == 1 or not self.scale:
            return Sample(self._through(net, s.x, tile, overlap), label=s.label)
        to = [max(round(side * ratio), 1) for side in (h, w)]
        x = F.interpolate(s.x, to, mode="bicubic", antialias=True)
        x = F.interpolate(self._through(net, x, tile, overlap), (h, w), mode="bicubic", antialias=True)
        return Sample(x.clamp(-1, 1), label=s.label)

    def _through(self, net: nn.Module, x: Tensor, tile: int, overlap: int) -> Tensor:
        """At the picture's own size, padded to sides that the network takes, which its `multiple` says."""
        h, w = x.shape[-2:]
        tile = tile or _tile_for(x)
        if tile and max(h, w) > tile:
            return self._tiled(net, x, tile, overlap)
        try:
            return net(Sample(_pad(x, net.multiple))).x[..., :h, :w]
        except torch.OutOfMemoryError:
            if max(h, w) <= 512:
                raise
        torch.cuda.empty_cache()
        return self._tiled(net, x, 512, overlap)

    def _tiled(self, net: nn.Module, x: Tensor, tile: int, overlap: int) -> Tensor:
        total, weight = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        for top in _starts(x.shape[-2], tile, overlap):
            for left in _starts(x.shape[-1], tile, overlap):
                part = x[..., top : top + tile, left : left + tile]
                ramp = _ramp(part.shape[-2], overlap)[:, None] * _ramp(part.shape[-1], overlap)
                ramp = ramp.to(part.device)
                total[..., top : top + tile, left : left + tile] += self._through(net, part, tile, overlap) * ramp
                weight[..., top : top + tile, left : left + tile] += ramp
        return total / weight

    def preview(self, rows: dict[str, Sample], stem: Path) -> list[Path]:
        """A grid: one column a stage (input, translation, cycle), one line an item."""
        columns = [rearrange(s.x.clamp(0, 255), "b c h w -> b h w c").round().byte().numpy() for s in rows.values()]
        side = max(self.size, 96)
        gap, head = 4, 22
        n = len(columns[0])
        sheet = np.full((head + n * (side + gap), len(columns) * (side + gap) - gap, 3), 255, np.uint8)
        for j, (name, column) in enumerate(zip(rows, columns)):
            left = j * (side + gap)
            cv2.putText(
                sheet,
                name.replace("→", ">"),
                (left + 2, 15),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.45,
                (60, 60, 60),
                1,
                cv2.LINE_AA,
            )
            for i, picture in enumerate(column):
                picture = np.repeat(picture, 3, -1) if picture.shape[-1] == 1 else picture
                picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
                top = head + i * (side + gap)
                sheet[top : top + side, left : left + side] = picture
        path = stem.with_suffix(".png")
        cv2.imwrite(str(path), sheet[..., ::-1])
        return [path]

    # what a method needs

    def relax(self, s: Sample) -> Sample:
        return s

    def harden(self, s: Sample) -> Sample:
        return s

    def distance(self, pred: Sample, target: Sample) -> Tensor:
        """L1, mean over pixels in [-1, 1]."""
        return F.l1_loss(pred.x.float(), target.x)

    def encoder(self, **kw) -> nn.Module:
        return init_gan(Encoder(self.channels, **kw))

    def decoder(self, styles: int = 0, **kw) -> nn.Module:
        """styles: how many a code's label may name, or how long its vector is; 0: labels are not looked at."""
        return StyledDecoder(self.channels, styles=styles, **kw) if styles else init_gan(Decoder(self.channels, **kw))

    def critic(self, vgg: bool = False, classes: int = 1, **kw) -> nn.Module:
        """vgg: on VGG-19's features, which suits small collections of photographs and small budgets."""
        if vgg:
            return ProjectedCritic(vgg19(VGG_LAYERS), VGG_CHANNELS, VGG_SCALES, classes=classes)
        return init_gan(PatchCritic(self.channels, classes=classes, **kw))


def survey(items: list[Item]) -> tuple[int, bool, bool]:
    """(median short side, is any picture coloured, have all the same size), from headers."""
    shorts, colour = Counter(), False
    for item in items:
        if isinstance(item, Picture):
            shape, channels = item.array.shape[:2], 1 if item.array.ndim == 2 else item.array.shape[-1]
        else:
            try:
                origin = imagefile.probe(item)
            except imagefile.BadImage:
                continue  # named when the folder is scanned
            shape, channels = origin.size, origin.channels
        shorts[min(shape)] += 1
        colour |= channels == 3
    if not shorts:
        return 256, True, False
    return int(np.median(list(shorts.elements()))), colour, len(shorts) == 1


def _pad(x: Tensor, multiple: int) -> Tensor:
    """By reflection at the lower right, so that a network's sampling comes out even; repeated where reflection cannot reach."""
    h, w = x.shape[-2:]
    down, right = (
        max(-h % multiple, 8 - h),
        max(-w % multiple, 8 - w),
    )  # below 8 the ResNet's own padding cannot reflect
    return F.pad(x, (0, right, 0, down), mode="reflect" if down < h and right < w else "replicate")


def _tile_for(x: Tensor) -> int:
    """0 (whole), or a tile's side where the network's activations, about 1.5 kB a pixel, would not fit in what is free."""
    if x.device.type == "cuda":
        kept = torch.cuda.memory_reserved(x.device) - torch.cuda.memory_allocated(x.device)  # by torch, for what comes
        free = torch.cuda.mem_get_info(x.device)[0] + kept
    else:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4 * 2**30
    return 0 if x.shape[0] * x.shape[-1] * x.shape[-2] * 1500 < 0.7 * free else 512


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    if length <= tile:
        return [0]
    step = tile - overlap
    return [*range(0, length - tile, step), length - tile]


def _ramp(length: int, overlap: int) -> Tensor:
    edge = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 1
    return (edge / overlap).clamp(max=1)
