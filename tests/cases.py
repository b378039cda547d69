"""Every system on every domain that it applies to, tiny: what the property tests go through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from domains.folder import Folder
from domains.images import Images
from domains.sources import Files, Picture
from tests.tokens import Sentences, Tokens
from translate.loop import Trainer
from translate.modules.cycle import Pair
from translate.recipe import Recipe, Run
from translate.system import System
from translate.systems.cyclegan import CycleGAN

CPU = torch.device("cpu")


def draw(h: int, w: int, seed: int) -> np.ndarray:
    """[h,w,3] uint8: coloured rectangles on a coloured ground."""
    rng = np.random.default_rng(seed)
    picture = np.full((h, w, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(4):
        top, left = rng.integers(0, h - 2), rng.integers(0, w - 2)
        picture[top : top + rng.integers(2, h), left : left + rng.integers(2, w)] = rng.integers(0, 256, 3)
    return picture


def paint(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


def picture_source(name: str) -> Folder:
    items = [Picture(f"{name}{i}", draw(18, 20, seed=50 * (name == "b") + i)) for i in range(5)]
    return Folder(Images(size=16, scale=16), Files(name, items))


def sentence_source(name: str) -> Sentences:
    return Sentences(Tokens(), name, seed=ord(name))


SOURCES = {"images": picture_source, "tokens": sentence_source}
ENCODER = {"images": dict(width=4, down=1, blocks=1), "tokens": {}}
DECODER = {"images": dict(width=4, down=1), "tokens": {}}
CRITIC = {"images": dict(width=4, layers=1, scales=2), "tokens": {}}


def cyclegan(kind: str, A, B, batch: int, pool: int) -> System:
    def direction(source, target):
        return Pair(source.encoder(**ENCODER[kind]), target.decoder(**DECODER[kind]))

    def critic(domain):
        return domain.critic(**CRITIC[kind])

    return CycleGAN(A, B, direction(A, B), direction(B, A), critic(A), critic(B), pool=pool, batch=batch)


SYSTEMS = {CycleGAN: cyclegan}
CASES = [(system, kind) for system in SYSTEMS for kind in SOURCES]
NAMES = [f"{system.__name__}-{kind}" for system, kind in CASES]


def recipe_of(system: type[System], kind: str, pool: int = 4, **run) -> Recipe:
    """run: what differs from a short run in float32."""
    numbers = Run(
        **dict(steps=4, batch=2, precision="fp32", log_every=1, sample_every=2, judge_every=2, save_every=2) | run
    )
    data = {side: SOURCES[kind](side) for side in "ab"}
    domains = [source.domain for source in data.values()]
    build = SYSTEMS[system]
    return Recipe(data, lambda: build(kind, *domains, numbers.batch, pool), numbers, name=system.__name__.lower())


def trainer_of(system: type[System], kind: str, **how) -> Trainer:
    return Trainer(recipe_of(system, kind, **how), CPU)


def longer(recipe: Recipe, **run) -> Recipe:
    return replace(recipe, run=replace(recipe.run, **run))


def batch_of(recipe: Recipe, first: int = 0) -> dict:
    """The step's batch of every side, as a loss sees it."""
    return {key: s.domain.normalise(s.rows(range(first, first + recipe.run.batch))) for key, s in recipe.data.items()}


class Hostile:
    """Unpickled, it makes a file: whoever finds the file knows that code from outside was run."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))
