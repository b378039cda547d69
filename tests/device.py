"""A GPU's manners without a GPU: tensors of the device `mimic` lie in the host's memory, but may not be mixed with the host's own, and
everything for which the host would wait is written down. Autocast is CUDA's: the same operations in bfloat16 and in float32.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "mimic"
aten = torch.ops.aten


class Mimicked(torch.Tensor):
    """held: the numbers, on the CPU."""

    @staticmethod
    def __new__(cls, held: torch.Tensor):
        how = dict(strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype)
        return torch.Tensor._make_wrapper_subclass(cls, held.shape, device=f"{NAME}:0", **how)

    def __init__(self, held: torch.Tensor):
        self.held = held

    def __repr__(self, **_) -> str:
        return f"Mimicked({self.held})"

    def tolist(self) -> list:
        return self.cpu().tolist()

    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(parts, *_):
        return Mimicked(parts["held"])

    @classmethod
    def __torch_dispatch__(cls, f, types, args=(), kwargs=None):
        return execute(f, args, kwargs or {}, Counter())


WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "unique", "_unique2", "unique_dim", "equal", "repeat_interleave",
         "bincount", "histc", "_linalg_eigh", "item")  # fmt: skip


def mapped(given, change):
    """The same with its tensors changed."""
    if isinstance(given, torch.Tensor):
        return change(given)
    if isinstance(given, list | tuple):
        return type(given)([mapped(part, change) for part in given])
    return {key: mapped(part, change) for key, part in given.items()} if isinstance(given, dict) else given


def execute(f, args, kwargs, waits: Counter):
    name = f._overloadpacket.__name__
    tensors: list[torch.Tensor] = []
    inner, named = mapped((args, kwargs), lambda t: tensors.append(t) or (t.held if isinstance(t, Mimicked) else t))
    here = [isinstance(t, Mimicked) for t in tensors]
    to = torch.device(kwargs["device"]).type if kwargs.get("device") is not None else None
    if kwargs.get("generator") is not None and (any(here) or to == NAME):
        raise RuntimeError(f"{name}: a generator of the CPU draws nothing on the device")
    if name == "_to_copy" and here[0] and to == "cpu" and kwargs.get("non_blocking"):
        raise RuntimeError("a copy to the host that is not waited for: who reads it reads what is not there yet")
    if name in ("_to_copy", "copy_", "_copy_from"):
        if name == "copy_" and len(set(here)) == 2 or name == "_to_copy" and to and (to == NAME) != here[0]:
            waits["from the host" if not here[-1] else "to the host"] += 1
    elif any(here):
        for t, on in zip(tensors, here):
            if not on and not (t.ndim == 0 and torch.Tag.pointwise in f.tags):
                raise RuntimeError(f"{name}: a tensor {list(t.shape)} of the host among those of the device")
        masks = [t for t in args[1] if t is not None and t.dtype == torch.bool] if name == "index" else ()
        if name in WAITS or masks:
            waits[name] += 1
    if to == NAME:
        named["device"] = torch.device("cpu")
    out = f(*inner, **named)
    wrapped = here[0] if name in ("copy_", "_copy_from") else to == NAME if to else any(here)
    if wrapped and name not in ("_local_scalar_dense", "equal", "is_nonzero"):
        out = mapped(out, Mimicked)
        if any(here) and f._schema.is_mutable:
            out = return_and_correct_aliasing(f, args, kwargs, out)
    return out


class Watched(TorchDispatchMode):
    """Makes tensors on the device where they are asked for there; `waits`: for what the host would wait, how often."""

    def __init__(self):
        super().__init__()
        self.waits = Counter()

    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        return execute(f, args, kwargs or {}, self.waits)


class Module(_DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


# ATen/autocast_mode.h of torch 2.11: what CUDA computes in the lower precision, and what in float32
LOWER = ("conv1d conv2d conv3d conv_transpose1d conv_transpose2d.input prelu addmm addmv addr matmul einsum mm mv linalg_vecdot linear addbmm "
         "baddbmm bmm gru_cell lstm_cell scaled_dot_product_attention")  # fmt: skip
SINGLE = ("acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar pow.Tensor_Tensor softplus "
          "layer_norm group_norm cosine_similarity nll_loss l1_loss smooth_l1_loss mse_loss kl_div "
          "binary_cross_entropy_with_logits dist cdist renorm logsumexp prod softmax.int log_softmax.int cumprod cumsum sum "
          "sum.dim_IntList norm.Scalar norm.ScalarOpt_dim linalg_vector_norm upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_bicubic2d_aa")  # fmt: skip
WIDEST = "addcdiv addcmul atan2 dot vdot cross bilinear grid_sampler index_put scatter_add"


def gru_cell(x, h, w_x, w_h, b_x=None, b_h=None):
    given, kept = ((t @ w.T + b).chunk(3, 1) for t, w, b in ((x, w_x, b_x), (h, w_h, b_h)))
    reset, update = ((g + k).sigmoid() for g, k in zip(given[:2], kept))
    new = (given[2] + reset * kept[2]).tanh()
    return (h - new) * update + new


def _registered() -> list:
    """Once a process. What is handed back has to be kept."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=Module())
    key = "AutocastPrivateUse1"
    off = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
    others, library = torch.library.Library("_", "IMPL", key), torch.library.Library("aten", "IMPL", key)
    others.fallback(torch.library.fallthrough_kernel)
    kept = [others, library]

    def cast(names: str, dtype) -> None:
        for name in names.split():
            packet, _, overload = name.partition(".")
            f = getattr(getattr(aten, packet), overload or "default")

            def kernel(*args, f=f, **kwargs):
                kinds = set()
                mapped((args, kwargs), lambda t: kinds.add(t.dtype))
                wanted = dtype or (torch.float32 if torch.float32 in kinds else torch.bfloat16)

                def change(t):
                    return (
                        t.to(wanted)
                        if t.is_floating_point() and t.dtype != torch.float64 and t.device.type == NAME
                        else t
                    )

                with torch._C._ExcludeDispatchKeyGuard(off):
                    args, kwargs = mapped((args, kwargs), change)
                    return f(*args, **kwargs)

            library.impl(name, kernel)

    for where in ("AutogradPrivateUse1", "PrivateUse1"):
        cells = torch.library.Library("aten", "IMPL", where)
        cells.impl("gru_cell", gru_cell)  # the fused one is no CPU's
        kept.append(cells)
    cast(LOWER, torch.bfloat16)
    cast(SINGLE, torch.float32)
    cast(WIDEST, None)
    return kept


_libraries: list = []


@contextmanager
def mimic():
    """Gives (the device, what watches)."""
    if not _libraries:
        _libraries.extend(_registered())
    torch._C._set_only_lift_cpu_tensors(
        True
    )  # torch.tensor(..., device=...) copies from the host, where a mode sees it
    try:
        with torch.autograd.set_multithreading_enabled(False), Watched() as watched:
            yield torch.device(NAME, 0), watched
    finally:
        torch._C._set_only_lift_cpu_tensors(False)


def swap(first: nn.Parameter, second: torch.Tensor) -> None:
    """`.data` of a tensor that lies inside another one stays where it is."""
    first.held, second.held = second.held, first.held
