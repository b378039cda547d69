"""Sentences and their files: what goes in comes out, and what is wrong with a file is said."""

import numpy as np
import pytest
import torch

from domains import tokens as module
from domains.folder import Folder
from domains.sources import Files
from domains.tokens import NOTHING, Tokens, marked, read_lines, train_tokenizer, with_phrases
from recipes.kinds import tokens as kind
from translate.errors import UserError
from translate.nets.sequence import END, UNKNOWN
from translate.sample import Sample

TEXT = ["the food was good .", "i did n't like the place , at all !", "good food , bad service ."] * 10


@pytest.fixture(scope="module")
def words() -> Tokens:
    return Tokens(train_tokenizer(TEXT), length=7)


class Copy(torch.nn.Module):
    """Looks at how it was called, and gives back the simplex of what it was given."""

    def __init__(self, domain: Tokens):
        super().__init__()
        self.domain, self.shapes = domain, []

    def forward(self, s: Sample) -> Sample:
        self.shapes.append(tuple(s.x.shape))
        return self.domain.relax(s)


def through(domain: Tokens, path, out):
    s, origin = domain.load(path)
    return domain.save(domain.whole(Copy(domain), s), origin, out).read_text(encoding="utf-8")


def test_a_files_lines_come_back(words, tmp_path):
    """Long lines, empty lines, unknown words, spaces at the ends: nothing is lost but the spaces."""
    (tmp_path / "in.txt").write_text(
        "the food was good .\n\n  bad naïve service  \r\n" + "good food , " * 7 + "\nzzz qqq\n"
    )
    assert through(words, tmp_path / "in.txt", tmp_path / "out").splitlines() == [
        "the food was good .",
        "",
        "bad naïve service",
        ("good food , " * 7).strip(),
        "zzz qqq",
    ]


def test_long_lines_are_cut_behind_punctuation(words):
    s, origin = words.load_lines(["the food was good , i did n't like the place"])
    assert origin.rows == (2,) and words.sentences(s) == ["the food was good ,", "i did n't like the place"]


def test_a_chapter_in_one_line_takes_as_long_as_its_sentences(words, monkeypatch):
    read, encode = [], words.encode
    monkeypatch.setattr(words, "encode", lambda text: read.append(len(text)) or encode(text))
    costs = []
    for n in (100, 400):
        read.clear()
        s, origin = words.load_lines(["the dog ran , " * n])
        costs.append(sum(read))
        assert words.lines(s, origin)[0].split() == ["the", "dog", "ran", ","] * n
    assert costs[1] < 6 * costs[0]


def test_any_text_comes_back_from_pieces():
    raw = ["I don't like it, at all!", "Good food; bad (really bad) service..."] * 10
    domain = Tokens(train_tokenizer(raw, 120), length=40)
    assert "BPE" in domain.tokenizer and "BPE" not in train_tokenizer(TEXT)
    s, origin = domain.load_lines(raw)
    assert domain.lines(s, origin) == raw


def test_lower_case_collections_lower_what_they_are_given(words):
    assert words.encode("The FOOD was Good .")[0] == words.encode("the food was good .")[0]
    assert words.encode("The Zebra was good .")[1] == ["Zebra"], "but unknown words stay as they were written"


def test_a_sentence_is_words_and_an_end(words):
    s, _ = words.take("good food")
    assert s.x[0, 2] == END and s.mask.sum() == 3 and s.x.shape == (1, 7)
    assert words.take("blah food")[0].x[0, 0] == UNKNOWN
    assert words.give(*words.take("good food")) == "good food"
    for wrong in ("", "  ", "two\nlines", 3):
        with pytest.raises(UserError, match="a sentence is a string of one line"):
            words.take(wrong)


def test_unknown_words_may_stand_in_the_text_itself():
    domain = Tokens(train_tokenizer(["<unk> food <unk> ."] * 3))
    assert domain.encode("<unk> food .")[0][0] == UNKNOWN and domain.vocabulary == 5
    assert domain.lines(*domain.load_lines(["<unk> food ."])) == ["<unk> food ."]


