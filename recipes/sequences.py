"""Parts of recipes/models.py for what has a time axis: voices, out of gated convolutions, and sentences, as soft one-hots."""

from __future__ import annotations

from torch import Tensor, nn

from domains.vocoders import BANDS
from recipes import models
from translate.modules.conditional import Critic, Pooled, Realism
from translate.modules.noise import FromNoise
from translate.nets import mlp
from translate.nets.gated import GatedEncoder
from translate.nets.sequence import AtOnce
from translate.sample import Sample


class Voices(models.Parts):
    """Of crops of a few dozen frames. Norms are of single frames, whatever a model asks for."""

    served = "gan dcgan dcgan-softmax lsgan hinge ragan r1 wgan wgan-gp sngan pacgan bigan infogan began ae vae".split()

    def decoder(self, code: int, norm=None) -> nn.Module:
        channels = 2 * self.width
        return FromNoise(self.X.decoder(width=channels, blocks=1), code, (channels, self.X.size // 4))

    def generator(self, more: int = 0) -> nn.Module:
        return self.decoder(self.noise + more)

    def body(self, norm=None, pack: int = 1) -> Pooled:
        return Pooled(GatedEncoder(pack * BANDS, 2 * self.width, blocks=1), 2 * self.width, 2 * self.width)

    def critic(self, norm=None, head=Realism, **kw) -> Critic:
        body = self.body(norm, pack=self.pack, **kw)
        return Critic(body, self.informed(body.features, head))

    def dense_generator(self) -> nn.Module:
        return mlp.Generator((1, BANDS, self.X.size), self.noise, 8 * self.width, bounded=False)

    def dense_critic(self) -> Critic:
        body = mlp.MaxoutBody(BANDS * self.pack * self.X.size, 4 * self.width)
        return Critic(body, self.informed(body.features, Realism))


class Sentences(Voices):
    """Written at once; while training, each word is a distribution (WGAN-GP, arXiv:1704.00028, section 5.4)."""

    # neither fully connected networks, nor an energy that is differentiated in the sample
    served = [model for model in Voices.served if model not in ("gan", "began")]

    def decoder(self, code: int, norm=None) -> nn.Module:
        channels = 2 * self.width
        return FromNoise(AtOnce(self.X.vocabulary, channels), code, (self.X.length, channels))

    def body(self, norm=None, pack: int = 1) -> nn.Module:
        """Packed sentences follow each other."""
        return Means(self.X.critic(width=2 * self.width))


class Means(nn.Module):
    """A critic of sentences without its last layer. It has no norms, which would be steepest at distributions that say nothing."""

    def __init__(self, critic: nn.Module):
        super().__init__()
        critic.out = nn.Identity()
        self.critic, self.features = critic, critic.features

    def forward(self, s: Sample) -> Tensor:
        return self.critic.look(s)[1]
