"""Networks for sequences of tokens: ids [B,T] or simplices [B,T,V], with a mask [B,T] that is True where a token is real.

What lies under the mask changes nothing. Ids 0, 1, 2 are padding, the end of a sentence, and an unknown word.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..sample import Sample
from .layers import Style

PAD, END, UNKNOWN = 0, 1, 2
NEVER = -1e4  # a logit that no noise lifts; finite, so that its gradient is zero and not NaN


# Past the discrete step: functions (logits [...,V], temperature) -> [...,V]


def gumbel(like: Tensor) -> Tensor:
    """Standard Gumbel noise, -log(-log u): on a CPU three times as fast as by `exponential_`."""
    return torch.rand_like(like).clamp_(min=1e-20).log_().neg_().log_().neg_()


def straight_through(logits: Tensor, temperature: Tensor | float) -> Tensor:
    """Gumbel-softmax (Jang 2017, arXiv:1611.01144): hard one-hots forward, the soft sample's gradient backward."""
    return _StraightThrough.apply(logits, torch.as_tensor(temperature, device=logits.device))


class _StraightThrough(torch.autograd.Function):
    """`hard + soft - soft.detach()` in a third of the passes over [B,T,V], which are most of a step on a CPU."""

    @staticmethod
    def forward(ctx, logits: Tensor, temperature: Tensor) -> Tensor:
        soft = concrete(logits, temperature)
        ctx.save_for_backward(soft, temperature)
        return one_hot(soft)

    @staticmethod
    def backward(ctx, slope: Tensor):
        soft, temperature = ctx.saved_tensors
        inner = torch.linalg.vecdot(slope, soft).unsqueeze(-1)
        return (slope - inner).mul_(soft).div_(temperature), None


def concrete(logits: Tensor, temperature: Tensor | float) -> Tensor:
    """A random distribution, as the critic's continuous input (Maddison 2017, arXiv:1611.00712, eq. 10); its largest is a sample.

    Without the noise (`soft`) more of a cipher's words stay swapped.
    """
    return gumbel(logits).add_(logits).div_(temperature).softmax(-1)


def soft(logits: Tensor, temperature: Tensor | float) -> Tensor:
    """The distribution itself, nothing drawn (WGAN-GP, arXiv:1704.00028, section 5.4)."""
    return (logits / temperature).softmax(-1)


def in_place(logits: Tensor, s: Sample) -> Tensor:
    """The end stands where `s` has it, and so do words outside the vocabulary, which are carried over; words elsewhere."""
    last = torch.arange(s.mask.shape[1], device=s.mask.device) == s.mask.sum(1, keepdim=True) - 1  # [B,T]
    unknown = s.x[..., UNKNOWN] > 0.5 if s.x.is_floating_point() else s.x == UNKNOWN
    kept = [torch.where(at, -NEVER, NEVER)[..., None] for at in (last, unknown)]
    return torch.cat([torch.full_like(kept[0], NEVER), *kept, logits[..., UNKNOWN + 1 :]], -1)


def draw_word(logits: Tensor, temperature: Tensor | float) -> Tensor:
    """A sampled word as a one-hot without a gradient: for the policy gradient."""
    return one_hot(logits.detach() / temperature + gumbel(logits))


def one_hot(scores: Tensor) -> Tensor:
    """The largest of the last axis, as a one-hot of the same dtype."""
    return torch.zeros_like(scores).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)


class Bottleneck(nn.Module):
    """The last layer of a token generator: logits -> words, by one of the functions above while training, greedily afterwards.

    The temperature falls geometrically from `start` to `end` over the first `steps` passes in training; it is a buffer.
    """

    def __init__(self, sample: Callable = straight_through, start: float = 1.0, end: float = 1.0, steps: int = 1):
        super().__init__()
        self.sample, self.end, self.rate = sample, end, (end / start) ** (1 / steps)
        self.register_buffer("temperature", torch.tensor(start))

    def advance(self) -> None:
        """Once a free-running pass in training."""
        self.temperature.copy_((self.temperature * self.rate).clamp(min=self.end))

    def forward(self, logits: Tensor) -> Tensor:
        return self.sample(logits, self.temperature.clone()) if self.training else one_hot(logits)


