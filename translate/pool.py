"""Replay of earlier fakes (Shrivastava 2017, arXiv:1612.07828; CycleGAN section 4: 50 images)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from . import runtime
from .domain import Domain
from .sample import Sample


class Pool(nn.Module):
    """Fakes on their way from `loss_g` to `loss_d`.

    `put` queues the fakes of a (micro-)batch, `get` hands out as many, each replaced by an older one with probability 1/2
    once `size` old ones are there. A pool of size 0 hands out the last ones. Everything lives in buffers, so a checkpoint
    holds it, on the device, and no call waits for the host.

    batch: rows of one step over all processes and micro-batches. labelled: fakes keep their labels.
    """

    def __init__(self, domain: Domain, size: int, batch: int, labelled: bool = False):
        super().__init__()
        self.domain, self.batch = domain, batch // runtime.world_size()
        self.size = -(-size // self.batch) * self.batch  # whole batches, so that one `get` never half fills it
        self.ready = False
        for name, n in (("new", self.batch), ("old", self.size)):
            for key, t in vars(domain.blank(n)).items():
                self.register_buffer(
                    f"{name}_{key}", torch.zeros(n, dtype=torch.long) if labelled and key == "label" else t
                )
        self.register_buffer("placed", torch.zeros((), dtype=torch.long))  # rows put so far, modulo batch
        self.register_buffer("taken", torch.zeros((), dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))  # rows of `old` in use

    def _rows(self, name: str) -> Sample:
        return Sample(*(getattr(self, f"{name}_{k}") for k in ("x", "mask", "label", "logits")))

    def _walk(self, position: Tensor, n: int) -> Tensor:
        rows = (position + torch.arange(n, device=position.device)) % self.batch
        position.copy_((position + n) % self.batch)
        return rows

    @torch.no_grad()
    def put(self, fake: Sample) -> None:
        self.ready = True
        hard = replace(self.domain.harden(fake.detach()), label=fake.label)
        _write(self._rows("new"), self._walk(self.placed, len(fake)), hard)

    @torch.no_grad()
    def get(self, n: int) -> Sample:
        if not self.ready:
            raise RuntimeError("the pool is empty: the generator's update has to come before the critic's")
        fake = self._rows("new")[self._walk(self.taken, n)]
        if not self.size:
            return fake
        filling = self.filled < self.size
        slots = torch.where(
            filling,
            (self.filled + torch.arange(n, device=self.filled.device)) % self.size,
            torch.randperm(self.size, device=self.filled.device)[:n],
        )
        swap = torch.rand(n, device=slots.device) < 0.5
        older = self._rows("old")[slots]
        _write(self._rows("old"), slots, _where(filling | swap, fake, older))
        self.filled.copy_((self.filled + n).clamp(max=self.size))
        return _where(~filling & swap, older, fake)

    def get_extra_state(self) -> dict:
        return {"ready": self.ready}

    def set_extra_state(self, state: dict) -> None:
        self.ready = state["ready"]


def _write(rows: Sample, index: Tensor, value: Sample) -> None:
    for into, t in zip(rows, value):
        if into is not None:
            into.index_copy_(0, index, t.to(into.dtype))


def _where(choose: Tensor, yes: Sample, no: Sample) -> Sample:
    return Sample(
        *(None if y is None else torch.where(choose.view(-1, *[1] * (y.ndim - 1)), y, n) for y, n in zip(yes, no))
    )
