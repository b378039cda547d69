"""One thread, so that bits do not depend on the machine's load, and small pictures made on the fly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.cases import draw, paint

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """trainA, trainB: 5 small pictures each, of different sizes; testA, testB: 2."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    for side in "AB":
        for split, n in (("train", 5), ("test", 2)):
            for i in range(n):
                paint(folder / f"{split}{side}" / f"{split}{i}.png", draw(20 + i, 28 - i, seed=100 * (side == "B") + i))
    return folder
