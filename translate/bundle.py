"""The bundle: what a translator travels in. Weights as safetensors, `config.json`, a model card; all that `convert.py` needs.

The config names the recipe and its arguments and describes the domains, so that the networks are rebuilt without the data;
it holds no code.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors

from .checkpoint import write_file
from .errors import UserError, reason
from .recipe import Recipe
from .system import System

CARD = """# {title}

A translator between collections that nobody paired, made by `unpaired`.

- Method: {paper}
- Recipe `{recipe}`, step {step}: {args}
- Validation: {scores}

    python scripts/convert.py {folder} --to {to} INPUT OUTPUT
"""


def parts(system: System) -> dict[str, torch.Tensor]:
    """The state of the players that are exported, by their names in the system."""
    exported = {id(m) for player in system.ema for module in system.players()[player] for m in module.modules()}
    names = [name for name, module in system.named_modules() if id(module) in exported]
    own = [
        {*dict(module.named_parameters(recurse=False)), *dict(module.named_buffers(recurse=False))}
        for name, module in system.named_modules()
        if id(module) in exported
    ]
    keys = {f"{name}.{key}" for name, keys in zip(names, own) for key in keys}
    return {key: t for key, t in system.state_dict().items() if key in keys}


def export(folder: Path, system: System, recipe: Recipe, step: int, scores: dict[str, float]) -> None:
    config = {
        "format": 1,
        "recipe": recipe.name,
        "args": recipe.args,
        "domains": {key: source.domain.spec() | {"name": source.name} for key, source in recipe.data.items()},
        "title": recipe.title,
        "paper": recipe.paper,
        "step": step,
        "scores": scores,
    }
    save_bundle(folder, parts(system), config, card(config, folder.name))


def card(config: dict, folder: str) -> str:
    scores = ", ".join(f"{k} {v:.4f}" for k, v in config["scores"].items()) or "not selected by validation"
    return CARD.format(**config | {"scores": scores, "folder": folder, "to": [*config["domains"]][-1]})


def score(folder: Path) -> float:
    """The validation score of an earlier bundle, infinite where there is none."""
    try:
        return json.loads((folder / "config.json").read_text())["scores"]["score"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return math.inf


def save_bundle(folder: Path, tensors: dict[str, torch.Tensor], config: dict, card: str) -> None:
    """Weights as safetensors, `config.json` with their sha256, and a model card. Replaced whole, config last."""
    weights = dump_tensors({k: t.detach().contiguous().cpu() for k, t in tensors.items()})
    name = f"translator-{hashlib.sha256(weights).hexdigest()[:12]}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / name, weights)
        write_file(folder / "README.md", card.encode())
        config = config | {"weights": name, "sha256": hashlib.sha256(weights).hexdigest()}
        write_file(folder / "config.json", json.dumps(config, indent=1).encode())
    except OSError as error:
        raise UserError(
            f"{folder}: could not be written ({reason(error)}); make room, then repeat the command"
        ) from error
    for old in folder.glob("translator-*.safetensors"):
        if old.name != name:
            old.unlink()


def load_bundle(folder: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, config), checked against the sha256."""
    try:
        config = json.loads((folder / "config.json").read_text())
        content = (folder / Path(config["weights"]).name).read_bytes()
        if hashlib.sha256(content).hexdigest() != config["sha256"]:
            raise UserError(
                f"{folder / config['weights']} is damaged: its sha256 is not the one in config.json; copy it again"
            )
        return load_tensors(content), config
    except FileNotFoundError as error:
        raise UserError(f"{folder} is no bundle: {Path(error.filename).name} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise UserError(f"{folder} is no readable bundle: {reason(error)}") from error
