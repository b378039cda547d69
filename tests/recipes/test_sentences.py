"""Sentences from the command line: training, translating files and pipes, scores, what is refused."""

from __future__ import annotations

import io
import json
import random
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from domains.metrics import text as judges
from recipes import launch
from recipes.cipher import cipher
from recipes.convert import convert
from recipes.cyclegan import cyclegan
from recipes.evaluate import evaluate
from recipes.kinds import tokens
from recipes.results import results
from recipes.sentences import sentences
from recipes.sentiment import sentiment
from recipes.translator import Translator

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None or find_spec("sacrebleu") is None, reason="the text extra")
TINY = ["--steps", 4, "--width", 8, "--blocks", 1, "--batch", 4, "--device", "cpu"]


def exit_code(how, function, *argv) -> int:
    with pytest.raises(SystemExit) as left:
        how(function, [str(arg) for arg in argv])
    return left.value.code


def run(*argv, recipe=sentences) -> int:
    return exit_code(launch.main, recipe, *argv)


def call(function, *argv) -> int:
    return exit_code(launch.command, function, *argv)


def refused(capsys, code: int) -> str:
    assert code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("error: ")
    return said[-1].removeprefix("error: ")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """train.neg.txt, train.pos.txt: 40 sentences each; test.*.txt: 6, with two references."""
    folder = tmp_path_factory.mktemp("reviews")
    things = ("food", "place", "service", "staff", "soup", "room", "menu", "bread")
    for side, words in (("neg", ("bad", "awful")), ("pos", ("great", "lovely"))):
        lines = [f"the {x} was {w} {end}" for x in things for w in words for end in (".", "!", "...")]
        (folder / f"train.{side}.txt").write_text("\n".join(lines[:40]) + "\n")
        for name in (f"test.{side}.txt", f"test.{side}.ref0.txt", f"test.{side}.ref1.txt"):
            (folder / name).write_text("\n".join(lines[-6:]) + "\n")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "sentences"
    assert run("--a", data / "train.neg.txt", "--b", data / "train.pos.txt", *TINY, "--out", out) == 0
    return out


def test_an_editor_goes_over_few_sentences_twelve_times_at_most(data):
    sides = [str(data / f"train.{side}.txt") for side in ("neg", "pos")]
    few = sentences(*sides, batch=8)  # of 40 sentences 36 are trained on: 5 steps a pass
    assert few.run.steps == few.args["steps"] == 60 and (few.args["warm"], few.args["pairs"]) == (1, 0.3)
    undrafted = sentences(*sides, batch=8, matched=0).args
    assert (undrafted["warm"], undrafted["pairs"]) == (10, 1.0)
    assert sentences(*sides, batch=8, steps=70).run.steps == 70
    assert sentences(*sides, batch=8, generator="parallel").run.steps == 2500


def test_phrases_are_words_where_there_are_pseudo_pairs(tmp_path):
    """Two words for which the other side has one."""
    said = {"old": "the lord", "modern": "yahweh"}
    for side, name in said.items():
        rng = random.Random(side)
        drawn = (rng.choices("sun moon star tree bread king".split(), k=2) for _ in range(80))
        (tmp_path / f"{side}.txt").write_text("".join(f"of {x} {name} {y} is .\n" for x, y in drawn))
    sides = [str(tmp_path / f"{side}.txt") for side in said]
    domain, plain = (sentences(*sides, generator=net).data["a"].domain for net in ("editor", "parallel"))
    assert domain.vocabulary == plain.vocabulary + 1 and domain.word(domain.vocabulary - 1) == "the lord"


def test_what_one_side_begins_with_is_left_out_by_its_draft(tmp_path):
    """Both sides say "and" within; one begins with it."""
    rng = random.Random(0)
    for side, begin in (("a", "and "), ("b", "")):
        drawn = (" ".join(rng.choices("efghijklmnop", k=6)) for _ in range(200))
        (tmp_path / f"{side}.txt").write_text("".join(f"{begin}{said} and she went .\n" for said in drawn))
    data = sentences(str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), size=10).data
    assert [len(side.items) for side in data.values()] == [200, 200] and data["a"].domain.size == 10, (
        "there is room for it"
    )
    drafts, said = (
        tokens.pseudo_pairs(*data.values(), matched=1),
        ["and e f g h i j and she went .", "e f g h i j and she went ."],
    )
    assert tokens.translated(data["a"].domain, drafts[0], said) == [said[1]] * 2
    assert tokens.translated(data["a"].domain, drafts[1], said) == [said[0]] * 2


