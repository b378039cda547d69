"""native.c: compiled once per machine, in about a second, by the C compiler that is there; where none is, torch's own operations serve.

Each function is an operation of torch's, `torch.ops.unpaired`, on maps [B,C,H,W] that lie channels-last; of the norm gpu.py has the same.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import runtime
from ..errors import reason

SOURCE = Path(__file__).with_name("native.c")
COMPILE = [*shlex.split(os.environ.get("CC", "cc")), "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared"]
CHUNKS, WIDTH = 16, 16  # as in native.c
PLANES = 36  # values of a Winograd tile


@cache
def library() -> ctypes.CDLL | None:
    """Kept under the cache folder by the name of what it was made of: the source, the compiler, the processor."""
    try:
        target = subprocess.run(
            [*COMPILE, "-dM", "-E", "-x", "c", os.devnull], capture_output=True, check=True, timeout=60
        )
        name = hashlib.sha256(SOURCE.read_bytes() + str(COMPILE).encode() + target.stdout).hexdigest()[:16]
        path = folder() / f"native-{name}.so"
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=path.parent) as own:  # several processes may be at it
                made = Path(own) / path.name
                subprocess.run([*COMPILE, "-o", made, SOURCE], capture_output=True, check=True, timeout=60)
                os.replace(made, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError):
        runtime.say(f"{COMPILE[0]} compiles nothing here: steps go on by torch's own operations, more slowly on a CPU")
        return None


def folder() -> Path:
    """Writable, and this user's own."""
    try:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unpaired"
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(path, os.W_OK):
            return path
    except (OSError, RuntimeError):  # no such folder can be made; a user without a home
        pass
    return Path(tempfile.mkdtemp(prefix="unpaired-"))


def takes(x: Tensor) -> bool:
    """Whether these operations are for this map. Exported graphs keep torch's own."""
    return (
        x.device.type in ("cpu", "cuda")
        and x.dtype in (torch.float32, torch.bfloat16)
        and x.ndim == 4
        and x.shape[1] % WIDTH == 0
        and x.numel() > 0
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.compiler.is_exporting()
        and (library() is not None if x.device.type == "cpu" else on_gpu())
    )


@cache
def on_gpu() -> bool:
    """Whether gpu.py works: tried once, on a small map."""
    try:
        from . import gpu

        with torch.inference_mode(False), torch.enable_grad():
            x = torch.arange(2.0 * WIDTH * 9 * 7, device="cuda").sin().view(2, WIDTH, 9, 7)  # no random number is drawn
            x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
            true = F.pad(F.leaky_relu(F.group_norm(x, WIDTH), 0.2), (1, 1, 1, 1), mode="reflect")
            slope = true.detach().cos()
            (to_x,) = torch.autograd.grad(true, x, slope)
        y, *moments = gpu.norm(x.detach(), None, 1, 0.2, 1e-5)
        found = y, gpu.norm_backward(slope, x.detach(), *moments, 1, 0.2)
        torch.testing.assert_close(found, (true.detach(), to_x), rtol=1e-3, atol=1e-4)
        OPERATIONS.impl("norm", gpu.norm, "CUDA")
        OPERATIONS.impl("norm_backward", gpu.norm_backward, "CUDA")
        return True
    except (
        Exception
    ) as error:  # whatever keeps Triton from it: no compiler of the host's, an older device, a release that differs
        runtime.say(f"Triton does not serve here ({reason(error)}): norms go on by torch's own operations, more slowly")
        return False


def call(name: str, *args: Tensor | float | None) -> None:
    """Tensors as their addresses, numbers as they are, then the number of threads and whether maps are bfloat16."""
    kinds = {int: ctypes.c_long, float: ctypes.c_float, type(None): ctypes.c_void_p}
    half = any(isinstance(t, Tensor) and t.dtype == torch.bfloat16 for t in args)
    given = [ctypes.c_void_p(t.data_ptr()) if isinstance(t, Tensor) else kinds[type(t)](t) for t in args]
    getattr(library(), name)(*given, ctypes.c_long(torch.get_num_threads()), ctypes.c_long(half))


OPERATIONS = torch.library.Library("unpaired", "DEF")


def operation(schema: str):
    """Makes a function an operation of torch's, so that what counts or records operations sees it."""

    def registered(f):
        OPERATIONS.define(f.__name__ + schema)
        OPERATIONS.impl(f.__name__, f, "CPU")
        return getattr(torch.ops.unpaired, f.__name__)

    return registered


def channels_last(*shape: int, of: Tensor) -> Tensor:
    return torch.empty(shape, dtype=of.dtype, memory_format=torch.channels_last)