def until_end(x: Tensor) -> Tensor:
    """Simplex [B,T,V] -> mask [B,T]: up to and with the first END. No wait for the host."""
    ends = (x.argmax(-1) == END).long()
    return ends.cumsum(1) - ends == 0


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """[B,T,D], [B,T] -> [B,D]; NaN where nothing is real."""
    return x.where(mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True)


def simplex(s: Sample, vocabulary: int) -> Tensor:
    """[B,T,V], zero at padding."""
    x = s.x if s.x.is_floating_point() else F.one_hot(s.x, vocabulary).float()
    return x.where(s.mask[..., None], 0)


class Embedding(nn.Module):
    """The only module that looks at the dtype: ids are looked up, simplices multiplied. Padding becomes zero."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary, width) * width**-0.5)

    def forward(self, s: Sample) -> Tensor:
        x = s.x.to(self.weight.dtype) @ self.weight if s.x.is_floating_point() else self.weight[s.x]  # [B,T,D]
        return x.where(s.mask[..., None], 0)


class Windows(nn.Module):
    """The part of a document that reads most like a title: a summary to start from (domains/windows.py fits the weights).

    A part's score is the sum of weights of its words, its word pairs, and those at its ends, and `lift` for each of its tokens, less
    `lead` for each ahead of it.
    begins: [V] bool, the tokens that begin a word: no part begins or ends inside one. weight: [3 V + 3 PAIRS]. All are buffers.
    """

    PAIRS = 2**15  # that pairs are hashed into, each of three tables

    def __init__(self, begins: Tensor, shortest: int = 3, longest: int = 14, lead: float = 0.05):
        super().__init__()
        self.shortest, self.longest, self.lead = shortest, longest, lead
        self.register_buffer("begins", begins)
        self.register_buffer("weight", torch.zeros(3 * len(begins) + 3 * self.PAIRS))
        self.register_buffer("lift", torch.zeros(()))

    def of_words(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ids [...] -> weights of a word inside, at the beginning, at the end."""
        return tuple(self.weight[x + k * len(self.begins)] for k in range(3))

    def of_pairs(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ids [...,T] -> [...,T-1], likewise."""
        key = (x[..., :-1] * 7919 + x[..., 1:] * 104_729) % self.PAIRS + 3 * len(self.begins)
        return tuple(self.weight[key + k * self.PAIRS] for k in range(3))

    def scores(self, s: Sample) -> Tensor:
        """[B, T, longest - shortest + 1]: of the part that begins at t and has so many tokens; NEVER where there is none."""
        x = F.pad(s.x, (0, self.longest))  # [B,T+longest]
        real = F.pad(s.mask & (s.x != END), (0, self.longest))
        word, first, last = self.of_words(x)
        pair, opens, closes = (F.pad(t, (0, 1)) for t in self.of_pairs(x))
        before = F.pad(torch.where(real, word, 0).cumsum(1), (1, 0))  # sums of all that stand ahead of t
        paired = F.pad(torch.where(real, pair, 0).cumsum(1), (1, 0))
        n, found = s.x.shape[1], []
        starts = self.begins[x] & real
        ends = F.pad(self.begins[x] | ~real, (0, 1), value=True)[:, 1:]  # what follows does not go on with the word
        place = torch.arange(n, device=x.device) * self.lead
        for k in range(self.shortest, self.longest + 1):
            t = slice(k - 1, k - 1 + n)  # the last token's place
            score = before[:, k : k + n] - before[:, :n] + paired[:, k - 1 : k - 1 + n] - paired[:, :n] - place
            score = score + first[:, :n] + last[:, t] + opens[:, :n] + closes[:, k - 2 : k - 2 + n] + k * self.lift
            found.append(score.masked_fill(~(starts[:, :n] & real[:, t] & ends[:, t]), NEVER))
        return torch.stack(found, -1)

    def best(self, s: Sample) -> tuple[Tensor, Tensor]:
        """(where the best part begins, how many tokens it has), [B] each; all of a document that has no part."""
        scores = self.scores(s).flatten(1)
        value, at = scores.max(1)
        start, n = at // (self.longest - self.shortest + 1), at % (self.longest - self.shortest + 1) + self.shortest
        whole = (s.mask.sum(1) - 1).clamp(max=self.longest)
        return torch.where(value > NEVER, start, 0), torch.where(value > NEVER, n, whole)

    def forward(self, s: Sample) -> Sample:
        """Document, ids [B,T] -> its title-like part, ids [B,longest+1] with an end."""
        start, n = self.best(s)
        t = torch.arange(self.longest + 1, device=s.x.device)
        x = F.pad(s.x, (0, self.longest + 1)).gather(1, start[:, None] + t)
        x = torch.where(t == n[:, None], END, x)
        mask = t <= n[:, None]
        return Sample(x.where(mask, PAD), mask)

    def splice(self, s: Sample, title: Sample) -> Sample:
        """The documents with other titles in place of their best part: documents whose title is known. Cut where they were."""
        start, n = (t[:, None] for t in self.best(s))
        m = title.mask.sum(1, keepdim=True) - 1
        t = torch.arange(s.x.shape[1], device=s.x.device).expand_as(s.x)
        inside = (t >= start) & (t < start + m)
        told = title.x.gather(1, (t - start).clamp(0, title.x.shape[1] - 1))
        kept = s.x.gather(1, torch.where(t < start, t, t - m + n).clamp(0, s.x.shape[1] - 1))
        length = (s.mask.sum(1, keepdim=True) + m - n).clamp(max=s.x.shape[1])
        x = torch.where(t == length - 1, END, torch.where(inside, told, kept))
        return Sample(x.where(t < length, PAD), t < length)


class Block(nn.Module):
    """A residual convolution over time: norm, convolution, SiLU. Norms are of each position, so that padding stays out."""

    def __init__(self, width: int, kernel: int = 3):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.norm(x).where(mask[..., None], 0)
        return x + F.silu(self.conv(y.mT).mT)  # [B,T,D]


class Encoder(nn.Module):
    """Sentence -> code [B,T,D], zero at padding. styles: how many wanted styles a label may name; 0: labels are not looked at.
    places: most tokens of a sentence, each of whose places has an embedding of its own; 0: none."""

    def __init__(
        self, vocabulary: int, width: int = 128, blocks: int = 2, styles: int = 0, kernel: int = 3, places: int = 0
    ):
        super().__init__()
        self.embed = Embedding(vocabulary, width)
        self.style = nn.Embedding(styles, width) if styles else None
        self.places = nn.Parameter(torch.randn(places, width) * width**-0.5) if places else None
        self.blocks = nn.ModuleList(Block(width, kernel) for _ in range(blocks))
        self.deep = tuple(f"blocks.{i}" for i in range(blocks))  # next to the code: what domains may share

    def forward(self, s: Sample, kept: Tensor | None = None) -> Sample:
        """kept: [B,T] bool, words that are read; the others leave an empty place."""
        x = self.embed(s if kept is None else Sample(s.x, kept))
        if self.style is not None:
            x = x + self.style(s.label)[:, None]
        if self.places is not None:
            x = x + self.places[: x.shape[1]]
        for block in self.blocks:
            x = block(x, s.mask)
        return Sample(x.where(s.mask[..., None], 0), s.mask, s.label)


class Autoregressive(nn.Module):
    """Code -> sentence, word by word. Who derives from it has `start`, `step` and `logits`; a state is some tensors [B,...].

    Teacher-forced where `like` is given, its logits aligned with `like`, words of `like` left out with probability `dropout` in
    training, so that the code is not ignored (Bowman 2016, arXiv:1511.06349); free-running otherwise. styles: how many a code's label
    may name, or how long its vector is, which is added to the code; 0: labels are not looked at. begins: [V] bool, what a sentence may
    begin with when it runs free; None: anything.
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        width: int,
        dropout: float = 0.0,
        bottleneck: Bottleneck | None = None,
        styles: int = 0,
        begins: Tensor | None = None,
    ):
        super().__init__()
        self.register_buffer("begins", begins, persistent=False)  # the vocabulary says it
        self.length, self.dropout = length, dropout
        self.style = Style(styles, width) if styles else None
        self.embed = Embedding(vocabulary, width)
        self.first = nn.Parameter(torch.randn(width) * 0.5)  # stands before the first word
        self.bottleneck = bottleneck or Bottleneck()

    def forward(self, code: Sample, like: Sample | None = None, source: Sample | None = None) -> Sample:
        return self.through(code, like, source)[0]

    def through(self, code: Sample, like: Sample | None = None, source: Sample | None = None) -> tuple[Sample, Sample]:
        """(the sentence, the states that it was written in, [B,T,D])"""
        code = self.styled(code)
        if like is not None:
            states = self.forced(code, self._told(like))
            log_p = self.logits(states, source)  # one product with the vocabulary for all positions
            said = Sample(log_p.softmax(-1), like.mask, code.label, log_p)
            return said, Sample(states[0], said.mask)
        state, word, hidden, logits, words = self.start(code), self.first.expand(len(code), -1), [], [], []
        for t in range(self.length):
            state = self.step(state, word, code)
            hidden.append(state[0])
            logits.append(self.allowed(self.logits(state, source), t))  # [B,V]
            words.append(self.bottleneck(logits[-1]))
            word = words[-1].to(self.embed.weight.dtype) @ self.embed.weight
        if self.training:
            self.bottleneck.advance()
        x = torch.stack(words, 1)  # [B,T,V]
        said = Sample(x, until_end(x), code.label, torch.stack(logits, 1))
        return said, Sample(torch.stack(hidden, 1), said.mask)

    def forced(self, code: Sample, told: Tensor) -> tuple[Tensor, ...]:
        """The states [B,T,...] that words [B,T,D] are said in, each told those ahead of it."""
        state, word, states = self.start(code), self.first.expand(len(code), -1), []
        for t in range(told.shape[1]):
            state = self.step(state, word, code)
            states.append(state)
            word = told[:, t]
        return tuple(torch.stack(parts, 1) for parts in zip(*states))

    def styled(self, code: Sample) -> Sample:
        if self.style is None:
            return code
        x = code.x + self.style(code.label)[:, None]
        return Sample(x.where(code.mask[..., None], 0), code.mask, code.label)

    def allowed(self, logits: Tensor, t: int) -> Tensor:
        return logits if t or self.begins is None else logits.masked_fill(~self.begins, NEVER)

    def _told(self, like: Sample) -> Tensor:
        x = self.embed(like)
        if self.training and self.dropout:
            x = x * (torch.rand(x.shape[:2], device=x.device) >= self.dropout)[..., None]
        return x