def test_unknown_words_take_their_turn(words):
    s, origin = words.take("zzz food qqq .")
    assert origin.unknown == (("zzz", "qqq"),)
    assert words.sentences(s) == ["<unk> food <unk> ."] and words.sentences(s, [["zzz"]]) == ["zzz food <unk> ."]


def test_a_phrase_is_one_word():
    tokenizer = train_tokenizer(["and the lord said .", "the lords said ."], 100)
    domain = Tokens(with_phrases(tokenizer, ["the lord"]))
    text = "and the lord said the lords , unheard the lord ."
    s, origin = domain.load_lines([text, "The LORD said ."])
    assert [domain.word(i) for i in s.x[1, :3]] == ["the lord", "said", "."]
    assert domain.vocabulary == Tokens(tokenizer).vocabulary + 1 and s.mask[0].sum() == 9 + 1
    assert domain.lines(s, origin) == [text, "the lord said ."]


def test_what_may_be_left_out_at_the_start_has_a_token_in_its_place():
    tokenizer = with_phrases(train_tokenizer(["and he said and went .", "he went ."]), [NOTHING])
    opener = Tokens(tokenizer).encode("and")[0][0]
    domain = Tokens(tokenizer, length=7, openers=(opener,))
    lines = ["he went and zzz .", "and he said .", "and"]
    s, origin = domain.load_lines(lines)
    assert s.x[:, 0].tolist() == [domain.nothing, opener, opener] and domain.size == 5
    assert domain.lines(s, origin) == lines, "it is never written"
    s.x[0, 0], s.x[1, 0] = opener, domain.nothing
    assert domain.lines(s, origin) == ["and he went and zzz .", "he said .", "and"]
    assert Tokens(**{key: value for key, value in domain.spec().items() if key != "domain"}) == domain
    assert Tokens(tokenizer).encode(lines[0])[0] == domain.encode(lines[0])[0][1:]
    long = "he said . he went . and went ."
    s, origin = domain.load_lines([long])
    assert domain.sentences(s)[0] == "he said ." and (s.x[:, 0] == domain.nothing).all(), (
        "an inner one is not at a start"
    )
    assert domain.lines(s, origin) == [long]


def test_neighbours_in_length_go_together(words, tmp_path):
    short, long = "good .", "i did n't like food ."
    s, origin = words.load_lines([short, long] * 5)
    net = Copy(words)
    out = words.whole(net, s, tile=5)
    assert net.shapes == [(5, 3), (5, 7)]
    assert words.lines(out, origin) == [short, long] * 5


def test_it_is_rebuilt_from_its_spec(words):
    spec = words.spec()
    assert spec.pop("domain") == "tokens" and Tokens(**spec) == words and Tokens(**spec).kind == words.kind
    other = Tokens(train_tokenizer([*TEXT, "entirely new words"]), length=7)
    assert other.kind != words.kind, "other vocabularies are another kind"
    for wrong in ("{}", "", '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}'):
        with pytest.raises(ValueError, match="the vocabulary"):
            Tokens(wrong)


def test_soft_sentences_stay_soft_in_pools(words):
    soft = Tokens(words.tokenizer, 7, soft=True)
    fake = Sample(torch.rand(2, 7, soft.vocabulary).softmax(-1), torch.ones(2, 7, dtype=torch.bool))
    assert soft.harden(fake) is fake and soft.blank(2).x.shape == fake.x.shape
    assert soft.sentences(fake) == words.sentences(fake)
    assert words.harden(fake).x.shape == (2, 7)


def test_filled_sentences_end_again_and_again(words):
    filled = Tokens(words.tokenizer, 7, filled=True)
    s = filled.take("the food")[0]
    assert (
        s.mask.all()
        and s.x[0, 2:].tolist() == [END] * 5
        and torch.equal(s.x[0, :2], words.take("the food")[0].x[0, :2])
    )
    said = s.x.clone()
    said[0, 4] = s.x[0, 0]
    assert filled.sentences(s) == filled.sentences(Sample(said, s.mask)) == ["the food"], (
        "what follows an end is not said"
    )
    assert Tokens(**{k: v for k, v in filled.spec().items() if k != "domain"}) == filled


