"""Pictures: what a file becomes for a network, and what comes back."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from domains.images import VGG_LAYERS, VGG_SCALES, Images, survey
from domains.pretrained import vgg19
from domains.sources import Picture, find
from tests.cases import draw, paint
from translate.modules.cycle import Pair
from translate.nets.resnet import Decoder, Encoder, Residual
from translate.nets.unet import UNet
from translate.sample import Sample


class Identity(nn.Module):
    """Takes only what its `multiple` says, as a real network does."""

    def __init__(self, multiple: int = 4):
        super().__init__()
        self.multiple, self.shapes = multiple, []

    def forward(self, s: Sample) -> Sample:
        h, w = s.x.shape[-2:]
        assert h % self.multiple == w % self.multiple == 0
        self.shapes.append((h, w))
        return s


def grey(path):
    cv2.imwrite(str(path), draw(9, 7, 0)[..., 0])
    return path


# files


def test_a_file_comes_back_as_it_was(tmp_path):
    images, picture = Images(), draw(13, 17, 3)
    s, origin = images.load(paint(tmp_path / "in.png", picture))
    assert s.x.shape == (1, 3, 13, 17) and s.x.dtype == torch.float32 and s.x.min() >= -1 and s.x.max() <= 1
    written = images.save(s, origin, tmp_path / "out")
    assert written == tmp_path / "out.png" and np.array_equal(cv2.imread(str(written))[..., ::-1], picture)
    written = images.save(Sample(s.x * 1000), origin, tmp_path / "clipped")
    assert set(np.unique(cv2.imread(str(written)))) <= {0, 255, 128}


# (is the file coloured, the source's collection, the target's, what networks see) -> channels written
CHANNELS = [
    (True, True, True, 3, 3),
    (False, True, True, 3, 1),  # a grey picture among coloured ones stays grey
    (False, False, True, 3, 3),  # line drawings become coloured
    (True, True, False, 3, 3),
    (True, False, True, 3, 3),
    (False, False, False, 1, 1),
    (True, False, False, 1, 1),
]


@pytest.mark.parametrize("coloured, source, target, channels, expected", CHANNELS)
def test_grey_and_colour(coloured, source, target, channels, expected, tmp_path):
    path = paint(tmp_path / "in.png", draw(9, 7, 0)) if coloured else grey(tmp_path / "in.png")
    s, origin = Images(channels=channels, colour=source).load(path)
    assert s.x.shape[1] == channels
    written = Images(channels=channels, colour=target).save(s, origin, tmp_path / "out")
    shape = cv2.imread(str(written), cv2.IMREAD_UNCHANGED).shape
    assert (shape[2] if len(shape) == 3 else 1) == expected


def test_training_views_are_bytes_of_the_scale(tmp_path):
    images = Images(size=16, scale=24)
    for h, w, expected in (
        (48, 96, (24, 48)),
        (60, 30, (48, 24)),
        (24, 31, (24, 31)),
        (12, 13, (24, 26)),
        (1, 1, (24, 24)),
    ):
        s = images.decode(paint(tmp_path / "x.png", draw(h + 2, w + 2, 1)[:h, :w]))
        assert s.x.dtype == torch.uint8 and s.x.shape == (3, *expected)
    assert Images(size=16, scale=24, channels=1).decode(tmp_path / "x.png").x.shape[0] == 1
    assert images.decode(Picture("digit", np.zeros((28, 28), np.uint8))).x.shape == (3, 24, 24)


def test_bytes_become_minus_one_to_one():
    images = Images()
    s = images.normalise(Sample(torch.tensor([[0, 255]], dtype=torch.uint8)))
    assert s.x.tolist() == [[-1.0, 1.0]]
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert np.array_equal(images.to_array(images.normalise(Sample(every))), every[0].permute(1, 2, 0).numpy())


# crops


def ramp(h: int, w: int) -> Sample:
    """A pixel says where it is."""
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return Sample(torch.stack([y, x, 0 * x]).byte())


def test_a_crop_is_a_part_of_its_picture_mirrored_half_of_the_time():
    images, places, mirrored = Images(size=16, scale=20), set(), 0
    for i in range(200):
        x = images.crop(ramp(20, 22), np.random.default_rng(i)).x.int()
        assert x.shape == (3, 16, 16)
        flipped = bool(x[1, 0, 0] > x[1, 0, 1])
        mirrored += flipped
        x = x.flip(2) if flipped else x
        top, left = int(x[0, 0, 0]), int(x[1, 0, 0])
        assert torch.equal(x, ramp(20, 22).x.int()[:, top : top + 16, left : left + 16])
        places.add((top, left))
    assert {t for t, _ in places} == set(range(5)) and {l for _, l in places} == set(range(7))
    assert 65 < mirrored < 135  # five standard deviations
    letters = Images(size=16, scale=20, flip=False)
    crops = [letters.crop(ramp(20, 22), np.random.default_rng(i)).x.int() for i in range(30)]
    assert all(x[1, 0, 0] < x[1, 0, 1] for x in crops)


def test_without_random_numbers_the_crop_is_the_centre():
    x = Images(size=16, scale=20).crop(ramp(20, 24), None).x
    assert torch.equal(x, ramp(20, 24).x[:, 2:18, 4:20])


@pytest.mark.parametrize("channels", [1, 3])
def test_small_pictures_are_enlarged(channels):
    images = Images(size=16, scale=16, channels=channels)
    for rng in (None, np.random.default_rng(0)):
        assert images.crop(Sample(torch.zeros(channels, 5, 9, dtype=torch.uint8)), rng).x.shape == (channels, 16, 16)


@pytest.mark.parametrize("h, w", [(16, 16), (20, 20), (21, 33), (64, 48)])
def test_what_a_judge_sees(h, w):
    """Of the whole and of both parts of a split picture: never empty, sides that every network takes."""
    for images in (Images(size=16, scale=16), Images(size=16, scale=20)):
        for part in (ramp(h, w), *images.split(ramp(h, w))):
            views = images.views(part)
            for view in views:
                assert min(view.x.shape[1:]) >= 4 and all(n % 4 == 0 for n in view.x.shape[1:])
            assert {view.x.numpy().tobytes() for view in views} and views[0].x.shape[1] >= part.x.shape[1] - 3


# pictures of any size through a network


@pytest.mark.parametrize("multiple", [1, 4, 32])
@pytest.mark.parametrize("h, w", [(1, 1), (3, 5), (4, 8), (31, 33), (64, 20)])
def test_every_size_goes_through_and_comes_back(multiple, h, w):
    x = torch.rand(2, 3, h, w)
    assert torch.equal(Images(scale=0).whole(Identity(multiple), Sample(x)).x, x)


class Darker(nn.Module):
    """Half the light, and the largest picture that was seen."""

    multiple = 1

    def forward(self, s: Sample) -> Sample:
        self.seen = tuple(s.x.shape[-2:])
        return Sample((s.x + 1) / 2 - 1)


@pytest.mark.parametrize(
    "given, seen",
    [((48, 72), (24, 36)), ((24, 40), (24, 40)), ((20, 20), (20, 20)), ((8, 12), (16, 24)), ((8, 60), (9, 64))],
)
def test_networks_see_the_scale_of_training_and_pictures_keep_their_size(given, seen):
    net, x = Darker(), torch.rand(1, 3, *given) - 0.5
    out = Images(size=16, scale=24).whole(net, Sample(x)).x
    assert net.seen == seen and out.shape == x.shape
    smooth = nn.functional.interpolate(torch.rand(1, 3, 3, 3) - 0.5, given, mode="bicubic")
    out = Images(size=16, scale=24).whole(net, Sample(smooth)).x
    torch.testing.assert_close(out, (smooth + 1) / 2 - 1, rtol=0, atol=0.02)
    assert Images(size=16, scale=0).whole(net, Sample(x)).x.shape == x.shape and net.seen == given


NETWORKS = {
    "resnet": lambda: Pair(Encoder(3, 4, 2, 1), Decoder(3, 4, 2)),
    "residual": lambda: Residual(3, Encoder(3, 4, 2, 1), Decoder(3, 4, 2, resize=True)),
    "antialias": lambda: Pair(Encoder(3, 4, 2, 1, antialias=True), Decoder(3, 4, 2, antialias=True)),
    "unet": lambda: UNet(3, 4, 5),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("h, w", [(1, 1), (3, 5), (2, 200), (9, 4), (37, 50)])
def test_real_networks_take_every_size(name, h, w):
    out = Images(scale=0).whole(NETWORKS[name](), Sample(torch.rand(1, 3, h, w))).x
    assert out.shape == (1, 3, h, w) and out.isfinite().all()


@pytest.mark.parametrize("h, w", [(64, 64), (65, 64), (200, 90), (64, 300), (127, 129)])
def test_tiles_of_the_identity_are_the_picture(h, w):
    net, x = Identity(), torch.rand(1, 3, h, w)
    out = Images(scale=0).whole(net, Sample(x), tile=64).x
    torch.testing.assert_close(out, x, rtol=0, atol=1e-6)
    assert max(max(shape) for shape in net.shapes) <= 64


def test_tiles_do_not_show_seams():
    """Where a network sees no further than a tile's overlap, tiles give what the whole gives, but for the tiles' own borders."""

    class Blur(nn.Module):
        multiple = 1

        def forward(self, s: Sample) -> Sample:
            return Sample(nn.functional.avg_pool2d(s.x, 5, 1, 2, count_include_pad=False))

    x = torch.from_numpy(draw(150, 170, 1)).permute(2, 0, 1)[None] / 127.5 - 1
    whole, tiled = (Images(scale=0).whole(Blur(), Sample(x), tile=tile).x for tile in (0, 64))
    assert (whole - tiled).abs().max() < 0.1 and (whole - tiled).abs().mean() < 2e-3


# what a person looks at, and what data says about itself


def test_the_preview_is_a_grid(tmp_path):
    rows = {name: Sample(torch.full((2, 1, 16, 16), value)) for name, value in (("a", 0.0), ("a → b", 255.0))}
    (path,) = Images(size=16, scale=16, channels=1).preview(rows, tmp_path / "step_000001_a")
    sheet = cv2.imread(str(path))
    assert path.name == "step_000001_a.png" and sheet.shape == (22 + 2 * 100, 2 * 100 - 4, 3)
    assert (sheet[30:110, 5:90] == 0).all() and (sheet[30:110, 105:190] == 255).all()


def test_survey(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    items = [
        paint(tmp_path / "a.png", draw(20, 30, 0)),
        paint(tmp_path / "b.png", draw(50, 24, 1)),
        grey(tmp_path / "c.png"),
    ]
    assert survey([*items, bad]) == (20, True, False)
    assert survey(items[2:]) == (7, False, True)
    assert survey([Picture("0", np.zeros((28, 28), np.uint8)), Picture("1", np.zeros((28, 28, 1), np.uint8))]) == (
        28,
        False,
        True,
    )
    assert survey([Picture("0", np.zeros((8, 28, 3), np.uint8))]) == (8, True, True)
    assert survey([bad]) == (256, True, False)


def test_a_vgg_critic_passes_gradients_on_and_keeps_the_pretrained_weights_out_of_checkpoints():
    critic, x = Images(size=32).critic(vgg=True), torch.randn(2, 3, 32, 32, requires_grad=True)
    sum(scores.sum() for scores in critic(Sample(x))).backward()
    assert x.grad.abs().sum() > 0 and all(p.grad.abs().sum() > 0 for p in critic.parameters())
    assert not any("network" in key for key in critic.state_dict())


def test_what_a_vgg_critic_sees_of_the_built_in_pictures_is_of_one_scale():
    domain = Images(128, 192)
    rows = [domain.crop(domain.decode(f), np.random.default_rng(0)) for f in find("photos", "a").train[:6]]
    x = domain.normalise(domain.collate(rows)).x
    with torch.inference_mode():
        loud = [m.square().mean().sqrt() for m in vgg19(VGG_LAYERS)(x * 0.5 + 0.5)]
    assert all(0.7 < x / scale < 1.4 for x, scale in zip(loud, VGG_SCALES, strict=True))