class Decoder(Autoregressive):
    """A GRU that attends to the code (Bahdanau 2015, arXiv:1409.0473; dot products).

    Where `source` is given, words aligned with the code, they may be copied (See 2017, arXiv:1704.04368, eq. 8 and 9).
    """

    def __init__(self, vocabulary: int, length: int, width: int = 128, copying: bool = False, **kw):
        super().__init__(vocabulary, length, width, **kw)
        self.deep = ("begin", "cell", "query")
        self.begin = nn.Linear(width, width)
        self.cell = nn.GRUCell(2 * width, width)
        self.query = nn.Linear(width, width)
        self.join = nn.Linear(2 * width, width)
        self.out = nn.Linear(width, vocabulary)
        self.copies = nn.Linear(width, 1) if copying else None

    def start(self, code: Sample) -> tuple[Tensor, Tensor, Tensor]:
        """(state [B,D], what is attended to [B,D], attention [B,S]) ahead of the first word."""
        mean = masked_mean(code.x, code.mask)
        return self.begin(mean).tanh(), mean, torch.zeros_like(code.mask, dtype=mean.dtype)

    def step(self, state: tuple[Tensor, ...], word: Tensor, code: Sample) -> tuple[Tensor, Tensor, Tensor]:
        h = self.cell(torch.cat([word, state[1]], 1), state[0])
        scores = torch.einsum("bd,bsd->bs", self.query(h), code.x) * h.shape[1] ** -0.5
        attention = scores.masked_fill(~code.mask, NEVER).softmax(1)
        return h, torch.einsum("bs,bsd->bd", attention, code.x), attention

    def logits(self, state: tuple[Tensor, ...], source: Sample | None) -> Tensor:
        """Log probabilities [...,V] where words are copied, logits otherwise."""
        h, context, attention = state
        joined = self.join(torch.cat([h, context], -1)).tanh()
        logits = self.out(joined).float()
        if source is None or self.copies is None:
            return logits
        share = self.copies(joined).float().sigmoid()
        attention = attention.float().view(len(source), -1, source.x.shape[1])  # [B,T or 1,S]
        if source.x.is_floating_point():
            copied = attention @ source.x
        else:
            words = source.x[:, None].expand_as(attention)
            copied = attention.new_zeros(*attention.shape[:2], logits.shape[-1])
            copied = copied.scatter_add(2, words, attention.where(source.mask[:, None], 0))
        return (share * copied.view_as(logits) + (1 - share) * logits.softmax(-1) + 1e-8).log()