def test_what_changed_is_marked(words, tmp_path):
    assert marked("the food was great !", "the food was bad .") == "the food was [great !]"
    assert marked("a b", "a c b") == "a b" and marked("a", "a") == "a"
    rows = {name: words.take(text)[0] for name, text in (("a", "the food was bad ."), ("a → b", "the food was good ."))}
    (path,) = words.preview(rows, tmp_path / "step_000010_a")
    assert path.read_text() == "a      the food was bad .\na → b  the food was [good] .\n"


# files that are wrong


def opened(tmp_path, a: bytes | str, b: bytes | str = "\n".join(TEXT), **kw) -> dict[str, Folder]:
    files = {}
    for side, content in (("a", a), ("b", b)):
        path = tmp_path / f"{side}.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        files[side] = Files(side, [path])
    return kind.folders(files, kw.pop("size", None), False, 0, **kw)


WRONG = [
    ("", "--a a is empty: write one sentence a line"),
    ("\n \n\t\n", "--a a is empty"),
    ("only this", "--a a holds a single sentence: at least 20 are needed, one a line"),
    ("one\ntwo\nthree\n", "--a a holds 3 sentences: at least 20 are needed"),
    (b"good\nbad \xff\xfe\n" * 20, "a.txt: line 2 is not UTF-8: save the file as UTF-8 text"),
    ("a b c d\n" * 20 + "a b\n" * 3, "--a a, without what is longer than --size 3, holds 3 sentences"),
]


@pytest.mark.parametrize("content, message", WRONG, ids=range(len(WRONG)))
def test_files_that_cannot_be_trained_on(content, message, tmp_path):
    with pytest.raises(UserError) as said:
        opened(tmp_path, content, size=3 if "--size 3" in message else None)
    assert message in str(said.value) and "\n" not in str(said.value)


@pytest.mark.parametrize("size", [0, 1])
def test_sentences_have_two_tokens_at_least(size, tmp_path):
    with pytest.raises(UserError, match=f"--size {size}: the most tokens that a sentence may have"):
        opened(tmp_path, "\n".join(TEXT), size=size)
    with pytest.raises(UserError, match="--words 3: it must be at least 4"):
        opened(tmp_path, "\n".join(TEXT), words=3)


def test_sentences_that_are_too_long_are_counted_and_left_out(tmp_path, capsys):
    folder = opened(tmp_path, "\n".join([*TEXT, "good " * 30, "good " * 40]))["a"]
    assert (
        capsys.readouterr().err
        == "--a a: 2 of 32 sentences have more than 20 tokens and are left out; --size 40 takes all\n"
    )
    assert len(folder.items) == 30 and folder.unit == "sentences"
    assert "27 sentences trained on, 3 held out" in folder.protocol


def test_both_sides_share_a_vocabulary(tmp_path):
    folders = opened(tmp_path, "\n".join(TEXT), "ganz andere wörter\n" * 20)
    assert folders["a"].domain.kind == folders["b"].domain.kind
    rows = folders["b"].rows(range(3))
    assert rows.x.shape == (3, 21) and folders["b"].domain.sentences(rows) == ["ganz andere wörter"] * 3
    assert kind.folders and opened(tmp_path, "\n".join(TEXT), words=9)["a"].domain.vocabulary == 9


def test_lines_are_read_as_they_are(tmp_path):
    for mark in ("", "\ufeff"):  # of byte order, which Windows writes
        (tmp_path / "x.txt").write_bytes(f"{mark}a\u2028b\r\nc\n\nd".encode())
        assert read_lines(tmp_path / "x.txt") == ["a\u2028b", "c", "", "d"]
    with pytest.raises(UserError, match="none.txt cannot be read"):
        read_lines(tmp_path / "none.txt")


def test_crops_of_long_sentences_differ_and_short_ones_stay(words):
    long, short = Sample(torch.arange(3, 13) % 5 + 3), Sample(torch.tensor([3, 4]))
    crops = {tuple(words.crop(long, np.random.default_rng(i)).x.tolist()) for i in range(30)}
    assert len(crops) == 5 and all(len(c) == 6 for c in crops)
    assert words.crop(short, np.random.default_rng(0)).x.tolist() == [3, 4]
    assert module.SPECIAL[END] == "<end>"
