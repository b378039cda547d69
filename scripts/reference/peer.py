"""A peer's checkout, timed as it ships: `python peer.py FOLDER SIDE DEVICE` takes a step for each line that it reads and answers with
its seconds (of the process's CPUs, or of the wall where there is a GPU). The widely used CycleGAN implementation's layout is known."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time


def main(folder: str, side: int, device: str) -> None:
    import torch

    os.chdir(folder)
    sys.path.insert(0, folder)
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        gpus = "0" if device.startswith("cuda") else "-1"
        sys.argv = ["train.py", "--dataroot", out, "--model", "cycle_gan", "--gpu_ids", gpus, "--checkpoints_dir", out]
        from models import create_model
        from options.train_options import TrainOptions

        options = TrainOptions().parse()
        options.device = torch.device(device)  # newer versions choose it in train.py
        model = create_model(options)
        model.setup(options)
        batch = {key: torch.rand(1, 3, side, side) * 2 - 1 for key in "AB"} | {"A_paths": ["a"], "B_paths": ["b"]}
        clock = time.perf_counter if device.startswith("cuda") else time.process_time
        for _ in sys.stdin:
            began = clock()
            model.set_input(batch)
            model.optimize_parameters()
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            print(clock() - began, file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
