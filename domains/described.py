"""Pictures in words: digits whose colour, style and class are said in a sentence, "a red three , inverted", and pictures with names."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from translate.errors import UserError

from .sources import Files, Picture
from .tokens import Tokens, train_tokenizer

COLOURS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (60, 90, 240), "yellow": (230, 210, 40)}
STYLES = ("", ", inverted")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def describe(files: Files, seed: int = 0) -> tuple[Files, list[str]]:
    """Grey digits coloured, half of them on a coloured ground, and the sentence of each training picture; of other pictures the names
    that an INDEX.csv beside their folder gives them."""
    if all(isinstance(item, Path) for item in files.train) and (names := index(files.train[0])):
        return files, [named(path, names) for path in files.train]
    if "train" not in files.labels or any(item.array.ndim != 2 for item in files.train):
        raise UserError(
            f"{files.name}: words are made for labelled grey digits, such as --data digits, and for pictures that a table INDEX.csv beside "
            "their folder names, columns file and name"
        )
    rng = np.random.default_rng(seed)
    items, sentences = [], []
    for item, label in zip(files.train, files.labels["train"]):
        colour, style = rng.integers(len(COLOURS)), rng.integers(len(STYLES))
        ink = (255 - item.array if style else item.array)[..., None] / 255
        items.append(Picture(item.name, (ink * list(COLOURS.values())[colour]).round().astype(np.uint8)))
        sentences.append(f"a {list(COLOURS)[colour]} {NUMBERS[label]} {STYLES[style]}".strip())
    return Files(files.name, items, labels=files.labels), sentences


def index(path: Path) -> dict[Path, str]:
    """INDEX.csv of the folder above a picture's: what it calls each file; empty where there is none."""
    table = path.parent.parent / "INDEX.csv"
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8", newline="") as file:
        return {
            table.parent / row["file"]: row["name"]
            for row in csv.DictReader(file)
            if row.get("file") and row.get("name")
        }


def named(path: Path, names: dict[Path, str]) -> str:
    """ "CLOSED UMBRELLA" -> "closed umbrella"; punctuation stands alone."""
    if path not in names:
        raise UserError(
            f"{path} has no name in {path.parent.parent / 'INDEX.csv'}: add a line with its file and name, or move it elsewhere"
        )
    return " ".join(re.findall(r"\w+|[^\w\s]", names[path].lower()))


def language(sentences: list[str]) -> Tokens:
    """The domain of such sentences: every word there is, the longest one's length."""
    return Tokens(train_tokenizer(sentences, pieces=False), max(len(s.split()) for s in sentences) + 1)


def seen(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of pictures [N,3,H,W] in [0, 1]: (colour [N], style [N], the digit in white on black [N,1,H,W]), as a rule sees them.

    Inverted: the border is bright. Colour: the nearest, by direction, to the mean of the ink.
    """
    light = x.amax(1, keepdim=True)
    border = torch.cat([light[..., 0, :], light[..., -1, :], light[..., :, 0], light[..., :, -1]], -1).mean((1, 2))
    style = (border > 0.5).long()
    palette = torch.tensor(list(COLOURS.values()), dtype=x.dtype)
    mean = x.mean((2, 3))
    colour = torch.nn.functional.cosine_similarity(mean[:, None], palette[None], dim=2).argmax(1)
    digit = (light / palette.amax(1)[colour].view(-1, 1, 1, 1) * 255).clamp(0, 1)
    return colour, style, torch.where(style.view(-1, 1, 1, 1).bool(), 1 - digit, digit)


def parts(sentence: str) -> tuple[int, int, int]:
    """(colour, style, digit) of a sentence that `describe` made."""
    _, colour, number, *style = sentence.split(" ", 3)
    return list(COLOURS).index(colour), STYLES.index(style[0] if style else ""), NUMBERS.index(number)
