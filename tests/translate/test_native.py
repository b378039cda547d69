"""What is compiled, by whom, and where nothing is; the GPU's kernels by Triton's interpreter. That both are right: test_speed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from translate.nets import native
from translate.nets.layers import InstanceNorm

ROOT = Path(__file__).parents[2]


@pytest.fixture
def anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    native.library.cache_clear()
    yield tmp_path / "unpaired"
    native.library.cache_clear()


def test_compiled_once_for_a_source_and_a_processor(anew, monkeypatch):
    if native.library() is None:
        pytest.skip("no C compiler")
    (made,) = anew.iterdir()
    at = made.stat().st_mtime_ns
    native.library.cache_clear()
    assert native.library() is not None and [*anew.iterdir()] == [made] and made.stat().st_mtime_ns == at
    changed = anew.parent / "native.c"
    changed.write_text(native.SOURCE.read_text() + "/* another */\n")
    monkeypatch.setattr(native, "SOURCE", changed)
    native.library.cache_clear()
    assert native.library() is not None and len([*anew.iterdir()]) == 2


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_without_a_compiler_steps_go_on(compiler, anew, monkeypatch, capsys):
    monkeypatch.setattr(native, "COMPILE", [compiler, *native.COMPILE[1:]])
    x = torch.randn(1, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    for _ in range(2):
        assert torch.allclose(InstanceNorm(16, 0.0)(x), F.relu(F.group_norm(x, 16)), atol=1e-6)
    assert capsys.readouterr().err.count(f"{compiler} compiles nothing here") == 1


def test_a_cache_that_cannot_be_written_is_left_alone(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert native.folder().is_dir() and (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(threads):
    x = torch.randn(2, 32, 34, 26).contiguous(memory_format=torch.channels_last)
    skip = torch.randn(2, 32, 36, 28).contiguous(memory_format=torch.channels_last)
    w, found, before = (
        torch.randn(16, 32, 3, 3).contiguous(memory_format=torch.channels_last),
        [],
        torch.get_num_threads(),
    )
    if not native.takes(x):
        pytest.skip("no C compiler")
    try:
        for n in (1, threads):
            torch.set_num_threads(n)
            y, *moments = native.norm(x, skip, 1, 0.2, 1e-5)
            tiles = native.to_tiles(x).clone()
            found.append((y, *moments, native.norm_backward(skip, x, *moments, 1, 0.2), tiles, native.from_tiles(tiles, x),
                          native.slope_from_tiles(tiles, x), native.weight_to_tiles(w).clone()))  # fmt: skip
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, *found))


INTERPRETED = """
import torch
import torch.nn.functional as F
from translate.nets import gpu

torch.manual_seed(0)
for shape, slope, pad, added in (((2, 40, 14, 18), 0.0, 1, True), ((1, 16, 9, 11), 0.2, 3, True), ((1, 33, 5, 4), 1.0, 0, False)):
    x = (3 * torch.randn(shape) + 20).contiguous(memory_format=torch.channels_last)
    exact = x.double().requires_grad_()
    true = F.pad(F.leaky_relu(F.group_norm(exact, shape[1]), slope), (pad,) * 4, mode="reflect")
    skip, g = (torch.randn(true.shape).contiguous(memory_format=torch.channels_last) for _ in range(2))
    y, *moments = gpu.norm(x, skip if added else None, pad, slope, 1e-5)
    to_x = gpu.norm_backward(g, x, *moments, pad, slope)
    for found, wanted in ((y, true + skip * added), (to_x, torch.autograd.grad(true, exact, g.double())[0])):
        assert (found - wanted).norm() < 1e-6 * wanted.norm(), (shape, slope, pad)
"""

COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from translate.nets import gpu

constants = dict(BLOCK=gpu.BLOCK, WIDE=gpu.WIDE, PARTS=gpu.PARTS, EACH=128, PAD=1, SKIP=True)
kinds = dict.fromkeys(("sums", "mean", "rstd", "means"), "*fp32") | dict.fromkeys(("slope", "eps"), "fp32")
kinds |= dict.fromkeys(("x", "skip", "y", "g", "to_x"), "*bf16") | dict.fromkeys(constants, "constexpr")
for f in (gpu._sums, gpu._moments, gpu._forward, gpu._slope_sums, gpu._means, gpu._backward):
    signature = {name: kinds.get(name, "i32") for name in f.arg_names}
    source = ASTSource(f, signature, {name: constants[name] for name in f.arg_names if name in constants})
    assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Triton is for Linux")
@pytest.mark.parametrize("script, interpreted", [(INTERPRETED, "1"), (COMPILED, "0")], ids=["interpreted", "compiled"])
def test_the_gpus_norm_without_a_gpu(script, interpreted, tmp_path):
    pytest.importorskip("triton")
    how = os.environ | dict(TRITON_INTERPRET=interpreted, TRITON_CACHE_DIR=str(tmp_path), PYTHONPATH=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script], env=how, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="of a GPU")
@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)], ids=["fp32", "bf16"])
def test_the_gpus_norm(dtype, near):
    assert native.on_gpu()
    x = torch.randn(2, 64, 30, 34).to(dtype).contiguous(memory_format=torch.channels_last)
    g, found = torch.randn(2, 64, 32, 36).to(dtype), []
    for device in ("cpu", "cuda"):
        given = x.to(device).requires_grad_()
        y = InstanceNorm(64, 0.2, 1)(given, g.to(device))
        y.backward(g.to(device))
        found.append((y.detach().cpu().float(), given.grad.cpu().float()))
    assert all((a - b).norm() < near * a.norm() for a, b in zip(*found))