def test_a_translator_brings_the_drafts_that_its_run_learnt(trained, data):
    sides = sentences(*(str(data / f"train.{side}.txt") for side in ("neg", "pos"))).data
    translator = Translator.from_pretrained(trained, device="cpu")
    said = [side.items[i].text for side in sides.values() for i in side.train_ids]
    drafts = tokens.pseudo_pairs(*sides.values(), matched=1)
    for way, draft in zip((("a", "b"), ("b", "a")), drafts):
        brought = translator.direction(*way).draft
        domain = translator.domains[way[0]]
        assert tokens.translated(domain, brought, said) == tokens.translated(domain, draft, said)
    assert any(tokens.translated(domain, draft, said) != said for draft in drafts)
    assert not hasattr(sentences(*(side.domain for side in sides.values()), matched=0).system().a2b, "draft")


def test_a_copy_counts_no_more_than_half(data, monkeypatch):
    """At the same style accuracy a checkpoint that keeps all is no better than one that keeps what people keep."""
    recipe = sentences(*(str(data / f"train.{side}.txt") for side in ("neg", "pos")))
    system = SimpleNamespace(parameters=lambda: iter([torch.zeros(1)]), direction=lambda *_: None)
    monkeypatch.setattr(tokens, "translated", lambda *_: [])

    def score(kept: float) -> float:
        found = {"style[TF-IDF]": 80.0, "self_bleu": kept}
        monkeypatch.setattr(judges.TextJudge, "score", lambda *_: dict(found))
        return tokens.Judge()(system, recipe.data)["score"]

    assert score(100.0) == score(50.0) == pytest.approx(1 - 40**0.5 / 10) and score(49.0) > score(50.0)


@pytest.mark.parametrize("way", ["gumbel", "continuous", "policy"])
@pytest.mark.parametrize("generator", ["editor", "parallel", "seq2seq"])
def test_every_way_through_every_generator(way, generator, data, tmp_path):
    argv = ["--a", data / "train.neg.txt", "--b", data / "train.pos.txt", *TINY, "--warm", 1, "--penalty", 1]
    assert run(*argv, "--way", way, "--generator", generator, "--out", tmp_path / "run") == 0
    translator = Translator.from_pretrained(tmp_path / "run", "final", device="cpu")
    assert isinstance(translator("the soup was bad .", to="b"), str)


def test_the_same_command_line_serves_sentences(data, tmp_path):
    """CycleGAN's own, unchanged."""
    argv = ["--a", data / "train.neg.txt", "--b", data / "train.pos.txt", *TINY, "--out", tmp_path / "run"]
    assert run(*argv, recipe=cyclegan) == 0
    sample = (tmp_path / "run" / "samples" / "step_000004_a.txt").read_text()
    assert "a → b → a" in sample and "the " in sample
    assert (
        "the food" in (tmp_path / "run" / "index.html").read_text()
        or "the " in (tmp_path / "run" / "index.html").read_text()
    )
    assert call(convert, tmp_path / "run", data / "test.neg.txt", tmp_path / "out.txt", "--device", "cpu") == 0


def test_a_printed_config_has_the_numbers_of_the_recipe_behind(capsys):
    assert run("--print_config", recipe=sentiment) == 0
    said = capsys.readouterr().out
    assert "a: negative" in said and "way: gumbel" in said and "coolest: 1.0" in said


def test_a_run_of_another_vocabulary_is_no_start(trained, data, tmp_path, capsys):
    (tmp_path / "other.txt").write_text("entirely other words here\n" * 30)
    argv = [*TINY, "--init_from", trained, "--out"]
    said = refused(capsys, run("--a", data / "train.neg.txt", "--b", tmp_path / "other.txt", *argv, tmp_path / "x"))
    assert said.startswith(f"--init-from {trained}: its vocabulary is not the one of these sentences")
    assert run("--a", data / "train.neg.txt", "--b", data / "train.pos.txt", *argv, tmp_path / "y") == 0


def test_a_name_that_is_nowhere_says_where_to_put_it(capsys, monkeypatch):
    monkeypatch.delenv("UNPAIRED_DATA", raising=False)
    assert "--a negative: no such file, folder or set" in refused(capsys, run(recipe=sentiment))


def test_files_and_pipes_give_the_same(trained, data, tmp_path, capsysbinary, monkeypatch):
    text = "the soup was bad .\n\nsome unheard word\n" + "the food was awful , " * 9 + "\n"
    (tmp_path / "in.txt").write_text(text)
    assert call(convert, trained, tmp_path / "in.txt", tmp_path / "out.txt", "--to", "b", "--device", "cpu") == 0
    expected = (tmp_path / "out.txt").read_bytes()
    assert len(expected.splitlines()) == 4 and expected.splitlines()[1] == b"" and b"unheard" in expected
    capsysbinary.readouterr()
    assert call(convert, trained, tmp_path / "in.txt", "--to", "b", "--device", "cpu") == 0
    assert capsysbinary.readouterr().out == expected
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode("utf-8-sig")), isatty=lambda: False)
    )
    assert call(convert, trained, "--to", "b", "--device", "cpu") == 0  # a byte-order mark is no word
    assert capsysbinary.readouterr().out == expected


