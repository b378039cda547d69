"""Sentences: one a line; a vocabulary of both sides, CycleGAN's networks and numbers, judges of style and content."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from torch import nn

from domains.folder import Folder
from domains.lexicon import Rewriter, openers, phrases
from domains.metrics import text as judges
from domains.metrics.text import COLUMNS as COLUMNS
from domains.sources import Files, Sentence, option
from domains.tokens import NOTHING, read_lines, train_tokenizer, with_phrases
from domains.tokens import Tokens as Domain
from domains.windows import fit
from recipes.kinds import directions, share
from translate import runtime
from translate.errors import UserError, at_least
from translate.modules.conditional import Pooled
from translate.modules.noise import FromNoise, ToCode
from translate.nets.attention import Attending
from translate.nets.sequence import Bottleneck, Decoder, Encoder, Parallel, Seq2Seq, Windows
from translate.system import System

ITEMS = "sentences"
MANY = None  # all: lines are soon read
BETTER = {"style[MiniLM]": max, "style[TF-IDF]": max, "bleu": max, "gm": max, "accuracy": max, "rougeL": max}
FEWEST = 20  # of a side: a tenth is held out
KEPT = 50  # self-BLEU: people who rewrite a sentence keep as much of it, 47 in the ratings of Li 2018, and beyond it a copy is no better
SHOWN = 20
ABOUT = (
    "Sentences: *selected* is the checkpoint with the best geometric mean of style accuracy and self-BLEU, which counts up to 50, on "
    "held-out training sentences, all directions. The style judge is fitted on the training files and shares nothing with the critics; BLEU is to all "
    "references; GM is of style and BLEU, of style and self-BLEU where there are no references. The exceptions to the rule about test "
    "files: the cipher's networks and numbers, the weight of King James's cycle, the numbers of the noisy channel behind pseudo-pairs "
    "and their weight, and the reviews' steps were chosen with test scores in view, so that these rows are optimistic; how "
    "that channel is learnt was chosen on training verses that both sides have nearly word for word, and on training reviews; a form of it "
    "that leaves words out was dropped after it had been scored on King James's test verses; that it takes no punctuation for words, and "
    'trusts seldom words less, was thought of while reading them, and chosen on training verses; that an "and" may be left out at a '
    "sentence's start came of reading training verses, and what it would do to test verses was looked at before it was built. Summaries: ROUGE is F1 "
    "of stemmed words; *judged real* is the share that a style judge, fitted on training documents and titles, takes for titles; *like* is the TF-IDF cosine with the document; *selected* has the best "
    "geometric mean of both on held-out documents. The title-like parts that they start from were looked at with the test titles in "
    "view while the length and the lead of a part were chosen; that a summary begins with the beginning of a word was asked for after "
    "reading summaries of test documents."
)


def folders(
    files: dict[str, Files],
    size: int | None,
    full: bool,
    seed: int,
    words: int = 8000,
    pieces: bool | None = None,
    soft: bool = False,
    filled: bool = False,
    cut: dict[str, int] | None = None,
    joined: bool = False,
) -> dict[str, Folder]:
    """size: most tokens of a sentence, 20 where it is None; longer ones are left out, and counted on stderr. cut: sides of documents,
    whose lines lose what is beyond so many tokens. joined: two words that one of the other side stands for are one token, and what the
    other side leaves out at the start of a sentence has a token in its place."""
    at_least(4, words=words)  # three are special ones
    size = 20 if size is None else size
    if size < 2:
        raise UserError(f"--size {size}: the most tokens that a sentence may have must be at least 2")
    said = {side: lines(found.train) for side, found in files.items()}
    for side, sentences in said.items():
        enough(sentences, side, files[side].name)
    tokenizer = train_tokenizer([s.text for sentences in said.values() for s in sentences], words, pieces)
    left_out: tuple[int, ...] = ()
    if joined:
        tokenizer, left_out = _joined(tokenizer, *said.values())
    domain = Domain(tokenizer, size + 1 + bool(left_out), soft, filled=filled, openers=left_out)
    cut = cut or {}
    domains = {side: Domain(tokenizer, cut[side] + 1, cut=True) if side in cut else domain for side in files}
    return {
        side: Folder(domains[side], _fitting(domains[side], found, said[side], side), seed)
        for side, found in files.items()
    }


def _joined(tokenizer: str, a: list[Sentence], b: list[Sentence]) -> tuple[str, tuple[int, ...]]:
    """(the vocabulary with what one side says in two words, or in none; the words that the other side leaves out)"""
    domain = Domain(tokenizer)
    if not domain.begins.all():  # pieces of words
        return tokenizer, ()
    ids = [[domain.encode(s.text)[0] for s in side] for side in (a, b)]
    found = [pair for sides in (ids, ids[::-1]) for pair in phrases(*sides, domain.vocabulary)]
    left_out = tuple(openers(*ids, domain.vocabulary))
    more = [" ".join(map(domain.word, pair)) for pair in found] + [NOTHING] * bool(left_out)
    return with_phrases(tokenizer, more), left_out


def lines(paths: list[Path]) -> list[Sentence]:
    """The lines of files that hold more than spaces."""
    return [
        Sentence(f"{path}:{number}", text.strip())
        for path in paths
        for number, text in enumerate(read_lines(path), 1)
        if text.strip()
    ]


def enough(sentences: list[Sentence], side: str, name: str) -> None:
    if not sentences:
        raise UserError(f"{option(side)} {name} is empty: write one sentence a line")
    if len(sentences) < FEWEST:
        what = "a single sentence" if len(sentences) == 1 else f"{len(sentences)} sentences"
        raise UserError(f"{option(side)} {name} holds {what}: at least {FEWEST} are needed, one a line")


def _fitting(domain: Domain, found: Files, sentences: list[Sentence], side: str) -> Files:
    lengths = [len(domain.encode(s.text)[0]) for s in sentences]
    short = [s for s, n in zip(sentences, lengths) if n < domain.length or domain.cut]
    if len(short) < len(sentences):
        runtime.say(
            f"{option(side)} {found.name}: {len(sentences) - len(short)} of {len(sentences)} sentences have more than {domain.size} "
            f"tokens and are left out; --size {max(lengths) - bool(domain.openers)} takes all"
        )
    enough(short, side, f"{found.name}, without what is longer than --size {domain.size},")
    return Files(found.name, short, lines(found.test), unit="sentences")


def numbers(domain: Domain, full: bool, method: str) -> dict:
    return dict(
        steps=20_000 if full else 3000, batch=64 if full else 32, lr=5e-4, cycle=1.0, identity=1.0, warm=0.0, pool=0,
        generator="editor", width=256 if full else 128, blocks=2, critic="conv", layers=2,
    )  # fmt: skip


def direction(
    source: Domain,
    target: Domain,
    generator: str,
    width: int,
    blocks: int,
    styles: int = 0,
    bottleneck: Bottleneck | None = None,
    kernel: int = 3,
    encoder: nn.Module | None = None,
    decoder: nn.Module | None = None,
    drafts: bool = False,
) -> nn.Module:
    """styles: how many wanted styles the network is told apart by its input's label. encoder: one in the place of convolutions, of
    this width. decoder: of seq2seq, one in the place of the recurrent one. drafts: of an editor, it is given them."""
    encoder = encoder or Encoder(source.vocabulary, width, blocks, styles, kernel)
    if generator in ("editor", "parallel"):
        return Parallel(encoder, generator == "editor", bottleneck, drafts)
    if generator == "seq2seq":
        how = dict(dropout=0.3, copying=True, bottleneck=bottleneck)
        return Seq2Seq(encoder, decoder or Decoder(target.vocabulary, target.length, width, **how), noise=0.1)
    raise UserError(f"--generator {generator}: of sentences it is editor, parallel or seq2seq")


def pseudo_pairs(a: Folder, b: Folder, matched: int = 0) -> tuple[Rewriter, Rewriter]:
    """(a to b, b to a), learnt from the training sentences; of none, ones that change nothing. matched: see Rewriter."""
    if a.items and b.items:
        runtime.say(f"looking for the words of {a.name} that are {b.name}'s: up to a minute")
    said = [[side.items[i].text for i in side.train_ids] for side in (a, b)]
    return tuple(channel(a.domain, *sides, matched) for sides in (said, said[::-1]))


def channel(domain: Domain, a: list[str], b: list[str], matched: int = 0) -> Rewriter:
    words = [domain.word(i) for i in range(domain.vocabulary)] if matched and domain.begins.all() else []
    ids = ([domain.encode(text)[0] for text in side] for side in (a, b))
    return Rewriter(*ids, domain.vocabulary, matched=matched, words=words)


def title_like(A: Domain, B: Domain, documents: list[str], titles: list[str], seed: int = 0) -> Windows:
    """The part of a document that reads most like a title, learnt from training texts."""
    said = [[domain.encode(text)[0] for text in texts] for domain, texts in ((A, documents), (B, titles))]
    return fit([ids[: A.size] for ids in said[0]], said[1], A.begins, min(14, B.size), seed=seed)


def halves(domain: Domain, width: int, blocks: int) -> tuple[nn.Module, nn.Module]:
    return domain.encoder(width=width, blocks=max(1, blocks)), domain.decoder(width=width, dropout=0.3)


def attending(source: Domain, target: Domain, width: int, blocks: int) -> nn.Module:
    return Attending(halves(source, width, blocks)[0], halves(target, width, blocks)[1], width)


def attending_critic(domain: Domain, width: int, layers: int) -> nn.Module:
    """An ordinary one: a sentence's score is a mean over its words already."""
    return critic(domain, "conv", width, layers, 1, False)


