"""Sentences out of nothing from the command line: training, resuming, drawing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from domains.metrics import text as judges
from recipes.convert import convert
from recipes.evaluate import evaluate
from recipes.results import results
from recipes.sample import sample
from recipes.seqgan import seqgan
from tests.recipes.test_sentences import call, refused, run

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None or find_spec("sacrebleu") is None, reason="the text extra")
TINY = [
    "--warm",
    2,
    "--ahead",
    1,
    "--rollouts",
    2,
    "--width",
    8,
    "--batch",
    4,
    "--words",
    60,
    "--size",
    6,
    "--device",
    "cpu",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "seqgan"
    argv = ["--data", "modern", *TINY, "--size", 8, "--out", out, "--steps", 4]
    assert run(*argv, recipe=seqgan) == 0 and run(*argv, recipe=seqgan) == 0
    return out


def test_sentences_are_drawn(trained, tmp_path, capsys):
    assert "bleu_ha" in (trained / "stats.jsonl").read_text() and "distinct" in (trained / "index.html").read_text()
    assert any("x_1" in p.read_text() or "1" in p.read_text() for p in (trained / "samples").glob("*.txt"))
    for name in ("one.txt", "two.txt"):
        assert call(sample, trained, "--n", 5, "--seed", 3, "--out", tmp_path / name, "--device", "cpu") == 0
    first = (tmp_path / "one.txt").read_text()
    assert len(first.splitlines()) == 5 and first == (tmp_path / "two.txt").read_text()
    capsys.readouterr()
    assert call(sample, trained, "--n", 2, "--interpolate", 3, "--out", "-", "--device", "cpu") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 * 4
    assert "without labels" in refused(capsys, call(sample, trained, "--label", 3, "--device", "cpu"))


def test_what_draws_translates_nothing(trained, capsys):
    said = refused(capsys, call(convert, trained, "-", "--device", "cpu"))
    assert said == "what seqgan made translates nothing: scripts/sample.py draws from it"
    assert "translates nothing: of a generator scripts/results.py" in refused(capsys, call(evaluate, trained))


def test_collapse_is_seen():
    real = ["the dog ran home", "a cat sat there", "the cat ran home"]
    fine, stuck = judges.written(real, real, []), judges.written(["the dog ran home"] * 3, real, real)
    assert fine["bleu_ha"] == pytest.approx(100) and fine["same"] == 0
    assert stuck["bleu_forward"] == pytest.approx(100) and stuck["bleu_backward"] < 60
    assert stuck["same"] == pytest.approx(2 / 3) and stuck["recited"] == pytest.approx(1 / 3)


def test_too_little_is_said(tmp_path, capsys):
    (tmp_path / "few.txt").write_text("one\ntwo\n")
    assert refused(capsys, run("--data", tmp_path / "few.txt", recipe=seqgan)).startswith(
        "--data few holds 2 sentences"
    )


def test_a_row_beside_floors_and_what_was_said(trained, tmp_path):
    assert call(results, trained, "--docs", tmp_path, "--device", "cpu") == 0
    page = (tmp_path / "results.md").read_text()
    assert "| **seqgan, 4 steps**, " in page and "| their words, shuffled | " in page
    assert "seqgan, 4 steps, unpicked:" in page