class Seq2Seq(nn.Module):
    """A direction whose lengths differ, with copying; in training words of the input are left out with probability `noise`."""

    def __init__(self, encoder: Encoder, decoder: Decoder, noise: float = 0.0):
        super().__init__()
        self.encoder, self.decoder, self.noise = encoder, decoder, noise

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        code, source = self.read(s)
        return self.decoder(code, like, source)

    def read(self, s: Sample) -> tuple[Sample, Sample]:
        """(code, what may be copied: ids, or a simplex that is zero where nothing is)"""
        kept = s.mask
        if self.training and self.noise:
            kept = kept & (torch.rand(s.mask.shape, device=s.mask.device) >= self.noise)
        source = s.x.where(kept[..., None], 0) if s.x.is_floating_point() else s.x
        return self.encoder(s, kept), Sample(source, kept)


class Drawn(nn.Module):
    """In the place of a bottleneck: words are drawn, with random numbers of their own, in eval mode too."""

    def __init__(self, seed: int, temperature: float = 1.0):
        super().__init__()
        self.random, self.temperature = torch.Generator().manual_seed(seed), temperature

    def advance(self) -> None:
        """Nothing changes with time."""

    def forward(self, logits: Tensor) -> Tensor:
        share = torch.rand(logits.shape, generator=self.random).clamp_(min=1e-20).to(logits.device)
        return one_hot(logits / self.temperature - share.log().neg().log())


