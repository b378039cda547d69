"""A script of scripts/, run as it is but for a judge that costs nothing: python tests/quick.py SCRIPT ARGUMENTS ...

DIE=rank:step:mark in the environment: the process of that rank is killed at that step, unless the file `mark` is there.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

import torch

from recipes.kinds.images import Judge as ImageJudge
from translate import runtime
from translate.loop import Trainer


def cheap(_, system, data) -> dict[str, float]:
    """A score that falls and rises with the weights."""
    return {"score": float(sum(p.abs().mean() for p in system.translator("b").parameters()))}


def die(rank: str, step: str, mark: str) -> None:
    original = Trainer.train_step

    def train_step(self, feed):
        if (runtime.rank(), self.step) == (int(rank), int(step)) and not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, feed)

    Trainer.train_step = train_step


if __name__ == "__main__":
    torch.set_num_threads(1)
    ImageJudge.__call__, ImageJudge.load = cheap, lambda _: None
    if "DIE" in os.environ:
        die(*os.environ["DIE"].split(":"))
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