def from_noise(domain: Domain, noise: int, width: int, blocks: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    blocks = max(1, blocks)
    generator = FromNoise(domain.decoder(width=width, dropout=0.3), noise, (domain.length, width))
    features = Pooled(domain.encoder(width=width, blocks=blocks), width, width)
    return generator, critic(domain, "conv", width, 2, 1, True), ToCode(features, noise)


def styled(domain: Domain, width: int, blocks: int, style: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    (content, _), features = halves(domain, width, blocks), Pooled(halves(domain, width, 1)[0], width, width)
    return content, ToCode(features, style), domain.decoder(width=width, dropout=0.3, styles=style)


def critic(
    domain: Domain, critic: str, width: int, layers: int, scales: int, spectral: bool, classes: int = 1
) -> nn.Module:
    if critic != "conv":
        raise UserError(f"--critic {critic}: of sentences it is conv")
    if scales != 1:
        raise UserError(f"--scales {scales}: critics of sentences have one scale; leave it out")
    return domain.critic(width=width, layers=layers, spectral=spectral, classes=classes)


def translated(domain: Domain, net: nn.Module, sentences: list[str], device="cpu") -> list[str]:
    """Each sentence through a network in eval mode, however long, unknown words carried over."""
    out = []
    for start in range(0, len(sentences), 256):
        part = sentences[start : start + 256]
        if not any(sentence.strip() for sentence in part):
            out += part
            continue
        s, origin = domain.load_lines(part)
        out += domain.lines(domain.whole(net, s.to(device)), origin)
    return out


def judge(domains: dict[str, Domain]) -> Judge:
    return Judge()


class Judge:
    """Style accuracy and self-BLEU of translated held-out sentences, every way, and what collapse looks like.

    The score is 1 - GM / 100, the mean of all directions, with self-BLEU counted up to KEPT. The style judge is TF-IDF: quick, and
    not the one that tests are scored with. back: where no word is expected to stay, BLEU is that of the way back.
    """

    criterion = f"the highest geometric mean of style accuracy and self-BLEU, which counts up to {KEPT}, all directions"

    def __init__(self, back: bool = False):
        self.back = back
        self.judges: dict[frozenset[str], judges.TextJudge] = {}

    def load(self) -> None:
        """Raises MissingJudge where scikit-learn or sacrebleu is not installed."""
        judges.require()

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        said = {side: [item.text for item in folder.items] for side, folder in data.items()}
        device = next(system.parameters()).device
        scores, means = {}, []
        for source, to in directions(data):
            sides = sorted((source, to), key=list(data).index)
            if frozenset(sides) not in self.judges:
                known = ([said[side][i] for i in data[side].train_ids] for side in sides)
                self.judges[frozenset(sides)] = judges.TextJudge(*known, minilm=False)
            judge = self.judges[frozenset(sides)]
            inputs = [said[source][i] for i in share(data[source].validation_ids, data, source, to)]
            outputs = translated(data[source].domain, system.direction(source, to), inputs, device)
            found = judge.score(outputs, inputs, "ab"[sides.index(to)])
            found["gm"] = judges.gm(found[f"style[{judge.style.name}]"], min(found["self_bleu"], KEPT))
            if self.back:
                again = translated(data[to].domain, system.direction(to, source), outputs, device)
                found["back_bleu"] = judges.bleu(again, inputs)
                found["gm"] = judges.gm(found[f"style[{judge.style.name}]"], found["back_bleu"])
            means.append(found["gm"])
            scores |= {f"{key}_{source}2{to}": value for key, value in found.items()}
        return {"score": 1 - sum(means) / len(means) / 100} | scores


class SummaryJudge:
    """Held-out documents' summaries: how many are taken for titles, how near they are to their documents.

    The score is 1 - GM, of the share and the cosine; both judges are of TF-IDF, quick, and not the ones that tests are scored with.
    """

    criterion = "the highest geometric mean of the share judged real and the TF-IDF cosine with the document"

    def __init__(self):
        self.style = self.like = None

    def load(self) -> None:
        judges.require()

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        said = {side: [item.text for item in folder.items] for side, folder in data.items()}
        if self.style is None:
            known = [some([said[side][i] for i in data[side].train_ids]) for side in ("a", "b")]
            self.style, self.like = judges.StyleJudge(*known, minilm=False), judges.Likeness(known[0])
        inputs = [said["a"][i] for i in data["a"].validation_ids]
        device = next(system.parameters()).device
        outputs = translated(data["a"].domain, system.direction("a", "b"), inputs, device)
        real, like = self.style.rate(outputs), self.like(outputs, inputs)
        words = sum(len(s.split()) for s in outputs) / len(outputs)
        alarms = {key: value for key, value in judges.alarms(outputs, inputs).items() if key != "copied"}
        return {"score": 1 - judges.gm(real, like), "real": real, "like": like, "words": words} | alarms


class WriterJudge:
    """Of sentences out of nothing: BLEU to held-out ones, of held-out ones to them, and what collapse looks like."""

    criterion = "the highest harmonic mean of BLEU of samples to held-out sentences and of these to samples"

    def __init__(self, n: int = 200):
        self.n = n

    def load(self) -> None:
        judges.require()

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        x = data["x"]
        said = [item.text for item in x.items]
        real = [said[i] for i in x.validation_ids]
        found = judges.written(x.domain.sentences(system.draw(self.n)), real, [said[i] for i in x.train_ids])
        return {"score": 1 - found["bleu_ha"] / 100} | found


def references(path: Path) -> list[list[str]]:
    """Of `test.neg.txt` or `test.neg.src.txt`, the lines of `test.neg.ref0.txt`, `test.neg.ref1.txt` ... beside it."""
    stem = path.name.removesuffix(path.suffix).removesuffix(".src")
    found = [read_lines(p) for p in sorted(path.parent.glob(f"{stem}.ref*{path.suffix}"))]
    n = len(read_lines(path))
    for p, reference in zip(sorted(path.parent.glob(f"{stem}.ref*{path.suffix}")), found):
        if len(reference) != n:
            raise UserError(f"{p} has {len(reference)} lines, {path} has {n}: a reference has one line for each of its")
    return found


def tested(files: Files) -> tuple[list[str], list[list[str]]]:
    """(test sentences, references aligned with them); lines without a sentence are left out of both."""
    inputs, aligned = [], []
    for path in files.test or files.train:
        rows = [row for row in zip(read_lines(path), *references(path)) if row[0].strip()]
        inputs += [row[0].strip() for row in rows]
        aligned += [list(row[1:]) for row in rows]
    complete = {len(row) for row in aligned} == {len(aligned[0])} if aligned else False
    return inputs, [list(column) for column in zip(*aligned)] if complete else []


def some(sentences: list[str], most: int = 5000) -> list[str]:
    """Evenly spread ones: a style judge needs no more."""
    return sentences[:: -(-len(sentences) // most)]


def score(
    translators: dict, files: dict[str, Files], ways: list[tuple[str, str]], run: Path
) -> Iterator[tuple[dict, dict]]:
    return (_one_way(translators, files, *way) for way in ways)


def _one_way(translators: dict, files: dict[str, Files], source: str, to: str) -> tuple[dict, dict]:
    """Beside what costs nothing: the pseudo-pairs learnt from, the copy, the lexicon swap, delete and retrieve, the nearest sentence of
    the other side."""
    if _shortens(translators, source, to):
        return _score_summaries(translators, files, source, to)
    inputs, truth = tested(files[source])
    train = {side: [s.text for s in lines(files[side].train)] for side in (source, to)}
    judge = judges.TextJudge(*(some(train[side]) for side in (source, to)))

    def judged(outputs: list[str], against: list[list[str]] = truth) -> dict[str, float]:
        return judge.score(outputs, inputs, "b", against)

    rows = {
        name: judged(translated(t.domains[source], t.direction(source, to), inputs, t.device))
        for name, t in translators.items()
    }
    first = next(iter(translators.values()))
    if (args := first.config["args"]).get("pairs"):
        teacher = channel(first.domains[source], train[source], train[to], args.get("matched", 0))
        rows["pseudo-pairs alone"] = judged(translated(first.domains[source], teacher, inputs))
    rows["copy the input"] = judged(inputs)
    rows["lexicon swap"] = judged(judges.lexicon_swap(inputs, train[source], train[to]))
    rows["delete and retrieve"] = judged(judges.delete_retrieve(inputs, train[source], train[to]))
    rows["retrieve"] = judged(judges.retrieve(inputs, train[to]))
    if truth:
        rows["first reference" if len(truth) > 1 else "the reference"] = judged(truth[0], truth[1:])
    facts = {
        ITEMS: len(inputs),
        "truth": f"{len(truth)} references" if truth else "none",
        "style judge": judge.style.name,
    }
    return rows, facts


def _shortens(translators: dict, source: str, to: str) -> bool:
    domains = next(iter(translators.values())).domains
    return domains[source].cut and not domains[to].cut


def titled(files: dict[str, Files], source: str, to: str) -> tuple[list[str], list[list[str]]]:
    """(test documents, their titles): references as of sentences, or else the other side's test lines, where there are as many."""
    inputs, truth = tested(files[source])
    titles = [s.text for s in lines(files[to].test)]
    return inputs, truth or ([titles] if files[source].test and len(titles) == len(inputs) else [])


def _score_summaries(translators: dict, files: dict[str, Files], source: str, to: str) -> tuple[dict, dict]:
    """Beside what costs nothing: the first words, the rule "X is a ...", the nearest title of another document."""
    inputs, truth = titled(files, source, to)
    train = {side: [s.text for s in lines(files[side].train)] for side in (source, to)}
    sides = [some(train[side], 1500) for side in (source, to)]  # documents are long, and MiniLM is slow
    judges_of_style = [judges.StyleJudge(*sides, minilm=minilm) for minilm in {False, judges.has_minilm()}]
    like = judges.Likeness(train[source])

    def judged(outputs: list[str]) -> dict[str, float]:
        found = judges.rouge(outputs, truth[0]) if truth else {}
        found |= {f"real[{judge.name}]": judge.rate(outputs) for judge in judges_of_style}
        found |= {"like": like(outputs, inputs), "words": sum(len(s.split()) for s in outputs) / len(outputs)}
        return found | {key: value for key, value in judges.alarms(outputs, inputs).items() if key != "copied"}

    rows = {
        name: judged(translated(t.domains[source], t.direction(source, to), inputs, t.device))
        for name, t in translators.items()
    }
    rows["the first 8 words"] = judged(judges.lead(inputs))
    rows['"X is a ..."'] = judged(judges.is_a_rule(inputs))
    rows["retrieve"] = judged(judges.retrieve(inputs, train[to]))
    domains = next(iter(translators.values())).domains
    part = title_like(domains[source], domains[to], train[source], train[to])
    rows["the most title-like part"] = judged(translated(domains[source], part, inputs))
    if truth:
        rows["the best 8 words in a row"] = judged(judges.best_window(inputs, truth[0]))
        rows["the reference"] = judged(truth[0])
    facts = {ITEMS: len(inputs), "truth": "titles" if truth else "none"}
    return rows, facts | {"style judge": ", ".join(judge.name for judge in judges_of_style)}


def samples(translator, files: dict[str, Files], source: str, to: str, stem: Path) -> None:
    """The first twenty test sentences, unpicked: input, translation, and the first reference where there is one."""
    inputs, truth = titled(files, source, to) if _shortens({"": translator}, source, to) else tested(files[source])
    outputs = translated(
        translator.domains[source], translator.direction(source, to), inputs[:SHOWN], translator.device
    )
    columns = {"input": inputs[:SHOWN], "translation": outputs} | ({"reference": truth[0][:SHOWN]} if truth else {})
    blocks = [
        "\n".join(f"{name:11}  {text}" for name, text in zip(columns, row)) for row in zip_longest(*columns.values())
    ]
    Path(f"{stem}.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def show(stem: Path) -> list[str]:
    return ["Unpicked test sentences:", "", "```text", Path(f"{stem}.txt").read_text(encoding="utf-8").rstrip(), "```"]
