"""Generators trained by the widely used CycleGAN implementation: `latest_net_G_A.pth`, ResNet blocks, instance norm."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import nn

from domains.images import Images
from recipes.data import open_data
from translate import bundle
from translate.checkpoint import UNREADABLE
from translate.errors import UserError, reason
from translate.modules.cycle import Pair
from translate.recipe import Recipe, Run
from translate.system import System


class Generators(System):
    """Two finished directions, or one."""

    updates = ()

    def __init__(self, directions: dict[str, nn.Module]):
        super().__init__()
        self.directions = nn.ModuleDict(directions)

    def players(self):
        return {"g": list(self.directions.values())}

    def translator(self, to: str) -> nn.Module:
        if to not in self.directions:
            raise UserError(f"--to {to}: only the generator to {', '.join(self.directions)} was imported")
        return self.directions[to]


def peer(a, b, to: tuple[str, ...] = ("b",), width: int = 64, blocks: int = 9, antialias: bool = False) -> Recipe:
    _, data = open_data(a, b, None, True, 0)

    def system() -> Generators:
        sampling = dict(width=width, antialias=antialias)
        return Generators(
            {
                key: Pair(data["a"].domain.encoder(blocks=blocks, **sampling), data["b"].domain.decoder(**sampling))
                for key in to
            }
        )

    return Recipe(
        data,
        system,
        Run(0),
        name="peer",
        args=dict(to=list(to), width=width, blocks=blocks, antialias=antialias),
        title="Imported generators",
        paper="Zhu et al. 2017, arXiv:1703.10593",
    )


def convert_files(files: dict[str, Path], folder: Path, size: int = 256) -> None:
    """Writes a bundle from generator files. files: {"b": latest_net_G_A.pth, "a": latest_net_G_B.pth}, or one of them.

    Their weights are stored layer by layer in the order of the forward pass, as ours are. Biases ahead of a norm are dropped:
    the norm cancels them.
    """
    states = {to: _load(path) for to, path in files.items()}
    first = next(iter(states.values()))
    shape = dict(
        to=list(states), width=first["model.1.weight"].shape[0],
        blocks=len({k.split(".")[1] for k in first if "conv_block" in k}), antialias=any(k.endswith("filt") for k in first),
    )  # fmt: skip
    domain = Images(size=size, scale=0)  # as the other implementation: pictures go through at their own size
    recipe = peer(domain, domain, **shape)
    system = recipe.system()
    for to, state in states.items():
        theirs = [state[k] for k in state if k.endswith("weight")]
        ours = [m for m in system.directions[to].modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        try:
            for module, weight in zip(ours, theirs, strict=True):
                module.load_state_dict(
                    {"weight": weight}, strict=False
                )  # which compares shapes, where copy_ would broadcast
            ours[-1].bias.data.copy_(state[f"{list(state)[-1].rsplit('.', 1)[0]}.bias"])
        except (ValueError, RuntimeError, KeyError) as error:
            raise UserError(
                f"{files[to]}: its layers are not those of a ResNet generator with 2 samplings and instance norm"
            ) from error
    bundle.export(folder, system, recipe, 0, {})


def _load(path: Path) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as weights ({reason(error)}): give a latest_net_G_A.pth") from error
    named = state.items() if isinstance(state, dict) else ()
    state = {re.sub(r"^module\.", "", str(k)): t for k, t in named if isinstance(t, torch.Tensor)}
    if "model.1.weight" not in state or state["model.1.weight"].ndim != 4 or not any("conv_block" in k for k in state):
        raise UserError(
            f"{path} is not a ResNet generator's file: give a latest_net_G_A.pth of netG resnet_6blocks or resnet_9blocks"
        )
    if any("running_mean" in k for k in state):
        raise UserError(
            f"{path} was trained with batch norm: only instance norm, that implementation's default, can be imported"
        )
    return state
