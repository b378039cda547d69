"""Where a run runs: device, processes, precision, random states, signals."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from .errors import UserError


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def barrier() -> None:
    if dist.is_initialized():
        dist.barrier()


def say(line: str) -> None:
    """On stderr, once."""
    if rank() == 0:
        sys.stderr.write(f"{line}\n")


def start(device: str = "auto") -> torch.device:
    """The device of this process; joins the others where torchrun started it."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: this torch sees no CUDA device; leave --device out, or install a CUDA build")
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        torch.cuda.set_device(device)
    if "RANK" in os.environ and not dist.is_initialized():
        # gloo beside nccl: stop flags travel as CPU tensors, so that no step waits for the device
        backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
        store, own_rank, size = next(dist.rendezvous("env://"))
        # torchrun's store outlives its restarts, and in it the addresses of processes that are gone (seen in torch 2.11)
        attempt = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        dist.init_process_group(backend, store=attempt, rank=own_rank, world_size=size)
    return torch.device(device)


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def keep_memory() -> None:
    """Memory of tensors that are gone stays this process's. By itself glibc hands large blocks back to the system, which clears them page
    by page when they are asked for again, at every step; most slowly where other programs run too."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_states() -> dict:
    """torch's own states, CPU and device. Data order and augmentation are functions of (seed, step) and hold no state."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def has_fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def autocast(device: torch.device, precision: str):
    """precision: bf16, fp32, or auto: bf16 where the device gains by it. Penalties and losses see float32 all the same."""
    if precision == "auto":
        precision = "bf16" if has_fast_bf16(device) else "fp32"
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def place(module: nn.Module, device: torch.device) -> nn.Module:
    """On the device, the weights of convolutions channels-last: their bf16 products are twice as fast there with AMX, and a tenth
    faster without (docs/benchmarks); what such a convolution returns is channels-last too."""
    return module.to(device, memory_format=torch.channels_last)


def average_gradients(parameters: list[Tensor]) -> None:
    """One flat all-reduce. Raises where processes disagree about which parameters were used."""
    if world_size() == 1:
        return
    used = torch.tensor(
        [p.grad is not None for p in parameters], dtype=torch.long
    )  # the host's: no wait for the device
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    counts = used.clone()
    dist.all_reduce(counts)  # before the flat one, whose length would differ
    if not torch.equal(counts, used * world_size()):
        raise RuntimeError(
            "processes disagree about which parameters a loss used: its graph depends on the rank's data"
        )
    dist.all_reduce(flat)
    flat /= world_size()
    for p, g in zip(
        [p for p in parameters if p.grad is not None], flat.split([p.numel() for p in parameters if p.grad is not None])
    ):
        p.grad.copy_(g.view_as(p.grad))


class StopSignal:
    """SIGINT and SIGTERM ask for a stop at the next step boundary; a second one exits at once."""

    def __init__(self):
        self.received = 0

    def __enter__(self) -> StopSignal:
        self.before = {s: signal.signal(s, self._receive) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_) -> None:
        for s, handler in self.before.items():
            signal.signal(s, handler)

    def _receive(self, number: int, _frame) -> None:
        if self.received:
            sys.stderr.write("\nstopped at once: the last checkpoint holds\n")
            os._exit(128 + number)
        self.received = number

    def agreed(self) -> int:
        """The signal that any process received; the same answer on all of them."""
        if world_size() == 1:
            return self.received
        flag = torch.tensor(self.received)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return int(flag)


@contextmanager
def preserved_randomness():
    """What runs inside leaves training's random numbers as they were."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)
