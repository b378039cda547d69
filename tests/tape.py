"""A CUDA graph's manners without a GPU: operations are written down with the very tensors that they read and wrote, and carried out
again on these, random numbers drawn anew, while none of the Python between them runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """In the place of translate.graphs.Recorder. What is recorded is carried out at once, and not by the first replay."""

    def __init__(self):
        super().__init__()
        self.operations, self.replays = [], 0

    def watch(self, f: Callable[[], Any]) -> tuple[Any, bool]:
        return f(), False

    def record(self, f: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        self.operations = operations = []
        with self:
            out = f()
        turns = iter([True])
        return out, lambda: next(turns, False) or self.replay(operations)

    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        out = f(*args, **(kwargs or {}))
        self.operations.append((f, args, kwargs or {}, out))
        return out

    def replay(self, operations: list) -> None:
        self.replays += 1
        with torch._C._AutoDispatchBelowAutograd():
            for f, args, kwargs, out in operations:
                again = f(*args, **kwargs)
                if not any(r.alias_info for r in f._schema.returns):  # else it is a view, or was written in place
                    for into, t in zip(tree_leaves(out), tree_leaves(again)):
                        if isinstance(into, torch.Tensor):
                            into.copy_(t)