class Beam(nn.Module):
    """A seq2seq's sentence of the highest log probability a word, `width` of them followed at a time: ids [B,length].

    net: Seq2Seq, or an encoder with such a decoder (modules.cycle.Pair).
    """

    def __init__(self, net: nn.Module, width: int = 4):
        super().__init__()
        self.net, self.width = net, width

    def read(self, s: Sample) -> tuple[Sample, Sample | None]:
        code, source = self.net.read(s) if hasattr(self.net, "read") else (self.net.encoder(s), None)
        return self.net.decoder.styled(code), source

    @torch.no_grad()
    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        """like: there for the networks around it, and not looked at."""
        decoder, n, w = self.net.decoder, len(s), self.width
        code, source = self.read(s[torch.arange(n, device=s.x.device).repeat_interleave(w)])
        state, word = decoder.start(code), decoder.first.expand(n * w, -1)
        total = torch.full((n, w), NEVER, device=code.x.device)
        total[:, 0] = 0.0  # all beams are equal at first
        ids = torch.zeros(n, w, 0, dtype=torch.long, device=code.x.device)
        ended = torch.zeros(n, w, dtype=torch.bool, device=code.x.device)
        base = torch.arange(n, device=code.x.device)[:, None] * w
        for t in range(decoder.length):
            state = decoder.step(state, word, code)
            log_p = decoder.allowed(decoder.logits(state, source), t).log_softmax(-1).view(n, w, -1)
            stay = torch.full_like(log_p[0, 0], 2 * NEVER)
            stay[END] = 0.0  # an ended sentence says its end again, at no cost
            log_p = torch.where(ended[..., None], stay, log_p)
            total, best = (total[..., None] + log_p).flatten(1).topk(w)
            parent, said = best // log_p.shape[-1], best % log_p.shape[-1]
            rows = (base + parent).flatten()
            state = tuple(part[rows] for part in state)
            ids = torch.cat([ids.flatten(0, 1)[rows].view(n, w, -1), said[..., None]], 2)
            ended = ended.gather(1, parent) | (said == END)
            word = decoder.embed.weight[said.flatten()]
        lengths = (ids != END).sum(-1) + 1
        chosen = (total / lengths).argmax(1)
        ids = ids[torch.arange(n, device=ids.device), chosen]
        return Sample(ids, until_end(F.one_hot(ids, log_p.shape[-1])), s.label)


