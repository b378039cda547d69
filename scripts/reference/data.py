"""Pictures as the widely used implementation reads and writes them: every file decoded and resized anew in every epoch, by Pillow."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def load(path: Path, scale: int = 286, side: int = 256) -> Tensor:
    """[3,side,side] in [-1, 1]: resized to scale x scale, bicubic; cut out at random; mirrored half of the time."""
    picture = Image.open(path).convert("RGB").resize((scale, scale), Image.BICUBIC)
    left, top = (random.randint(0, scale - side) for _ in range(2))
    picture = picture.crop((left, top, left + side, top + side))
    if random.random() > 0.5:
        picture = picture.transpose(Image.FLIP_LEFT_RIGHT)
    x = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
    return x.sub(0.5).div(0.5)


def save(x: Tensor, path: Path) -> None:
    """[1,3,H,W] in [-1, 1] -> a file."""
    array = (x[0].cpu().float().numpy().transpose(1, 2, 0) + 1) / 2 * 255
    Image.fromarray(array.astype(np.uint8)).save(path)


@torch.no_grad()
def test(g_a, g_b, a: Path, b: Path, out: Path, device: torch.device, side: int = 256) -> None:
    """What its test command does with a pair: four translations, six PNGs, whatever the user wanted."""
    real = {key: load(path, side, side)[None].to(device) for key, path in (("A", a), ("B", b))}
    fake_b, fake_a = g_a(real["A"]), g_b(real["B"])
    shown = dict(real_A=real["A"], fake_B=fake_b, rec_A=g_b(fake_b), real_B=real["B"], fake_A=fake_a, rec_B=g_a(fake_a))
    for name, x in shown.items():
        save(x, out / f"{a.stem}_{name}.png")


@torch.no_grad()
def translate(g: torch.nn.Module, path: Path, out: Path, device: torch.device, side: int = 256) -> None:
    """One direction of it alone."""
    save(g(load(path, side, side)[None].to(device)), out / f"{path.stem}.png")
