"""Every method on every data set: cells are kept, go on, and say why they are empty."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recipes import matrix as page
from recipes.launch import command
from recipes.train import METHODS

STEPS = "2 steps"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A tiny matrix of the built-in digits with judges that cost nothing; counts the runs."""
    trained = []
    launched = page.trained

    def counted(row, *args):
        trained.append(row.recipe)
        return launched(row, *args)

    monkeypatch.setattr(page, "trained", counted)
    monkeypatch.delenv("UNPAIRED_DATA", raising=False)
    monkeypatch.setattr("domains.metrics.images.vgg_distance", lambda x, y: (x[0] - y[0]).abs().mean())
    monkeypatch.setattr("recipes.kinds.images.Judge.__call__", lambda *_: {"score": 1.0})
    monkeypatch.setattr("recipes.kinds.images.Judge.load", lambda _: None)
    rng = np.random.default_rng(0)
    digits = {key: rng.integers(0, 256, (n, 28, 28), np.uint8) for key, n in (("x_train", 40), ("x_test", 3))}
    np.savez(tmp_path / "noise.npz", **digits)

    def run(methods: str, data: str = "digits2inverted", seeds: str = "0") -> tuple[int, list[str]]:
        trained.clear()
        places = [f"--folder={tmp_path / 'runs'}", f"--docs={tmp_path / 'docs'}", f"--digits={tmp_path / 'noise.npz'}"]
        argv = [f"--methods={methods}", f"--data={data}", f"--seeds={seeds}", "--steps=2", "--device=cpu", *places]
        with pytest.raises(SystemExit) as left:
            command(page.matrix, argv)
        return left.value.code, list(trained)

    run.docs = tmp_path / "docs"
    return run


def test_cells_are_kept_and_added_to(run, capsys):
    assert run("plain,sentences") == (0, ["plain", "sentences"])
    record = json.loads((run.docs / "matrix" / "small" / "digits2inverted.json").read_text())
    assert record["floors"]["copy the input"]["l1"] > 0.3, "what is inverted is far from its copy"
    cells = record["cells"][STEPS]
    assert cells["plain"]["0"]["steps"] == 2 and cells["sentences"]["0"] == {"why": "sentences only"}
    said = (run.docs / "matrix.md").read_text()
    assert "| sentences | sentences only |" in said and "| plain | " in said and "± " not in said.split("## ")[1]

    assert run("plain,discogan", seeds="0,1") == (0, ["discogan", "plain", "discogan"]), "what is there is not repeated"
    said = (run.docs / "matrix.md").read_text()
    assert "± " in said.split("## ")[1] and "(n = 2)" in said and " of 1 beat plain G + D" in said


def test_what_is_missing_is_said(run, capsys):
    assert run("plain", "glyphs_sans2serif") == (0, [])
    assert "glyphs_sans2serif is left out: --a glyphs_sans2serif: no such file" in capsys.readouterr().err
    assert run("plane")[0] == 2
    assert "--methods plane: there is no such one; the nearest names are plain" in capsys.readouterr().err


def test_a_cell_that_breaks_leaves_the_others_standing(run, monkeypatch, capsys):
    whole = page.trained

    def broken(row, *args):
        if row.recipe == "plain":
            raise RuntimeError("no such luck")
        return whole(row, *args)

    monkeypatch.setattr(page, "trained", broken)
    assert run("plain,discogan") == (0, ["discogan"])
    said = capsys.readouterr().err
    assert "no such luck" in said and "digits2inverted, plain, seed 0: broke" in said
    cells = json.loads((run.docs / "matrix" / "small" / "digits2inverted.json").read_text())["cells"][STEPS]
    assert "plain" not in cells and cells["discogan"]["0"]["steps"] == 2
    monkeypatch.setattr(page, "trained", whole)
    assert run("plain,discogan") == (0, ["plain"]), "only the empty cell is tried again"


def test_names_may_hold_a_comma_and_a_blank():
    assert page.chosen("sentences, policy,cut", page.ROWS, "--methods") == ["sentences, policy", "cut"]


def test_every_method_has_a_row():
    assert METHODS.keys() - page.ROWS.keys() == {"inpaint"}, "it translates nothing"
    assert all(callable(page.recipe_of(row)) for row in page.ROWS.values())
    assert all(column.better in (min, max) for column in page.COLUMNS.values()) and len(page.COLUMNS) == 10


def test_renderings_by_hand():
    x = np.zeros((1, 3, 3), np.uint8)
    x[0, 1, 1] = 200
    assert (page.rendered(x, "inverted") == 255 - x).all()
    assert (page.rendered(x, "thick") == 200).all()
    hues = page.rendered(np.repeat(x, 9, 0), "hues")
    assert hues.shape == (9, 3, 3, 3) and (hues.max((1, 2, 3)) == 200).all() and (hues.min(3) == 0).all()
    assert len(np.unique(hues[:, 1, 1], axis=0)) > 5 and (hues == page.rendered(np.repeat(x, 9, 0), "hues")).all()
    coloured = page.rendered(x, "coloured")
    assert coloured.shape == (1, 3, 3, 3) and coloured[0, 1, 1].tolist() == [100, 60, 100] and coloured.sum() == 260


def test_the_page_by_hand():
    def cell(selected: float, final: float) -> dict:
        made = {"device": "CPU", "torch": "2", "git": "abc"}
        return dict(selected={"l1": selected}, final={"l1": final}, step=1, steps=9, seconds=5, environment=made)

    floors = {"copy the input": {"l1": 0.5}, "white page": {"l1": 0.4}, "grey page": {"l1": 0.3}}
    cells = {
        "plain": {"0": cell(0.6, 0.6)}, "cyclegan": {"0": cell(0.1, 0.2), "1": cell(0.3, 0.4)},
        "cut": {"0": {"why": "a long reason, in many words"}},
    }  # fmt: skip
    record = {"score": "l1", "kind": "images", "highest": False, "floors": floors, "cells": {"1 min": cells}}
    said = "\n".join(page.section({"x": record}, "1 min"))
    assert "| cyclegan | **0.200** ± 0.141 (n = 2), 0.300 |" in said
    assert "| plain | 0.600 |" in said, "no bold where the copy is better"
    assert "| best simple baseline | 0.300<br>grey page |" in said
    assert "| cut | (1) |" in said and "(1) a long reason, in many words" in said
    assert "the best is cyclegan; 1 of 2 beat the copied input, 1 of 1 beat plain G + D" in said
    assert "of each family: straight across cyclegan 0.200." in said
    grouped = [method for group in page.FAMILIES.values() for method in group]
    assert {*grouped, "plain"} >= page.ROWS.keys() and len(grouped) == len(set(grouped))
