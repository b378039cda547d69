"""How benchmarks measure: variants side by side in one process, work counted, the machine's own limits beside them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from translate import runtime
from translate.graphs import WARM

Variant = Callable[[], object]


class Clock:
    """Seconds that a call costs. CPU: of the process, all threads together, which other programs on the machine disturb least; CUDA: wall."""

    def __init__(self, device: torch.device):
        self.device = device
        self.what = "process CPU seconds" if device.type == "cpu" else "wall seconds"

    def __call__(self, f: Variant) -> tuple[float, float]:
        """(cost, wall). A variant that runs in a process of its own returns its cost."""
        self.wait()
        wall, cpu = time.perf_counter(), time.process_time()
        own = f()
        self.wait()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if isinstance(own, float):
            return own, wall
        return (cpu if self.device.type == "cpu" else wall), wall

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass
class Timed:
    """Of one variant, a number a round."""

    cost: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    counted: Counted | None = None

    @property
    def seconds(self) -> float:
        return median(self.cost)

    def ratio_to(self, reference: Timed) -> tuple[float, tuple[float, float]]:
        """(median, (lowest, highest)) of how many times faster, round by round."""
        ratios = [theirs / mine for theirs, mine in zip(reference.cost, self.cost)]
        return median(ratios), (min(ratios), max(ratios))


def interleaved(variants: dict[str, Variant], clock: Clock, rounds: int, most: float = 1e9) -> dict[str, Timed]:
    """Each variant once a round, another one first each time. The first round warms up and is counted, not timed. Stops after a whole
    round once `most` seconds are over. On a GPU steps are recorded first, and what the host then still launches is counted."""
    timed = {name: Timed(counted=count(f)) for name, f in variants.items()}
    if clock.device.type == "cuda":
        for name, f in variants.items():
            for _ in range(WARM):
                f()
            timed[name].counted.operations = count(f).operations
    began, names = time.perf_counter(), list(variants)
    for r in range(rounds):
        for name in names[r % len(names) :] + names[: r % len(names)]:
            cost, wall = clock(variants[name])
            timed[name].cost.append(cost)
            timed[name].wall.append(wall)
        if time.perf_counter() - began > most:
            break
    return timed


class Counted(TorchDispatchMode):
    """Operations on tensors, and the arithmetic of convolutions and matrix products, forward and backward apart."""

    VIEWS = ("view", "expand", "slice", "select", "detach", "t", "transpose", "permute", "split", "alias", "as_strided", "unsqueeze",
             "squeeze", "_unsafe_view", "_reshape_alias", "unbind", "lift_fresh")  # fmt: skip

    def __init__(self):
        super().__init__()
        self.operations = 0
        self.flops: Counter[tuple[str, str]] = Counter()  # of a kind of numbers, forward or backward

    @property
    def flop(self) -> float:
        return self.flops.total()

    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        out = f(*args, **(kwargs or {}))
        packet = f._overloadpacket
        self.operations += packet.__name__ not in self.VIEWS
        if packet in flop_registry:
            way = "backward" if "backward" in packet.__name__ else "forward"
            kind = "bf16" if args[0].dtype == torch.bfloat16 else "fp32"
            self.flops[kind, way] += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        return out


def count(f: Variant) -> Counted:
    with Counted() as counted:
        f()
    return counted


def profile(f: Variant, device: torch.device, most: int = 8) -> list[dict]:
    """The operations that f spends most of its time in, itself: {"operation", "calls", "share"}, and the rest."""
    from torch.profiler import ProfilerActivity

    on, key = (ProfilerActivity.CPU, "self_cpu_time_total")
    if device.type == "cuda":
        on, key = (ProfilerActivity.CUDA, "self_device_time_total")
    with torch.profiler.profile(activities=[on], acc_events=True) as seen:
        f()
    found = sorted(seen.key_averages(), key=lambda e: -getattr(e, key))
    total = sum(getattr(e, key) for e in found)
    rows = [dict(operation=e.key, calls=e.count, share=getattr(e, key) / total) for e in found]
    rest = rows[most:]
    others = dict(operation="others", calls=sum(r["calls"] for r in rest), share=sum(r["share"] for r in rest))
    return [*rows[:most], others]


LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def peaks(device: torch.device, seconds: float = 0.5) -> dict[str, dict[str, float]]:
    """{"fp32 NCHW": {"forward": GFLOP/s, "backward": ...}, ..., "fp32 matmul": ...}

    Of the convolution that most of a ResNet-9 step at 256 pixels consists of: 256 to 256 channels, 3x3, 64x64 pixels.
    """
    clock, found = Clock(device), {}

    def speed(flop: float, f: Callable, *arguments) -> float:
        def twice() -> None:
            for _ in range(2):
                f(*arguments)

        twice()
        best, began = 1e9, time.perf_counter()
        while time.perf_counter() - began < seconds:
            best = min(best, clock(twice)[0] / 2)
        return flop / best / 1e9

    with torch.no_grad():
        for kind, dtype in KINDS.items():
            for layout, memory in LAYOUTS.items():
                x = torch.randn(1, 256, 66, 66, device=device).to(dtype).contiguous(memory_format=memory)
                w = torch.randn(256, 256, 3, 3, device=device).to(dtype).contiguous(memory_format=memory)
                y = torch.conv2d(x, w)
                flop = 2 * y.numel() * 256 * 9
                rest = (y, x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, False])
                found[f"{kind} {layout}"] = {
                    "forward": speed(flop, torch.conv2d, x, w),
                    "backward": speed(2 * flop, torch.ops.aten.convolution_backward, *rest),
                }
            x = torch.randn(1024, 1024, device=device).to(dtype)
            found[f"{kind} matmul"] = {"forward": speed(2 * 1024**3, torch.matmul, x, x)}
    return found


def floor(counted: Counted, found: dict[str, dict[str, float]]) -> float:
    """Seconds that the counted arithmetic takes at the measured peak of its kinds of numbers, in the faster layout, and nothing else."""
    return sum(
        flop / 1e9 / max(found[f"{kind} {layout}"][way] for layout in LAYOUTS)
        for (kind, way), flop in counted.flops.items()
    )


def peak_memory(prepare: Callable[[], tuple[Variant, Variant]], device: torch.device) -> float:
    """MiB that `full` takes above what was there after `small`; (small, full) = prepare(). CPU: in a process of its own, Linux only."""
    if device.type == "cuda":
        small, full = prepare()
        small()
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        base = torch.cuda.memory_allocated(device)
        full()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - base) / 2**20
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_resident, args=(prepare, theirs, torch.get_num_threads()))
    child.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        child.join()


def _resident(prepare, pipe, threads: int) -> None:
    torch.set_num_threads(threads)
    runtime.keep_memory()
    small, full = prepare()
    small()
    base = _status("VmRSS")
    full()
    pipe.send((_status("VmHWM") - base) / 1024)


def _status(key: str) -> int:
    """kB"""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key))


def hardware(device: torch.device) -> dict[str, str]:
    import platform
    from datetime import date

    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        amx = "AMX" if torch.cpu._is_amx_tile_supported() else "no AMX"
        bf16 = "bf16 products" if runtime.has_fast_bf16(device) else "no bf16 products"
        name = f"{_processor()}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, {bf16}, {amx}"
    return {
        "device": name,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def _processor() -> str:
    import platform

    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
