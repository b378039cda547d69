"""Sentences: the adapter between lines of text and ids [B,T], or simplices [B,T,V] where they were generated."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.checkpoint import write_file
from translate.errors import UserError, reason
from translate.nets.sequence import END, PAD, UNKNOWN, Critic, Decoder, Encoder
from translate.sample import Sample

from .sources import Sentence

SPECIAL = ("<pad>", "<end>", "<unk>")  # PAD, END, UNKNOWN
NOTHING = "<none>"  # where a word may be left out; never written
SUFFIXES = (".txt",)
ROWS = 64  # sentences through a network at once, where nothing else is asked


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, without their ends. Raises UserError with the file, and the line where there is one."""
    try:
        content = Path(path).read_bytes()
        lines = content.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({reason(error)}): check the name and its permissions") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not UTF-8: save the file as UTF-8 text") from error
    return [line.rstrip("\r") for line in (lines if lines[-1] else lines[:-1])]


def train_tokenizer(sentences: Iterable[str], words: int = 8000, pieces: bool | None = None) -> str:
    """A `tokenizers` vocabulary as JSON: at most `words` tokens, the special ones among them.

    pieces: byte-pair encoding (Sennrich 2016, arXiv:1508.07909), which takes any text; False: words between spaces, for text whose
    punctuation stands alone ("did n't like it ."); None: words where at most one word in fifty ends with punctuation.
    Text in lower case only makes a vocabulary that lowers whatever it is given.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    sentences = list(sentences)
    if pieces is None:
        said = [word for sentence in sentences for word in sentence.split() if len(word) > 1]
        pieces = sum(word[-1] in ".,;:!?" for word in said) * 50 > len(said)
    options = dict(vocab_size=words, special_tokens=list(SPECIAL), show_progress=False)
    if pieces:
        tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN]))
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.BpeTrainer(**options)
    else:
        tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIAL[UNKNOWN]))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.WordLevelTrainer(**options)
    if not any(c.isupper() for sentence in sentences for c in sentence):
        tokenizer.normalizer = normalizers.Lowercase()
    # a special token that the text itself has, <unk>, would get a second id
    tokenizer.train_from_iterator((" ".join(w for w in s.split() if w not in SPECIAL) for s in sentences), trainer)
    return tokenizer.to_str()


def with_phrases(tokenizer: str, phrases: Iterable[str]) -> str:
    """A vocabulary of words in which these, some words each, are tokens too."""
    from tokenizers import AddedToken, Tokenizer

    known = Tokenizer.from_str(tokenizer)
    known.add_tokens([AddedToken(phrase, single_word=True) for phrase in phrases])
    return known.to_str()


@dataclass(frozen=True)
class Lines:
    """What lines of text had that their ids have not. rows: how many rows each line became: none where it is empty, several where
    it is longer than a sentence may be; unknown: of each row, the words that the vocabulary lacks, in order."""

    suffix: str = ".txt"
    rows: tuple[int, ...] = (1,)
    unknown: tuple[tuple[str, ...], ...] = field(default=((),), repr=False)


@dataclass
class Tokens:
    """Sentences of one collection: words, then END.

    tokenizer: JSON of a `tokenizers.Tokenizer` whose ids 0, 1, 2 are SPECIAL. length: most tokens of a sentence, END among them.
    soft: generated sentences stay distributions in pools, for critics whose input is continuous.
    cut: a line that is longer loses its rest, as documents may; else it becomes several sentences.
    openers: ids of words that the other side leaves out at the start of a sentence, as King James says "and": a sentence that begins
    without one begins with NOTHING, so that a word for a word can leave it out too, or say it.
    filled: END is said again until `length` is reached, and nothing is padding, as where WGAN-GP writes (arXiv:1704.00028, section 5.4):
    no penalty on slopes sees a critic's opinion of a mask, which then grows without bound.
    """

    tokenizer: str
    length: int = 21
    soft: bool = False
    cut: bool = False
    filled: bool = False
    openers: tuple[int, ...] = ()
    suffixes = SUFFIXES

    def __post_init__(self):
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # tokenizers raises the base class
            raise ValueError(f"the vocabulary cannot be read: {reason(error)}") from error
        if tuple(map(self._tokenizer.id_to_token, range(3))) != SPECIAL:
            raise ValueError(f"the vocabulary's first tokens are not {', '.join(SPECIAL)}")
        self.openers = tuple(self.openers)
        self.nothing = self._tokenizer.token_to_id(NOTHING)

    @cached_property
    def vocabulary(self) -> int:
        return self._tokenizer.get_vocab_size()

    @property
    def size(self) -> int:
        """Most words of a sentence."""
        return self.length - 1 - bool(self.openers)

    @property
    def kind(self) -> str:
        return f"sentences of {self.length} tokens, {self.vocabulary} words [{zlib.crc32(self.tokenizer.encode()):08x}]"

    def word(self, i: int) -> str:
        """The text of one token; none of the special ones."""
        return self._tokenizer.id_to_token(i).removeprefix("▁") if i > UNKNOWN else ""

    @cached_property
    def begins(self) -> Tensor:
        """[V] bool: the tokens that begin a word."""
        pieces = '"BPE"' in self.tokenizer
        tokens = map(self._tokenizer.id_to_token, range(self.vocabulary))
        return torch.tensor([not pieces or token.startswith("▁") for token in tokens])

    def spec(self) -> dict:
        return {"domain": "tokens", **asdict(self)}

    # files and samples

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        """(ids without an end, the words that are unknown, as they were written)"""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        left_out = self.openers and found.ids and found.ids[0] not in self.openers
        return [self.nothing] * bool(left_out) + found.ids, [
            text[slice(*at)] for i, at in zip(found.ids, found.offsets) if i == UNKNOWN
        ]

    def sentences(self, s: Sample, unknown: Iterable[Iterable[str]] = ()) -> list[str]:
        """Text of each row; unknown words take their turn from `unknown`, and are SPECIAL[UNKNOWN] where it has none left."""
        rows = [ids[mask].tolist() for ids, mask in zip(self._ids(s).cpu(), s.mask.cpu())]
        given = [iter(words) for words in unknown] or [iter(()) for _ in rows]
        return [self._text(row, words) for row, words in zip(rows, given)]

    def _text(self, ids: list[int], unknown) -> str:
        ids = [i for i in ids[: ids.index(END) if END in ids else None] if i not in (PAD, self.nothing)]
        parts, start = [], 0
        for at in [i for i, token in enumerate(ids) if token == UNKNOWN] + [len(ids)]:
            parts.append(self._tokenizer.decode(ids[start:at], skip_special_tokens=False))
            parts.append(next(unknown, SPECIAL[UNKNOWN]) if at < len(ids) else "")
            start = at + 1
        return " ".join(part for part in parts if part)

    def load(self, path: Path) -> tuple[Sample, Lines]:
        """Every line of a file; a line that is too long becomes several rows, so that nothing is lost."""
        try:
            return self.load_lines(read_lines(path), Path(path).suffix)
        except ValueError:
            raise UserError(f"{path} holds no sentence: write one a line") from None

    def take(self, sentence: str) -> tuple[Sample, Lines]:
        if not isinstance(sentence, str) or not sentence.strip() or "\n" in sentence:
            raise UserError("a sentence is a string of one line that is not empty")
        return self.load_lines([sentence])

    def load_lines(self, lines: list[str], suffix: str = SUFFIXES[0]) -> tuple[Sample, Lines]:
        """Raises ValueError where all are empty."""
        pieces = [list(self._pieces(line)) for line in lines]
        rows = [self.encode(piece) for line in pieces for piece in line]
        if not rows:
            raise ValueError("no sentence")
        s = self.collate([Sample(torch.tensor(ids, dtype=torch.long)) for ids, _ in rows])
        return s, Lines(suffix, tuple(map(len, pieces)), tuple(tuple(unknown) for _, unknown in rows))

    def _pieces(self, line: str) -> Iterable[str]:
        """A line in parts of at most `length` - 1 tokens, cut behind punctuation where there is any, else between words; ahead of no word
        that may be left out at a start, which is none of the line's."""
        words, openers = line.split(), {self.word(i) for i in self.openers}
        while words:
            fits = min(len(words), 2 * self.length)  # a phrase is one token, of two words
            while fits > 1 and len(self.encode(" ".join(words[:fits]))[0]) >= self.length:
                fits -= 1
            if self.cut:
                yield " ".join(words[:fits])
                return
            if fits < len(words):
                ends = [i for i in range(1, fits + 1) if words[i - 1][-1] in ".,;:!?" and words[i] not in openers]
                fits = ends[-1] if ends else fits
            yield " ".join(words[:fits])
            words = words[fits:]

    def save(self, s: Sample, origin: Lines, stem: Path) -> Path:
        path = Path(stem).with_name(Path(stem).name + origin.suffix)
        try:
            write_file(path, ("\n".join(self.lines(s, origin)) + "\n").encode())
        except OSError as error:
            raise UserError(f"{path}: not written ({reason(error)}); free space or choose another folder.") from error
        return path

    def give(self, s: Sample, origin: Lines) -> str:
        return "\n".join(self.lines(s, origin))

    def lines(self, s: Sample, origin: Lines) -> list[str]:
        """What `load_lines` took apart, put together again."""
        rows = iter(self.sentences(s, origin.unknown))
        return [" ".join(islice(rows, n)) for n in origin.rows]

    def decode(self, item: Sentence) -> Sample:
        ids, _ = self.encode(item.text)
        if not ids:
            raise UserError(f"{item.name} is empty")
        return Sample(torch.tensor(ids, dtype=torch.long))  # [words]

    def split(self, s: Sample) -> tuple[Sample, Sample]:
        return s[: len(s) * 3 // 4], s[len(s) * 3 // 4 :]

    def crop(self, s: Sample, rng: np.random.Generator | None) -> Sample:
        """As many words as leave room for END, from anywhere; rng None, and of what is cut: from the start."""
        spare = max(0, len(s) - (self.length - 1))
        start = 0 if rng is None or self.cut else int(rng.integers(spare + 1))
        return s[start : start + self.length - 1]

    def views(self, s: Sample) -> list[Sample]:
        return [self.crop(s, None)]

    def collate(self, items: list[Sample]) -> Sample:
        shape = len(items), self.length
        batch = Sample(torch.full(shape, END if self.filled else PAD), torch.full(shape, self.filled, dtype=torch.bool))
        for ids, mask, item in zip(batch.x, batch.mask, items):
            n = min(len(item), self.length - 1)
            ids[:n], ids[n], mask[: n + 1] = item.x[:n], END, True
        return batch

    def normalise(self, s: Sample) -> Sample:
        return s

    def denormalise(self, s: Sample) -> Sample:
        return s

    def blank(self, n: int) -> Sample:
        """No real token at all, so that whoever reads an unfilled row gets NaN."""
        x = torch.zeros(n, self.length, self.vocabulary) if self.soft else torch.full((n, self.length), PAD)
        return Sample(x, torch.zeros(n, self.length, dtype=torch.bool))

    def whole(self, net: nn.Module, s: Sample, tile: int = 0) -> Sample:
        """Any number of sentences, neighbours in length together, `tile` at once (64 where it is 0): ids [B,length], no gradient."""
        lengths = s.mask.sum(1)
        out = self.blank(len(s)).to(s.x.device)
        out.x = out.x if out.x.ndim == 2 else out.x[..., 0].long()
        for rows in lengths.argsort(stable=True).split(tile or ROWS):
            longest = int(lengths[rows].max())
            with torch.no_grad():
                done = net(Sample(s.x[rows, :longest], s.mask[rows, :longest]))
            n = done.mask.shape[1]
            out.x[rows, :n], out.mask[rows, :n] = self._ids(done), done.mask
        return out

    def preview(self, rows: dict[str, Sample], stem: Path) -> list[Path]:
        """One block a sentence, one line a stage; words that the line above it does not have stand in [brackets]."""
        path = stem.with_suffix(".txt")
        width = max(map(len, rows))
        columns = [self.sentences(s) for s in rows.values()]
        blocks = []
        for sentence in zip(*columns):
            shown = [sentence[0], *(marked(new, old) for old, new in zip(sentence, sentence[1:]))]
            blocks.append("\n".join(f"{name:{width}}  {text}" for name, text in zip(rows, shown)))
        path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
        return [path]

    # what a method needs

    def _ids(self, s: Sample) -> Tensor:
        return s.x.argmax(-1) if s.x.is_floating_point() else s.x

    def relax(self, s: Sample) -> Sample:
        if s.x.is_floating_point():
            return s
        return Sample(F.one_hot(s.x, self.vocabulary).float(), s.mask, s.label)

    def harden(self, s: Sample) -> Sample:
        return s if self.soft or not s.x.is_floating_point() else Sample(s.x.argmax(-1), s.mask, s.label)

    def distance(self, pred: Sample, target: Sample) -> Tensor:
        """Cross-entropy in nats a token, over the target's real tokens."""
        loss = F.cross_entropy(pred.logits.float().flatten(0, 1), target.x.flatten(), reduction="none")  # [B T]
        return loss.where(target.mask.flatten(), 0).sum() / target.mask.sum()

    def encoder(self, **kw) -> nn.Module:
        return Encoder(self.vocabulary, **kw)

    def decoder(self, **kw) -> nn.Module:
        return Decoder(self.vocabulary, self.length, **kw)

    def critic(self, **kw) -> nn.Module:
        return Critic(self.vocabulary, **kw)


def marked(text: str, before: str) -> str:
    """The words of `text` that are not where `before` has them, in brackets."""
    old, new = before.split(), text.split()
    parts = []
    for tag, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        words = " ".join(new[start:end])
        parts += [] if tag == "delete" else [words] if tag == "equal" else [f"[{words}]"]
    return " ".join(parts)
