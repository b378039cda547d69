"""Where a run runs."""

import platform
import subprocess
import sys

import pytest
import torch

from translate import runtime
from translate.errors import UserError


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.start() == torch.device("cpu")
    with pytest.raises(UserError, match="--device cuda: .* leave --device out"):
        runtime.start("cuda")


def test_precision_is_what_was_asked_for(monkeypatch):
    x, cpu = torch.rand(3, 3), torch.device("cpu")

    def kind(precision: str) -> torch.dtype:
        with runtime.autocast(cpu, precision):
            return (x @ x).dtype

    assert kind("bf16") == torch.bfloat16 and kind("fp32") == torch.float32
    for fast, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(runtime, "has_fast_bf16", lambda _, fast=fast: fast)
        assert kind("auto") == expected


def test_seeds_repeat_and_random_states_come_back():
    import random

    import numpy as np

    def draw():
        return random.random(), np.random.rand(), torch.rand(()).item()

    runtime.seed_all(3)
    first = draw()
    runtime.seed_all(3)
    assert draw() == first != draw()

    states = runtime.random_states()
    expected = torch.rand(5)
    runtime.set_random_states(states)
    assert torch.equal(torch.rand(5), expected)
    with runtime.preserved_randomness():
        following = torch.rand(5)
    assert torch.equal(torch.rand(5), following)


FAULTS = """
import resource, torch
from translate import runtime

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults())
runtime.keep_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_memory_that_was_given_is_not_asked_for_again():
    printed = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout
    by_itself, kept = map(int, printed.split())
    assert by_itself > 100 and kept < by_itself / 10
