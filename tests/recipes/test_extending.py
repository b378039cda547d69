"""docs/extending.md, run as it stands there."""

import contextlib
import io
import math
import re
from pathlib import Path

import pytest
import torch

from recipes import gan, models
from translate import penalty
from translate.adv import OBJECTIVES
from translate.sample import Sample

TEXT = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def made() -> dict:
    """What the document defines; what it adds to the tables is taken out again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OBJECTIVES, "pearson_codes", None)
        patch.setitem(gan.MODELS, "ebgan", "")
        patch.setattr(models, "ebgan", None, raising=False)
        namespace, said = {}, io.StringIO()
        with contextlib.redirect_stdout(said):
            for block in BLOCKS:
                exec(compile(block, "docs/extending.md", "exec"), namespace)
        yield namespace | {"said": said.getvalue()}


def test_every_part_is_run(made):
    assert len(BLOCKS) == 5
    assert OBJECTIVES["pearson_codes"] is made["pearson_codes"] and models.ebgan is made["ebgan"]


def test_the_objective_measures_what_the_text_says(made):
    """At D* = (p - q) / (p + q) G's loss, the sum of both densities', is the chi-square divergence of p + q from 2 q, halved."""
    p, q = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64), torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    best = (p - q) / (p + q)
    counts = [(10 * d).round().long() for d in (p, q)]
    real, fake = (best.repeat_interleave(n)[:, None].requires_grad_() for n in counts)
    chi_square = ((p - q).square() / (p + q)).sum() / 2
    adv = made["pearson_codes"]
    torch.testing.assert_close(adv.g([real]) + adv.g([fake]), chi_square)
    slopes = torch.autograd.grad(adv.d([real], [fake]), (real, fake))
    total = torch.stack(
        [torch.stack([g[best.repeat_interleave(n)[:, None] == b].sum() for b in best]) for g, n in zip(slopes, counts)]
    )
    torch.testing.assert_close(total.sum(0), torch.zeros(3, dtype=torch.float64), msg="D* is where D's loss is least")


def test_the_penalty_is_one(made):
    class Linear(torch.nn.Module):
        def forward(self, s):
            return [s.x @ torch.tensor([[3.0], [4.0]])]

    real = Sample(torch.randn(6, 2))
    assert (
        made["around"](Linear(), real, real).item()
        == pytest.approx(penalty.gradient(Linear(), real, real).item())
        == 16
    )


def test_the_system_trains(made):
    means = eval(made["said"])
    assert {"d_x", "d_fake", "adv_x", "grad_g", "grad_d"} == set(means) and all(map(math.isfinite, means.values()))
    assert made["trainer"].step == 2
