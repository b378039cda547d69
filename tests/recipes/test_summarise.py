"""Summaries from the command line: each way, the floors beside the scores, what is refused."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from domains.metrics import text as judges
from recipes.convert import convert
from recipes.evaluate import evaluate
from recipes.results import results
from recipes.summarise import summarise
from tests.recipes.test_sentences import call, refused, run

pytestmark = pytest.mark.skipif(
    find_spec("sklearn") is None or find_spec("rouge_score") is None, reason="the text extra"
)
TINY = ["--steps", 3, "--warm", 1, "--width", 8, "--blocks", 1, "--batch", 4, "--words", 200, "--device", "cpu"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """soft.train.docs.txt, soft.train.shorts.txt: 40 each, of different things; soft.dev.*: 6, line by line."""
    folder = tmp_path_factory.mktemp("software")
    kinds, uses = (
        ("library", "tool", "viewer", "parser"),
        ("sound", "maps", "mail", "text", "games", "colours", "fonts"),
    )
    pairs = [(f"fast {k} for {u} files", k, u) for k in kinds for u in uses for _ in range(3)]
    for split, rows in (("train", pairs[:78]), ("dev", pairs[78:])):
        docs = [f"foo{i} is a {title} , which people like . it reads {u} ." for i, (title, _, u) in enumerate(rows)]
        half = len(rows) // 2 if split == "train" else len(rows)
        (folder / f"soft.{split}.docs.txt").write_text("\n".join(docs[:half]) + "\n")
        shorts = [title for title, *_ in (rows[half:] if split == "train" else rows)]
        (folder / f"soft.{split}.shorts.txt").write_text("\n".join(shorts) + "\n")
    return folder


@pytest.mark.parametrize("way", ["gumbel", "continuous", "policy"])
def test_every_way(way, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(judges, "has_minilm", lambda: False)
    argv = ["--a", "soft.docs", "--b", "soft.shorts", "--data_root", data, *TINY, "--out", tmp_path / "run"]
    assert run(*argv, "--way", way, recipe=summarise) == 0
    assert "part" in (tmp_path / "run" / "samples" / "step_000003_a.txt").read_text()
    if way != "gumbel":
        return
    (tmp_path / "in.txt").write_text("foo is a tool for mail , " * 20 + "\n\nbar is a parser .\n")
    assert call(convert, tmp_path / "run", tmp_path / "in.txt", tmp_path / "out.txt", "--device", "cpu") == 0
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 3, "a document is one summary, however long"
    assert call(evaluate, tmp_path / "run", "--device", "cpu") == 0
    said = capsys.readouterr().out
    for row in (
        "the first 8 words",
        '"X is a ..."',
        "retrieve",
        "the most title-like part",
        "the best 8 words in a row",
        "the reference",
    ):
        assert f"| {row} |" in said
    rows = json.loads((tmp_path / "run" / "scores-b.json").read_text())["rows"]
    assert (
        rows["the reference"]["rougeL"] == 100 and rows['"X is a ..."']["rougeL"] > rows["the first 8 words"]["rougeL"]
    )
    assert call(results, tmp_path / "run", "--docs", tmp_path, "--device", "cpu") == 0
    page = (tmp_path / "results.md").read_text()
    assert "6 sentences, test files, truth: titles" in page and "```text\ninput        foo0 is a" in page


def test_what_is_missing_is_said(capsys, monkeypatch):
    monkeypatch.delenv("UNPAIRED_DATA", raising=False)
    said = refused(capsys, run(recipe=summarise))
    assert said.startswith("--a debian.docs: no such file, folder or set") and "--data_root" in said