class Writer(nn.Module):
    """Sentences out of noise: a language model, the decoder of a code [slots,D] that is learnt and always the same.

    Noise [B,length] is a number a word: the share of the normal distribution below it picks the word out of the distribution that the
    words ahead of it leave, so that a sentence is a function of its noise, drawn as often as the model says.
    """

    def __init__(self, decoder: Decoder, slots: int = 4):
        super().__init__()
        self.decoder, self.noise = decoder, decoder.length
        self.code = nn.Parameter(torch.randn(slots, len(decoder.first)))

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        code = self._codes(len(z))
        if like is not None:
            return self.decoder(code, like=like)
        decoder, ids, logits = self.decoder, [], []
        state, word = decoder.start(code), decoder.first.expand(len(z), -1)
        for t in range(self.noise):
            state = decoder.step(state, word, code)
            logits.append(decoder.logits(state, None))
            ids.append(drawn_by(logits[-1], z.x[:, t]))
            word = decoder.embed.weight[ids[-1]]
        x = F.one_hot(torch.stack(ids, 1), logits[0].shape[-1]).float()
        return Sample(x, until_end(x), None, torch.stack(logits, 1))

    @torch.no_grad()
    def rollouts(self, ids: Tensor) -> Tensor:
        """Sentences [B,T] -> [T-1,B,T]: the t-th goes on by itself behind the first t words."""
        decoder, code, out = self.decoder, self._codes(len(ids)), []
        trunk, told = decoder.start(code), decoder.first.expand(len(ids), -1)
        rolling = word = None  # of those that have left the sentence: states, last words
        for t in range(ids.shape[1]):
            trunk = decoder.step(trunk, told, code)
            told = decoder.embed.weight[ids[:, t]]
            if t:
                if rolling is not None:
                    rolling = decoder.step(rolling, word, self._codes(len(word)))
                    rolling = tuple(torch.cat(parts) for parts in zip(rolling, trunk))
                else:
                    rolling = trunk
                logits = decoder.logits(rolling, None)
                said = drawn_by(logits, torch.randn_like(logits[:, 0]))
                word = decoder.embed.weight[said]
                out.append(torch.cat([said.view(t, -1), ids[None, :, t].expand(ids.shape[1] - 1 - t, -1)]))
            else:
                out.append(ids[None, :, 0].expand(ids.shape[1] - 1, -1))
        return torch.stack(out, -1)

    def _codes(self, n: int) -> Sample:
        code = self.code.expand(n, -1, -1)
        return Sample(code, torch.ones(code.shape[:2], dtype=torch.bool, device=code.device))


def drawn_by(logits: Tensor, noise: Tensor) -> Tensor:
    """Logits [B,V], standard normal numbers [B] -> ids [B], each as often as its probability, by the distribution's inverse."""
    share = 0.5 * (1 + torch.erf(noise / math.sqrt(2)))
    below = logits.detach().softmax(-1).cumsum(-1) < share[:, None]
    return below.sum(-1).clamp(max=logits.shape[-1] - 1)


class Parallel(nn.Module):
    """A direction that writes every word at once and keeps the length: residual convolutions, then one layer of logits.

    copying: a word keeps itself until a learnt gate lets it go: an editor. Its cycle has no teacher: `like` lends its mask alone.
    drafts: `forward` is given what another method makes of the sentence, ids [B,T], and the editor starts from that. Of each word it is
    given what that may become, ids [B,T,K], and how likely it was, in nats: a translation says nothing else. Left to its critic, who knows
    900 sentences by heart, it said a word that marks the other style wherever it had none. What comes back is free to be any word.
    """

    def __init__(
        self, encoder: Encoder, copying: bool = False, bottleneck: Bottleneck | None = None, drafts: bool = False
    ):
        super().__init__()
        vocabulary, width = encoder.embed.weight.shape
        self.encoder = encoder
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocabulary)
        self.keep = nn.Linear(width, 1) if copying else None
        self.take = nn.Linear(width, 1) if drafts else None
        for gate, likely in ((self.keep, not drafts), (self.take, True)):
            if gate is not None:  # training starts from a copy of 95 % of the words, of the draft where there is one
                nn.init.constant_(gate.bias, math.log(vocabulary) + 3 * likely)
        self.bottleneck = bottleneck or Bottleneck()

    def forward(
        self,
        s: Sample,
        like: Sample | None = None,
        draft: Tensor | None = None,
        choices: tuple[Tensor, Tensor] | None = None,
    ) -> Sample:
        h = self.norm(self.encoder(s).x)
        logits = self.out(h).float()
        if self.keep is not None:
            logits = torch.addcmul(logits, self.keep(h).float(), simplex(s, logits.shape[-1]))
        if self.take is not None:
            logits = logits.scatter_add(-1, draft[..., None], self.take(h).float())
        if choices is not None and like is None:
            logits = logits + torch.full_like(logits, NEVER).scatter_reduce(-1, *choices, "amax")
        logits = in_place(logits, s)
        if like is None and self.training:
            self.bottleneck.advance()
        return Sample(self.bottleneck(logits) if like is None else logits.softmax(-1), s.mask, s.label, logits)


