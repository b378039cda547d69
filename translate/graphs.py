"""Updates as CUDA graphs: what the host would launch one by one, hundreds of operations a step, the device is given at once.

A replay repeats the operations of the recording in the same memory, with random numbers of its own, and none of the Python between
them. So an update may depend on its batch and on what lies on the device, and on nothing else that changes from step to step.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import torch

from . import runtime
from .errors import UserError, reason
from .sample import Sample

Batch = dict[str, Sample]
Update = Callable[[Batch], Any]
WARM = 3  # calls that are launched as usual first: kernels are chosen, Adam's moments made
FEWEST = 50  # steps of a run that is worth the recording
OFF = "UNPAIRED_GRAPHS"


class Recorder:
    """Recordings of one device, which share their memory: one is over before the next begins."""

    def __init__(self, device: torch.device):
        self.stream, self.pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def watch(self, f: Callable[[], Any]) -> tuple[Any, bool]:
        """(f(), whether the host waited for the device in it), on the stream of the recordings."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                out = f()
            finally:
                torch.cuda.set_sync_debug_mode("default")
        torch.cuda.current_stream().wait_stream(self.stream)
        return out, any("synchronizing CUDA operation" in str(w.message) for w in said)

    def record(self, f: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        """(what a replay fills, the replay). f is not executed by it."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            out = f()
        return out, graph.replay


class Graphs:
    """Calls f(batch), each kind of call, known by its name and the shapes of its batch, recorded once and replayed from then on."""

    def __init__(self, recorder: Recorder):
        self.recorder, self.calls, self.waits = recorder, Counter(), set()
        self.recordings: dict[Hashable, tuple[Batch, Any, Callable[[], None]]] = {}

    def __call__(self, name: Hashable, f: Update, batch: Batch) -> Any:
        """What f returns; its tensors are written anew by the next call."""
        key = name, *((side, *(t is not None and (t.shape, t.dtype) for t in s)) for side, s in batch.items())
        if self.calls[key] < WARM or key in self.waits:
            self.calls[key] += 1
            out, waited = self.recorder.watch(lambda: f(batch))
            if waited and self.calls[key] == WARM:
                runtime.say(
                    f"{name}: the host waits for the device in it, so that it is launched operation by operation"
                )
                self.waits.add(key)
            return out
        if key not in self.recordings:
            given = {side: s.map(torch.clone) for side, s in batch.items()}
            try:
                self.recordings[key] = given, *self.recorder.record(lambda: f(given))
            except RuntimeError as error:
                raise UserError(
                    f"this step cannot be recorded as a CUDA graph ({reason(error)}): repeat with {OFF}=0 in the environment, "
                    "which launches it operation by operation"
                ) from error
        given, out, replay = self.recordings[key]
        for side, s in batch.items():
            for into, t in zip(given[side], s):
                if into is not None:
                    into.copy_(t)
        replay()
        return out


def graphs(device: torch.device, steps: int) -> Graphs | None:
    """None where every operation is launched: on a CPU, by several processes, whose sums the host counts, and in short runs."""
    wanted = device.type == "cuda" and runtime.world_size() == 1 and steps >= FEWEST and os.environ.get(OFF) != "0"
    return Graphs(Recorder(device)) if wanted else None
