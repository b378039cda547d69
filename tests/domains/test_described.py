"""Pictures and their sentences say the same."""

from collections import Counter

import numpy as np
import pytest
import torch

from domains.described import COLOURS, NUMBERS, STYLES, describe, language, parts, seen
from domains.sources import Files, Sentence, find
from translate.errors import UserError


@pytest.fixture(scope="module")
def told():
    return describe(find("digits", ""), seed=1)


def test_a_rule_sees_what_the_sentence_says(told):
    files, sentences = told
    said = torch.tensor([parts(s) for s in sentences])
    x = torch.from_numpy(np.stack([item.array for item in files.train])).permute(0, 3, 1, 2) / 255
    colour, style, digit = seen(x)
    assert torch.equal(colour, said[:, 0]) and torch.equal(style, said[:, 1])
    assert said[:, 2].tolist() == files.labels["train"].tolist()
    grey = np.stack([item.array for item in find("digits", "").train])
    assert np.abs(digit[:, 0].numpy() * 255 - grey).max() <= 3, "and the digit beneath"
    assert set(map(tuple, said[:, :2].tolist())) == {(c, s) for c in range(len(COLOURS)) for s in range(len(STYLES))}


def test_sentences_and_their_language(told):
    _, sentences = told
    tokens = language(sentences)
    assert tokens.length == 6 and tokens.vocabulary == 3 + 1 + len(COLOURS) + len(NUMBERS) + 2  # a, the comma, inverted
    s = tokens.collate([tokens.decode(Sentence("", sentence)) for sentence in sentences[:20]])
    assert tokens.sentences(s) == sentences[:20]
    assert max(Counter(sentences).values()) < 30 and "a red three , inverted" in {
        f"a {c} {n} , inverted" for c in COLOURS for n in NUMBERS
    }


def test_only_labelled_grey_digits_are_described():
    with pytest.raises(UserError, match="photos: words are made for labelled grey digits, such as --data digits"):
        describe(find("photos", ""))
    with pytest.raises(UserError, match="words are made for"):
        describe(Files("plain", find("digits", "").train))


def test_pictures_are_called_what_their_index_says(tmp_path):
    (tmp_path / "trainB").mkdir()
    paths = [tmp_path / "trainB" / name for name in ("1.png", "2.png")]
    files = Files("trainB", paths)
    (tmp_path / "INDEX.csv").write_text(
        'file,name,category\ntrainB/1.png,CLOSED UMBRELLA,x\ntrainB/2.png,"MAN\'S SHOE, LEFT",y\n'
    )
    assert describe(files) == (files, ["closed umbrella", "man ' s shoe , left"])
    paths.append(tmp_path / "trainB" / "3.png")
    with pytest.raises(UserError, match=r"3\.png has no name in .*INDEX\.csv: add a line"):
        describe(files)
    (tmp_path / "INDEX.csv").write_text("picture,title\n1.png,A\n")
    with pytest.raises(UserError, match="words are made for"):
        describe(Files("trainB", paths))