@operation("(Tensor x, Tensor? skip, int pad, float slope, float eps) -> (Tensor, Tensor, Tensor)")
def norm(x: Tensor, skip: Tensor | None, pad: int, slope: float, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(reflected(leaky((x - mean) / sd)) + skip, mean [B,C], 1 / sd [B,C]) over the places of each map."""
    b, c, h, w = x.shape
    y = channels_last(b, c, h + 2 * pad, w + 2 * pad, of=x)
    mean, rstd, sums = (torch.empty(n) for n in ((b, c), (b, c), (b, CHUNKS, 2, c)))
    call("norm", x, skip, y, mean, rstd, sums, b, h, w, c, pad, slope, eps)
    return y, mean, rstd


@operation("(Tensor slope, Tensor x, Tensor mean, Tensor rstd, int pad, float leak) -> Tensor")
def norm_backward(slope: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, pad: int, leak: float) -> Tensor:
    b, c, h, w = x.shape
    to_x = torch.empty_like(x)
    call("norm_backward", slope, x, to_x, mean, rstd, torch.empty(b, CHUNKS, 2, c), b, h, w, c, pad, leak)
    return to_x


SCRATCH = threading.local()


@torch.inference_mode(False)  # what is made here serves training too
def planes(what: str, n: int, channels: int) -> Tensor:
    """[36,n,channels] in this thread's scratch for `what`, which the next call overwrites: between tensors that stay, blocks of this size
    that come and go would leave holes. Each plane is a line of the cache further than its size: at powers of two they drive each other out."""
    step = n * channels + WIDTH
    kept = getattr(SCRATCH, what, None)
    if kept is None or len(kept) < PLANES * step:
        kept = torch.empty(PLANES * step)
        setattr(SCRATCH, what, kept)
    return kept.as_strided((PLANES, n, channels), (step, channels, 1))


def tiled(name: str, x: Tensor, side: int) -> Tensor:
    """A map whose tiles begin every fourth place and are `side` wide -> [36,tiles,C]."""
    b, c, h, w = x.shape[0], x.shape[1], *((n + 4 - side) // 4 for n in x.shape[2:])
    out = planes(name, b * h * w, c)
    call(name, x, out, out.stride(0), b, h, w, c)
    return out


@operation("(Tensor x) -> Tensor")
def to_tiles(x: Tensor) -> Tensor:
    """Bt d B: [B,C,4h+2,4w+2] -> [36,tiles,C]"""
    return tiled("to_tiles", x, 6)


@operation("(Tensor slope) -> Tensor")
def slope_to_tiles(slope: Tensor) -> Tensor:
    """A d At: [B,K,4h,4w] -> [36,tiles,K]"""
    return tiled("slope_to_tiles", slope, 4)


@operation("(Tensor tiles, Tensor x) -> Tensor")
def from_tiles(tiles: Tensor, x: Tensor) -> Tensor:
    """At m A: [36,tiles,K] of x [B,C,4h+2,4w+2] -> [B,K,4h,4w]"""
    b, h, w, k = len(x), x.shape[2] // 4, x.shape[3] // 4, tiles.shape[2]
    y = channels_last(b, k, 4 * h, 4 * w, of=x)
    call("from_tiles", tiles, y, tiles.stride(0), b, h, w, k)
    return y


@operation("(Tensor tiles, Tensor x) -> Tensor")
def slope_from_tiles(tiles: Tensor, x: Tensor) -> Tensor:
    """B m Bt, added up where tiles overlap: [36,tiles,C] -> as x [B,C,4h+2,4w+2]"""
    b, c, h, w = len(x), x.shape[1], x.shape[2] // 4, x.shape[3] // 4
    to_x = channels_last(*x.shape, of=x)
    call("slope_from_tiles", tiles, to_x, torch.empty(b, c, 2, 4 * w + 2), tiles.stride(0), b, h, w, c)
    return to_x


@operation("(Tensor weight) -> Tensor")
def weight_to_tiles(weight: Tensor) -> Tensor:
    """G w Gt: [K,C,3,3] -> [36,K,C]"""
    k, c = weight.shape[:2]
    out = planes("weight_to_tiles", k, c)
    call("weight_to_tiles", weight, out, out.stride(0), k, c)
    return out


@operation("(Tensor tiles) -> Tensor")
def weight_slope_from_tiles(tiles: Tensor) -> Tensor:
    """Gt u G: [36,K,C] -> [K,C,3,3]"""
    k, c = tiles.shape[1:]
    out = channels_last(k, c, 3, 3, of=tiles)
    call("weight_slope_from_tiles", tiles, out, tiles.stride(0), k, c)
    return out
