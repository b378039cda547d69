"""Augmentation beyond crops and mirrors: any pipeline of albumentations that a file holds."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from einops import rearrange

from translate.errors import UserError, reason
from translate.sample import Sample


def pipeline(path: str) -> Callable[[Sample, np.random.Generator], Sample]:
    """What albumentations.save wrote to a .json or .yaml; a picture [C,H,W] uint8 -> another, drawn from the given random numbers."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version otherwise
    try:
        import albumentations
    except ImportError as error:
        raise UserError(
            "--augment needs albumentations, which is not installed: pip install 'unpaired[augment]'"
        ) from error
    try:
        transform = albumentations.load(path, data_format="yaml" if path.endswith((".yaml", ".yml")) else "json")
    except Exception as error:  # of a file that is none of its own it raises what it stumbles over
        raise UserError(
            f"--augment {path} is no pipeline of albumentations ({reason(error)}): write one with albumentations.save"
        ) from error

    def augment(s: Sample, rng: np.random.Generator) -> Sample:
        transform.set_random_seed(int(rng.integers(2**32)))
        array = rearrange(s.x, "c h w -> h w c").numpy()
        changed = transform(image=array)["image"]
        if changed.dtype != np.uint8 or changed.ndim != 3 or changed.shape[-1] != array.shape[-1]:
            raise UserError(
                f"--augment {path} turns uint8{list(array.shape)} into {changed.dtype}{list(changed.shape)}: leave out what changes the type or "
                "the channels, such as Normalize and ToTensorV2"
            )
        return Sample(s.x.new_tensor(rearrange(changed, "h w c -> c h w")))

    return augment
