"""Every method between collections under one command: `scripts/train.py METHOD --a ... --b ...`, or `--domains X Y Z`."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable

# method -> (the module with the recipe of that name, what --help says of it)
METHODS = {
    "cyclegan": ("recipes.cyclegan", "back again to where it came from (Zhu 2017)"),
    "cut": ("recipes.methods", "of pictures, one-sided: patches stay what they are (Park 2020)"),
    "stargan": ("recipes.stargan", "or --domains X Y Z: one generator, told which domain is wanted (Choi 2018)"),
    "combogan": ("recipes.methods", "or --domains X Y Z: an encoder and a decoder each (Anoosheh 2018)"),
    "unit": ("recipes.unit", "one latent space under both sides, shared layers, variational (Liu 2017)"),
    "cogan": ("recipes.cogan", "pairs drawn from one noise, shared layers; translates by inversion (Liu 2016)"),
    "xgan": ("recipes.methods", "a translation's code is its source's, shared layers (Royer 2017)"),
    "munit": ("recipes.methods", "many translations of one input: content is kept, style is drawn (Huang 2018)"),
    "aligned": ("recipes.methods", "auto-encoders whose codes a critic cannot tell apart (after Shen 2017)"),
    "crossaligned": ("recipes.methods", "of sentences: their decoders' states made alike (Shen 2017)"),
    "arae": ("recipes.methods", "codes that a generator draws out of noise, of both sides alike (Zhao 2018)"),
    "reversal": ("recipes.methods", "the same, the critic's gradient reversed (after Ganin 2016)"),
    "plain": ("recipes.methods", "two translators and two critics, no cycle: the baseline that may ignore its input"),
    "content": ("recipes.methods", "what a frozen encoder sees stays (after Johnson 2016)"),
    "ugatit": ("recipes.methods", "the cycle, attention by an auxiliary classifier, AdaLIN (Kim 2020)"),
    "inpaint": ("recipes.methods", "no translator, but a start for one: what is hidden is filled in (Torbunov 2022)"),
    "discogan": ("recipes.methods", "the cycle in squared error, logistic critics (Kim 2017)"),
    "dualgan": ("recipes.methods", "the cycle beside Wasserstein critics of clipped weights (Yi 2017)"),
}
USAGE = "usage: train.py METHOD --a A --b B ...   (train.py METHOD --help: its options)\n\n"


def recipe_of(method: str) -> Callable:
    return getattr(importlib.import_module(METHODS[method][0]), method)


def train(argv: list[str] | None = None) -> None:
    from recipes import launch

    name, *options = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in METHODS:
        return launch.main(recipe_of(name), options, (name,))
    if name in ("--help", "-h"):
        print(USAGE + "\n".join(f"  {method:12} {line}" for method, (_, line) in METHODS.items()))
        sys.exit(0)
    near = difflib.get_close_matches(name, METHODS, 3, 0.3) or sorted(METHODS)
    sys.stderr.write(f"error: {name}: no such method; the nearest names are {', '.join(near)}\n")
    sys.exit(2)
