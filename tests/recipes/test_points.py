"""scripts/points.py: every model trains on points, its critic is drawn, and two critics disagree about two lines."""

from __future__ import annotations

import json
from math import log

import pytest
import torch

from domains.points import world
from recipes import launch
from recipes.gan import MODELS
from recipes.planar import Line, PointJudge, classified, optimal_critic
from recipes.points import points
from tests.cases import CPU
from translate.feed import batches
from translate.loop import Trainer, draws
from translate.sample import Sample

EVERY = [m for m in MODELS if m not in ("improved", "wgan-ct")]


def run(*argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.main(points, [str(arg) for arg in argv])
    return left.value.code


@pytest.mark.parametrize("model", EVERY)
def test_every_model_trains_on_points(model):
    recipe = points(model=model, steps=4, batch=8, width=2)
    trainer = Trainer(recipe, CPU)
    before = {n: p.clone() for n, p in trainer.system.named_parameters()}
    for _ in range(2):
        first = trainer.step * draws(trainer.system)
        trainer.train_step(batches(recipe.data, 8, first, first + draws(trainer.system), CPU))
    assert all(torch.isfinite(torch.tensor(v)) for v in trainer.means().values())
    assert any(not torch.equal(before[n], p) for n, p in trainer.system.named_parameters() if n.startswith("g."))
    rows = trainer.system.sample(recipe.data["x"].preview(5))
    assert 0 <= rows["x_optimal"].x[:, 2].min() and rows["x_optimal"].x[:, 2].max() <= 1
    assert rows["x_samples"].x.shape == (5, 2) and ("x_critic" in rows) == (
        model not in ("pacgan", "bigan", "infogan", "began", "ae", "vae")
    )


@pytest.mark.parametrize("data, weight", [("ring8", 0.1), ("lines", 10.0)])
def test_only_of_lines_the_critic_is_held_to_a_slope_of_one(data, weight):
    """Where its difference is shown as a distance; modes are told apart by a steeper one."""
    assert list(points(data=data, model="wgan-gp").system().penalties.values()) == [weight]


def test_what_a_run_leaves_behind(tmp_path):
    out = tmp_path / "run"
    assert (
        run(
            "--data",
            "ring8",
            "--model",
            "gan",
            "--steps",
            12,
            "--batch",
            8,
            "--width",
            2,
            "--device",
            "cpu",
            "--out",
            out,
        )
        == 0
    )
    assert [p.name for p in sorted((out / "samples").iterdir())] == ["step_000010_x.png", "step_000012_x.png"]
    scores = [line for line in map(json.loads, (out / "stats.jsonl").read_text().splitlines()) if "val/score" in line]
    assert len(scores) == 2 and 0 <= scores[0]["val/modes"] <= 8


def test_a_classifier_puts_disjoint_lines_at_log_2_however_near_they_are():
    real, z = world("lines").preview(500).x, Sample(torch.randn(500, 1))
    for theta in (2.0, 0.5):
        accuracy, divergence = classified(real, Line(theta)(z).x.detach())
        assert accuracy == 1 and divergence == pytest.approx(log(2), abs=0.01)
    accuracy, divergence = classified(real, real)
    assert accuracy == 0.5 and divergence == pytest.approx(0, abs=0.001)


def test_the_optimal_critic_is_the_share_of_data():
    """N(-1, 1) against N(1, 1): log p / p_g = -2 x."""
    torch.manual_seed(0)
    real, fake = (torch.randn(4000, 2) + torch.tensor([way, 0.0]) for way in (-1.0, 1.0))
    x = torch.tensor([[-0.5, 0.0], [0.0, 0.5], [0.5, -0.5]])
    torch.testing.assert_close(optimal_critic(real, fake)(x).detach(), -2 * x[:, :1], atol=0.5, rtol=0)


def test_the_judge_measures_the_lines():
    x = world("lines")
    system = Trainer(points("lines", "wgan-gp", steps=2, batch=8, width=2), CPU).system
    scores = PointJudge(x)(system.eval().requires_grad_(False), {"x": x})
    assert scores["score"] == 2.0 and scores["accuracy"] == 1.0 and scores["JS"] <= log(2)


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--data", "ring9"], "--data ring9: the small worlds are"),
        (["--model", "improved"], "--model improved: there is no such one here"),
        (["--batch", 6], "--batch 6: it must be a multiple of 4"),
    ],
)
def test_mistakes_are_one_sentence(argv, message, capsys):
    capsys.readouterr()
    assert run(*argv) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith(f"error: {message}"), said