def test_beams_and_draws_are_asked_for_by_one_argument(data, trained, tmp_path, capsys):
    out = tmp_path / "run"
    argv = ["--a", data / "train.neg.txt", "--b", data / "train.pos.txt", *TINY, "--generator", "seq2seq", "--out", out]
    assert run(*argv) == 0

    def said(*how) -> str:
        capsys.readouterr()
        assert call(convert, out, data / "test.neg.txt", "--device", "cpu", *how) == 0
        return capsys.readouterr().out

    assert said() == said("--beam", 1) and len(said("--beam", 4).splitlines()) == 6
    assert said("--sample", "--seed", 1) == said("--sample", "--seed", 1) != said("--sample", "--seed", 2)
    assert call(evaluate, out, "--which", "final", "--beam", 2, "--device", "cpu") == 0
    assert "decoding: a beam of 2" in capsys.readouterr().out
    assert "does not write word by word" in refused(capsys, call(convert, trained, "-", "--beam", 2, "--device", "cpu"))
    assert "a beam draws nothing" in refused(
        capsys, call(convert, out, "-", "--beam", 2, "--sample", "--device", "cpu")
    )


def test_pipes_refuse_what_is_not_text(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"caf\xe9\n"), isatty=lambda: False))
    assert refused(capsys, call(convert, trained, "--device", "cpu")) == "the input is not UTF-8: convert it first"
    assert "none.txt cannot be opened" in refused(
        capsys, call(convert, trained, tmp_path / "none.txt", "--device", "cpu")
    )
    (tmp_path / "there.txt").write_text("kept")
    said = refused(capsys, call(convert, trained, "-", tmp_path / "there.txt", "--device", "cpu"))
    assert said.endswith("exists already: --force overwrites it") and (tmp_path / "there.txt").read_text() == "kept"
    (tmp_path / "empty.txt").write_text("\n\n")
    said = refused(capsys, call(convert, trained, tmp_path / "empty.txt", tmp_path / "o.txt", "--device", "cpu"))
    assert "1 of 1 files were skipped" in said


def test_scores_stand_beside_the_floors(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(judges, "has_minilm", lambda: False)
    assert call(evaluate, trained, "--device", "cpu") == 0
    said = capsys.readouterr().out
    for row in ("copy the input", "lexicon swap", "delete and retrieve", "retrieve", "first reference"):
        assert f"| {row} |" in said
    rows = json.loads((trained / "scores-b.json").read_text())["rows"]
    assert rows["copy the input"]["copied"] == 1 and rows["copy the input"]["self_bleu"] == pytest.approx(100)
    assert call(results, trained, "--docs", tmp_path, "--device", "cpu") == 0
    page = (tmp_path / "results.md").read_text()
    assert "## neg to pos" in page and "style % [TF-IDF]" in page and "```text\ninput        the " in page
    assert "6 sentences, test files, truth: 2 references" in page


def test_a_reference_of_another_length_is_refused(trained, data, tmp_path, capsys):
    for path in data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "test.neg.ref1.txt").write_text("one line\n")
    argv = [trained, "--a", tmp_path / "train.neg.txt", "--b", tmp_path / "train.pos.txt", "--device", "cpu"]
    assert "test.neg.ref1.txt has 1 lines" in refused(capsys, call(evaluate, *argv))


def test_a_ciphers_key_is_its_truth(data, tmp_path, capsys):
    assert call(cipher, data / "train.neg.txt", tmp_path / "cipher", "--vocabulary", 6, "--seed", 3) == 0
    read = {p.name: p.read_text().splitlines() for p in (tmp_path / "cipher").iterdir()}
    key = dict(line.split("\t") for line in read["key.tsv"])
    assert set(key) == set(key.values()) and len(key) == 6
    for code, plain in zip(read["test.cipher6.txt"], read["test.cipher6.ref0.txt"], strict=True):
        assert [key.get(w, "<unk>") for w in code.split()] == plain.split()
    assert len(read["train.cipher6.txt"]) + len(read["train.plain6.txt"]) + len(read["test.cipher6.txt"]) == 40
    assert judges.accuracy(["a b <unk>", "c"], ["a x <unk>", "c"]) == pytest.approx(2 / 3)
    assert "cannot be written" in refused(capsys, call(cipher, "modern", data / "train.neg.txt"))