class AtOnce(nn.Module):
    """Code [B,T,D] -> sentence of T words, written at once: residual convolutions and a softmax (WGAN-GP, arXiv:1704.00028, section 5.4).

    No word of it is padding: behind its end it goes on, best by saying END again.
    """

    def __init__(self, vocabulary: int, width: int, blocks: int = 2, kernel: int = 5, sample: Callable = soft):
        super().__init__()
        self.deep = ("blocks.0",)
        self.blocks = nn.ModuleList(Block(width, kernel) for _ in range(blocks))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, vocabulary)
        self.bottleneck = Bottleneck(sample)

    def forward(self, code: Sample, like: Sample | None = None) -> Sample:
        """like: asks for probabilities in place of words."""
        x = code.x
        for block in self.blocks:
            x = block(x, code.mask)
        logits = self.out(self.norm(x)).float()
        return Sample(self.bottleneck(logits) if like is None else logits.softmax(-1), code.mask, code.label, logits)


class Products(nn.Module):
    """A word times a sum over those before it times a sum over those behind, `near` each: [B,T,D] -> [B,T,D], linear in each word."""

    def __init__(self, width: int, near: int, norm: Callable = lambda layer: layer):
        super().__init__()
        self.near, self.word = near, norm(nn.Linear(width, width))
        self.before, self.behind = (norm(nn.Conv1d(width, width, near)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        before = self.before(F.pad(x.mT, (self.near, 0))[..., :-1]).mT
        behind = self.behind(F.pad(x.mT, (0, self.near))[..., 1:]).mT
        return self.word(x) * (1 + before) * (1 + behind)


class Critic(nn.Module):
    """Sentence -> [scores [B,1]]: convolutions over time, then the mean over its words (Kim 2014, arXiv:1408.5882, for the shape).

    layers: of convolutions; 0: products of neighbours, linear in each word, for generators that write distributions. A sentence of
    distributions then scores the mean over the sentences that may be drawn from it: that it is none of words cannot be told, which
    other critics tell at a glance and then learn nothing about words ("uninformative discrimination", CipherGAN,
    arXiv:1801.04883). Nothing in it is without a second derivative. classes: scores of each of so many, [B,classes].
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 128,
        layers: int = 2,
        kernel: int = 5,
        spectral: bool = False,
        classes: int = 1,
    ):
        super().__init__()
        self.reach = max(1, layers) * (kernel // 2)  # how far a word's score looks to either side
        norm = spectral_norm if spectral else (lambda layer: layer)
        self.embed = Embedding(vocabulary, width)
        self.products = None if layers else Products(width, self.reach, norm)
        self.convs = nn.ModuleList(norm(nn.Conv1d(width, width, kernel, padding=kernel // 2)) for _ in range(layers))
        self.out, self.features = norm(nn.Linear(width, classes)), width
        self.deep = (
            f"convs.{layers - 1}" if layers else "products",
            "out",
        )  # far from the words: what the critics of several domains may share

    def forward(self, s: Sample) -> list[Tensor]:
        return self.look(s)[0]

    def look(self, s: Sample) -> tuple[list[Tensor], Tensor]:
        """(scores, features [B,features]: the means over words)"""
        h = masked_mean(self.body(s), s.mask)
        return [self.out(h).float()], h

    def words(self, s: Sample) -> Tensor:
        """Scores [B,T] of single words in their surroundings: a sentence's score is the mean of its words'."""
        return self.out(self.body(s))[..., 0].float()

    def body(self, s: Sample) -> Tensor:
        x = self.embed(s)
        if self.products is not None:
            x = self.products(x).where(s.mask[..., None], 0)
        for conv in self.convs:
            x = F.silu(conv(x.mT).mT).where(s.mask[..., None], 0)  # [B,T,D]
        return x
