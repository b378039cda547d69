"""The installed command: `unpaired cyclegan --a photos --b vangogh` is `python scripts/cyclegan.py --a photos --b vangogh`."""

from __future__ import annotations

import importlib
import sys

TRAINING = {
    "cyclegan": "Photographs to Van Goghs, or any two collections.",
    "unit": "The same through a code that both sides share.",
    "cogan": "Pairs drawn from one noise, and translation by inversion.",
    "stargan": "One generator between any number of collections.",
    "train": "CycleGAN's relatives by name, between any two collections.",
    "gan": "Pictures out of noise: GAN, DCGAN, WGAN-GP and two dozen more.",
    "sentences": "Sentences between two styles: old and modern English.",
    "sentiment": "Negative sentences to positive ones, and back.",
    "summarise": "Documents to short texts like the titles of others.",
    "seqgan": "Sentences out of nothing, taught by a critic's rewards.",
    "voice": "One speaker's sentences in another's voice.",
    "points": "What generators and critics do, seen on points of the plane.",
}
TOOLS = {
    "sample": "Draw from a trained generator.",
    "latent": "Strips between samples, and sums of samples.",
    "cipher": "Make a translation task with a known key.",
    "renderings": "Make digits in four renderings, whose translations are known.",
    "probe": "Classify by what a critic has learned without labels.",
    "equal": "Compare systems, learning rates and seeds under one budget.",
    "matrix": "Every method on every data set under one budget.",
    "convert": "Translate files with a trained run.",
    "evaluate": "Score a run, beside the baselines.",
    "runs": "List and compare runs.",
    "results": "Score runs into docs/results.md.",
    "export": "Write a translator as ONNX.",
    "get_weights": "Fetch the speaker encoder that judges voices.",
    "import_peer": "Import generators of the widely used CycleGAN implementation.",
}


def main() -> None:
    from recipes import launch

    name = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    if name not in TRAINING | TOOLS:
        listing = "\n".join(f"  {key:12} {what}" for key, what in (TRAINING | TOOLS).items())
        print(f"usage: unpaired COMMAND ...   (--help after any of them)\n\n{listing}")
        sys.exit(0 if name in ("", "__help", "_h") else 2)
    function = getattr(importlib.import_module(f"recipes.{name}"), name)
    if name == "train":
        return function(sys.argv[2:])
    (launch.main if name in TRAINING else launch.command)(function, sys.argv[2:])
