"""Encoders of sentences whose layers are a pretrained transformer's, out of a folder that `save_pretrained` of transformers wrote."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from domains.tokens import Tokens
from translate.errors import UserError, reason
from translate.nets.sequence import Embedding
from translate.sample import Sample


class Backbone(nn.Module):
    """Sentence -> code [B,T,D], zero at padding; the embeddings are of the domain's own words, everything behind them the model's.

    config: its configuration as JSON, from which it is rebuilt without its folder. Of an encoder with a decoder the encoder serves.
    styles: how many wanted styles a label may name; 0: labels are not looked at.
    """

    deep = ()

    def __init__(self, vocabulary: int, config: str, styles: int = 0):
        super().__init__()
        from transformers import AutoConfig, AutoModel

        given = json.loads(config)
        model = AutoModel.from_config(AutoConfig.for_model(given.pop("model_type"), **given))
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


def pretrained(folder: str, domain: Tokens, styles: int = 0) -> Backbone:
    """With the folder's weights; a word's embedding is the mean of its pieces', where the folder has a tokenizer."""
    from transformers import AutoModel

    backbone = Backbone(domain.vocabulary, described(folder), styles)
    try:
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise _refused(folder, error) from error
    table = model.get_input_embeddings().weight.detach()
    backbone.layers.load_state_dict(encoder_of(model).state_dict())
    if any((Path(folder) / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt")):
        backbone.embed.weight.data.copy_(word_embeddings(folder, table, domain, backbone.embed.weight))
    return backbone


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
    return UserError(
        f"--backbone {folder}: no model of transformers can be read there ({reason(error)}); give a folder that save_pretrained wrote"
    )
