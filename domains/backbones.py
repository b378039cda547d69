"""Encoders and decoders of sentences whose layers are a pretrained transformer's, out of a folder that `save_pretrained` wrote."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from domains.tokens import Tokens
from translate.errors import UserError, reason
from translate.nets.sequence import Autoregressive, Embedding
from translate.sample import Sample


class Backbone(nn.Module):
    """Sentence -> code [B,T,D], zero at padding; the embeddings are of the domain's own words, everything behind them the model's.

    config: its configuration as JSON, from which it is rebuilt without its folder. Of an encoder with a decoder it is the encoder.
    styles: how many wanted styles a label may name; 0: labels are not looked at.
    """

    deep = ()

    def __init__(self, vocabulary: int, config: str, styles: int = 0):
        super().__init__()
        model = built(config)
        self.layers = encoder_of(model)
        self.width = model.config.hidden_size
        self.embed = Embedding(vocabulary, self.width)
        self.style = nn.Embedding(styles, self.width) if styles else None

    def forward(self, s: Sample, kept: Tensor | None = None) -> Sample:
        """kept: [B,T] bool, words that are read; the others leave an empty place."""
        x = self.embed(s if kept is None else Sample(s.x, kept))
        if self.style is not None:
            x = x + self.style(s.label)[:, None]
        x = self.layers(inputs_embeds=x, attention_mask=s.mask.long()).last_hidden_state
        return Sample(x.where(s.mask[..., None], 0), s.mask, s.label)


class BackboneDecoder(Autoregressive):
    """Code -> sentence by the decoder of a pretrained seq2seq, T5 or BART, which attends to the code of its own encoder.

    Words in and out are the domain's own, soft ones too. A state is (its last layer's [B,D], the words so far [B,t,D]): free-running
    it reads them all again for each word, which sentences are short enough for.
    """

    def __init__(self, vocabulary: int, length: int, config: str, **kw):
        model = built(config)
        width = model.config.hidden_size
        super().__init__(vocabulary, length, width, **kw)
        self.layers = decoder_of(model)
        self.out = nn.Linear(width, vocabulary)

    def start(self, code: Sample) -> tuple[Tensor, Tensor]:
        return code.x[:, 0], code.x[:, :0]

    def step(self, state: tuple[Tensor, Tensor], word: Tensor, code: Sample) -> tuple[Tensor, Tensor]:
        said = torch.cat([state[1], word[:, None]], 1)
        return self.read(said, code)[:, -1], said

    def forced(self, code: Sample, told: Tensor) -> tuple[Tensor]:
        first = self.first.expand(len(told), 1, -1)
        return (self.read(torch.cat([first, told[:, :-1]], 1), code),)

    def read(self, said: Tensor, code: Sample) -> Tensor:
        """[B,t,D] -> [B,t,D], each place knows those ahead of it."""
        known = dict(encoder_hidden_states=code.x, encoder_attention_mask=code.mask.long())
        return self.layers(inputs_embeds=said, use_cache=False, **known).last_hidden_state

    def logits(self, state: tuple[Tensor, ...], source: Sample | None = None) -> Tensor:
        """[...,V]; nothing is copied."""
        return self.out(state[0]).float()


def built(config: str) -> nn.Module:
    """Of random weights."""
    from transformers import AutoModel

    return AutoModel.from_config(_parsed(config))


def decodes(config: str) -> bool:
    """An encoder with a decoder?"""
    return _parsed(config).is_encoder_decoder


def _parsed(config: str):
    from transformers import AutoConfig

    given = json.loads(config)
    return AutoConfig.for_model(given.pop("model_type"), **given)


def decoder_of(model: nn.Module) -> nn.Module:
    found = model.get_decoder()
    found.set_input_embeddings(None)
    return found


def encoder_of(model: nn.Module) -> nn.Module:
    """What reads embeddings; its own table of words is left behind."""
    found = model.get_encoder() if model.config.is_encoder_decoder else model
    found.set_input_embeddings(None)
    if getattr(found, "pooler", None) is not None:
        found.pooler = None
    return found


def described(folder: str) -> str:
    """A model's configuration as JSON."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise _refused(folder, error) from error
    if not hasattr(config, "hidden_size"):
        raise UserError(
            f"--backbone {folder}: a model of {config.model_type} does not read words; give a T5, BART, BERT ..."
        )
    return json.dumps(config.to_diff_dict() | {"model_type": config.model_type}, sort_keys=True)


def pretrained(folder: str, domain: Tokens, *networks: Backbone | BackboneDecoder | None) -> None:
    """Gives networks of this folder's configuration its weights; a word's embedding becomes the mean of its pieces', where the folder
    has a tokenizer, and so does what a decoder says a word by."""
    from transformers import AutoModel

    try:
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise _refused(folder, error) from error
    table = model.get_input_embeddings().weight.detach()
    known = any((Path(folder) / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"))
    for net in networks:
        writes = isinstance(net, BackboneDecoder)
        net.layers.load_state_dict((decoder_of if writes else encoder_of)(model).state_dict())
        if known:
            net.embed.weight.data.copy_(word_embeddings(folder, table, domain, net.embed.weight))
        if writes:
            start = getattr(model.config, "decoder_start_token_id", None)
            net.first.data.copy_(table[model.config.pad_token_id if start is None else start])
        if writes and known:  # both kinds tie them; a T5 scales its states
            scale = net.first.numel() ** -0.5 if model.config.model_type == "t5" else 1.0
            net.out.weight.data.copy_(scale * net.embed.weight)


def word_embeddings(folder: str, table: Tensor, domain: Tokens, otherwise: Tensor) -> Tensor:
    """[V,D]: the mean of a model's embeddings [N,D] of each word's pieces; `otherwise` [V,D] where there are none."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise _refused(folder, error) from error
    rows = otherwise.detach().clone()
    for i in range(domain.vocabulary):
        word = domain.word(i)
        pieces = tokenizer(word, add_special_tokens=False)["input_ids"] if word else []
        if pieces:
            rows[i] = table[pieces].mean(0)
    return rows


def _refused(folder: str, error: Exception) -> UserError:
    why = reason(error) if Path(folder).is_dir() else "no such folder"
    return UserError(
        f"--backbone {folder}: no model of transformers can be read there ({why}); give a folder that save_pretrained wrote"
    )
