"""Pretrained transformers as encoders of sentences: random ones, built by their configuration and read from a folder."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from domains import backbones
from domains.tokens import Tokens, train_tokenizer
from recipes.sentences import sentences
from recipes.translator import Translator
from tests.recipes.test_sentences import TINY, refused, run
from translate.errors import UserError
from translate.nets.sequence import Bottleneck, Seq2Seq, concrete
from translate.sample import Sample

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="the text extra")
LINES = [
    f"the {thing} was {how} ."
    for thing in ("food", "room", "soup", "staff")
    for how in ("good", "bad", "fine", "cold", "old")
]


def config(name: str):
    from transformers import BartConfig, BertConfig, T5Config

    small = dict(vocab_size=50, dropout=0.0)
    return {
        "t5": lambda: T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, **small),
        "bart": lambda: BartConfig(
            d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32, **small,
        ),
        "bert": lambda: BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=50),
    }[name]()  # fmt: skip


@pytest.fixture(scope="module", params=["t5", "bart", "bert"])
def folder(request, tmp_path_factory):
    from transformers import AutoModel

    path = tmp_path_factory.mktemp("models") / request.param
    torch.manual_seed(1)
    AutoModel.from_config(config(request.param)).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def words() -> Tokens:
    return Tokens(train_tokenizer(LINES), length=8)


def test_its_layers_read_our_words(folder, words):
    from transformers import AutoModel

    net = backbones.Backbone(words.vocabulary, backbones.described(str(folder)), styles=2).eval()
    backbones.pretrained(str(folder), words, net)
    s, _ = words.load_lines(LINES[:3] + ["good"])
    s.label = torch.tensor([0, 1, 0, 1])
    code = net(s)
    assert code.x.shape == (4, 8, 16) and (code.x[~s.mask] == 0).all()
    garbage = Sample(torch.where(s.mask, s.x, 5), s.mask, s.label)
    torch.testing.assert_close(net(garbage).x, code.x)
    model = AutoModel.from_pretrained(folder).eval()
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    x = net.embed(s) + net.style(s.label)[:, None]
    expected = model(inputs_embeds=x, attention_mask=s.mask.long()).last_hidden_state
    torch.testing.assert_close(code.x[s.mask], expected[s.mask])
    soft = Sample(words.relax(s).x, s.mask, s.label)
    torch.testing.assert_close(net(soft).x, code.x)
    code.x.square().sum().backward()
    still = {name for name, p in net.named_parameters() if p.grad is None}
    assert not still, "every parameter learns"


def test_its_decoder_writes_our_words(folder, words):
    """What it says while it is told a sentence is what the model says; each word knows those ahead of it alone."""
    from transformers import AutoModel

    config = backbones.described(str(folder))
    if not backbones.decodes(config):
        assert folder.name == "bert"
        return
    reader = backbones.Backbone(words.vocabulary, config).eval()
    writer = backbones.BackboneDecoder(words.vocabulary, 6, config).eval()
    backbones.pretrained(str(folder), words, reader, writer)
    s, _ = words.load_lines(LINES[:3] + ["good"])
    like, _ = words.load_lines(["was cold .", *LINES[4:7]])
    said, states = writer.through(reader(s), like=like)
    model = AutoModel.from_pretrained(folder).eval()
    told = torch.cat([writer.first.expand(4, 1, -1), writer.embed(like)[:, :-1]], 1)
    given = dict(inputs_embeds=reader.embed(s), attention_mask=s.mask.long(), decoder_inputs_embeds=told)
    torch.testing.assert_close(states.x, model(**given).last_hidden_state)
    torch.testing.assert_close(said.logits, writer.out(states.x))
    start = model.config.pad_token_id if folder.name == "t5" else model.config.decoder_start_token_id
    torch.testing.assert_close(writer.first, model.get_input_embeddings().weight[start])
    state = writer.start(code := reader(s))
    for t in range(told.shape[1]):
        state = writer.step(state, told[:, t], code)
        torch.testing.assert_close(state[0], states.x[:, t])
    other = Sample(like.x.clone(), like.mask)
    other.x[:, 3] = words.encode("soup")[0][0]
    changed = (writer(reader(s), like=other).logits != said.logits).any(-1)
    assert not changed[:, :4].any() and changed[1:, 4].all()


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_soft_words_go_in_and_come_out(name, words):
    import json

    given = json.dumps(config(name).to_diff_dict() | {"model_type": name})
    reader = backbones.Backbone(words.vocabulary, given)
    net = Seq2Seq(reader, backbones.BackboneDecoder(words.vocabulary, 6, given, bottleneck=Bottleneck(concrete)))
    s = words.relax(words.load_lines(LINES[:3])[0])
    s.x.requires_grad_()
    said = net(s)
    assert said.x.shape == (3, 6, words.vocabulary) and ((0 < said.x) & (said.x < 1)).any()
    torch.testing.assert_close(said.x.sum(-1), torch.ones(3, 6))
    (said.x * torch.randn_like(said.x)).sum().backward()
    assert s.x.grad.abs().sum() > 0
    assert all(p.grad is not None for p in net.parameters()), "every parameter learns"


def test_words_begin_as_the_mean_of_their_pieces(folder, words):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = Tokenizer(
        models.BPE(vocab={c: i for i, c in enumerate(["?", *"abcdefghijklmnopqrstuvwxyz"])}, merges=[], unk_token="?")
    )
    letters.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=letters, unk_token="?").save_pretrained(folder)
    table, before = torch.randn(50, 16), torch.randn(words.vocabulary, 16)
    found = backbones.word_embeddings(str(folder), table, words, before)
    i = words.encode("food")[0][0]
    torch.testing.assert_close(found[i], (table[6] + 2 * table[15] + table[4]) / 4)
    assert torch.equal(found[:3], before[:3])
    for path in folder.glob("tokenizer*"):
        path.unlink()


@pytest.mark.parametrize("generator", ["editor", "seq2seq"])
def test_it_trains_and_travels_without_its_folder(generator, folder, tmp_path):
    for side, shift in (("a", 0), ("b", 10)):
        (tmp_path / f"{side}.txt").write_text("\n".join(LINES[shift:] + LINES) + "\n")
    argv = [
        "--a",
        tmp_path / "a.txt",
        "--b",
        tmp_path / "b.txt",
        *TINY,
        "--steps",
        2,
        "--generator",
        generator,
        "--size",
        8,
    ]
    assert run(*argv, "--backbone", folder, "--out", tmp_path / "run", recipe=sentences) == 0
    moved = folder.rename(folder.with_name("elsewhere"))
    try:
        translator = Translator.from_pretrained(tmp_path / "run", "final", device="cpu")
        assert isinstance(translator("the soup was bad ."), str)
        own = any(isinstance(net, backbones.BackboneDecoder) for net in translator.system.modules())
        assert own == (generator == "seq2seq" and folder.name != "bert")
        if generator == "seq2seq":
            translator.decode(beam=2)
            assert isinstance(translator("the soup was bad ."), str)
    finally:
        moved.rename(folder)


def test_what_is_no_model_is_refused(tmp_path, capsys):
    said = refused(capsys, run("--backbone", tmp_path, recipe=sentences))
    assert said.startswith(f"--backbone {tmp_path}: no model of transformers can be read there")
    with pytest.raises(UserError, match="can be read there .no such folder.; give"):
        backbones.described(str(tmp_path / "none"))
