"""Picture files: what is read is what is written, and what is no picture is refused in one sentence."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from domains import imagefile
from domains.imagefile import SUFFIXES, BadImage, ImageOrigin, probe, read, read8, write
from translate.errors import UserError

# pytest undoes the module's own filter
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
TOP = {"uint8": 255, "uint16": 65535, "float32": 1.0}
ROOT = Path(imagefile.__file__).parents[1]


def pixels(depth: str, c: int, h: int = 13, w: int = 17, seed: int = 0) -> np.ndarray:
    """[h,w,c], noise; the alpha of 2 and 4 channels has fully opaque and fully transparent parts."""
    a = np.random.default_rng([seed, c]).random((h, w, c), dtype=np.float32)
    a = a if depth == "float32" else np.rint(a * TOP[depth]).astype(depth)
    if c in (2, 4):
        a[: h // 3, :, -1] = TOP[depth]
        a[-2:, :, -1] = 0
    return a


def save_pillow(path: Path, a: np.ndarray, **how) -> Path:
    Image.fromarray(a.squeeze(2) if a.shape[2] == 1 else a).save(path, **how)
    return path


def save_cv2(path: Path, a: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), a[..., [2, 1, 0, 3][: a.shape[2]]] if a.shape[2] > 1 else a)
    return path


def png(w: int, h: int, kind: int, rows: bytes, *more: tuple[bytes, bytes], depth: int = 16) -> bytes:
    """A PNG by hand; more: chunks before the pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, 0)), *more]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def png16(path: Path, a: np.ndarray, *more: tuple[bytes, bytes]) -> Path:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in a)
    path.write_bytes(png(a.shape[1], a.shape[0], {1: 0, 2: 4, 3: 2, 4: 6}[a.shape[2]], rows, *more))
    return path


def tiff(path: Path, a: np.ndarray, head: bytes = b"II*\0\x08\0\0\0", **tags: int | tuple | None) -> Path:
    """A TIFF by hand, one raw strip; tags: t338=1 sets tag 338, t338=None leaves it out."""
    h, w, c = a.shape
    kind = {"u": 1, "i": 2, "f": 3, "c": 6}[a.dtype.kind]
    ifd = ImageFileDirectory_v2(head)
    wanted = {256: w, 257: h, 258: (a.dtype.itemsize * 8,) * c, 259: 1, 262: 1 if c < 3 else 2, 273: 0, 277: c, 278: h}
    wanted |= {279: a.nbytes, 339: (kind,) * c, **{int(t[1:]): v for t, v in tags.items()}}
    for tag in wanted.keys() - {tag for tag, value in wanted.items() if value is None}:
        ifd[tag] = wanted[tag]
    a = a.astype(a.dtype.newbyteorder(">" if head[:2] == b"MM" else "<"))
    path.write_bytes(head + ifd.tobytes(len(head)) + a.tobytes())
    return path


FILES = {  # a file of every kind whose pixels come back exactly: suffix, depth, samples, how it is made
    **{f"png {c}": (".png", "uint8", c, save_pillow) for c in (1, 2, 3, 4)},
    **{f"png16 {c}": (".png", "uint16", c, png16) for c in (1, 2, 3, 4)},
    **{f"tiff {c}": (".tif", "uint8", c, lambda p, a: save_pillow(p, a, compression="tiff_lzw")) for c in (1, 2, 3, 4)},
    **{f"tiff16 {c}": (".tiff", "uint16", c, save_cv2) for c in (1, 3, 4)},
    **{f"tiff float {c}": (".tif", "float32", c, save_cv2) for c in (1, 3, 4)},
    **{f"webp {c}": (".webp", "uint8", c, lambda p, a: save_pillow(p, a, lossless=True, exact=True)) for c in (3, 4)},
    **{f"bmp {c}": (".bmp", "uint8", c, save_cv2) for c in (1, 3, 4)},
}


@pytest.mark.parametrize("name", FILES)
def test_every_lossless_kind_survives_reading_and_writing(name, tmp_path):
    suffix, depth, c, save = FILES[name]
    a = pixels(depth, c)
    channels = 1 if c < 3 else 3
    source = save(tmp_path / f"source{suffix}", a)
    array, origin = read(source)

    assert array.dtype == np.float32 and array.flags.c_contiguous and array.flags.writeable
    assert origin == ImageOrigin("source", suffix, (13, 17), depth, channels)
    wanted = a[..., :channels].copy()
    if c in (2, 4):
        assert origin.alpha.dtype == depth and np.array_equal(origin.alpha, a[..., -1])
        wanted[origin.alpha == 0] = TOP[depth]  # hidden colours are white
    else:
        assert origin.alpha is None
    assert np.array_equal(array, wanted / np.float32(TOP[depth]))

    written = write(array, origin, tmp_path / "out.1")
    assert written == tmp_path / f"out.1{suffix}"
    again, second = read(written)
    assert np.array_equal(again, array)
    assert second == replace(origin, name="out.1")
    assert (second.alpha is None) == (origin.alpha is None)
    assert origin.alpha is None or np.array_equal(second.alpha, origin.alpha)
    if channels == 3 or depth == "uint8":  # another reader sees the same
        seen = cv2.imread(str(written), cv2.IMREAD_UNCHANGED) if depth != "uint8" else np.array(Image.open(written))
        seen = seen.reshape(13, 17, c)
        seen = seen[..., [2, 1, 0, 3][:c]] if depth != "uint8" else seen
        visible = np.ones((13, 17), bool) if c in (1, 3) else a[..., -1] > 0
        assert np.array_equal(seen[visible], a[visible])
        assert c in (1, 3) or np.array_equal(seen[..., -1], a[..., -1])


def test_the_table_of_kinds_covers_every_suffix():
    assert {suffix for suffix, *_ in FILES.values()} | {".jpg", ".jpeg"} == set(SUFFIXES)
    assert len(FILES) == 23


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".webp"])
@pytest.mark.parametrize("c", [1, 3])
def test_lossy_files_stay_close(suffix, c, tmp_path):
    smooth = cv2.GaussianBlur(pixels("uint8", 3, 64, 80), (0, 0), 4)
    source = save_pillow(tmp_path / f"a{suffix}", smooth[..., :c], quality=90)
    array, origin = read(source)
    assert origin.suffix == suffix and origin.channels == (3 if suffix == ".webp" else c)
    assert origin.lossless == (suffix != ".webp")
    written = write(array, origin, tmp_path / "out")
    again, second = read(written)
    assert again.shape == array.shape and np.abs(again - array).mean() < 0.01 and second.lossless == origin.lossless
    with Image.open(written) as im:
        assert im.mode == ("L" if origin.channels == 1 else "RGB") and im.format == Image.open(source).format
        if im.format == "JPEG":
            best = Image.open(save_pillow(tmp_path / "best.jpg", smooth[..., :c], quality=95, subsampling=0))
            assert im.quantization == best.quantization and im.layer == best.layer


def test_a_lossless_webp_stays_lossless_behind_its_profile(tmp_path):
    source = tmp_path / "a.webp"  # with a profile: an extended file, the pixels are not the first chunk
    im = Image.fromarray(pixels("uint8", 3))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for lossless in (True, False):
        im.save(source, lossless=lossless, icc_profile=profile)
        assert read(source)[1].lossless == lossless


# other 8-bit modes


def test_palette_bilevel_cmyk_and_colour_keys(tmp_path):
    rgb = Image.fromarray(pixels("uint8", 3, 40, 50))
    palette = rgb.quantize(32)
    palette.save(tmp_path / "p.png")
    array, origin = read(tmp_path / "p.png")
    assert origin.channels == 3 and np.array_equal(array * 255, np.array(palette.convert("RGB")))

    palette.save(tmp_path / "pt.png", transparency=bytes(range(0, 256, 8)))  # 32 alphas, 0 to 248
    array, origin = read(tmp_path / "pt.png")
    assert np.array_equal(origin.alpha, np.array(palette) * 8)
    wanted = np.array(Image.open(tmp_path / "pt.png").convert("RGBA"))
    array, origin = read(write(array, origin, tmp_path / "pt2"))
    assert np.array_equal(origin.alpha, wanted[..., 3])
    assert np.array_equal(np.rint(array * 255)[origin.alpha > 0], wanted[origin.alpha > 0][:, :3])

    bits = rgb.convert("1")
    for suffix in (".png", ".tif", ".bmp"):
        bits.save(tmp_path / f"bits{suffix}")
        array, origin = read(tmp_path / f"bits{suffix}")
        assert origin.channels == 1 and np.array_equal(array[..., 0], np.array(bits))

    smooth = rgb.resize((8, 8)).resize((64, 64), Image.Resampling.BICUBIC)
    smooth.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    array, origin = read(tmp_path / "cmyk.jpg")
    assert origin.channels == 3 and np.abs(array * 255 - np.array(smooth)).mean() < 6
    assert Image.open(write(array, origin, tmp_path / "out")).mode == "RGB"

    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    grey.save(tmp_path / "key.png", transparency=7)
    array, origin = read(tmp_path / "key.png")
    assert origin.channels == 1 and np.array_equal(origin.alpha == 0, np.array(grey) == 7)


@pytest.mark.parametrize("c", [1, 3])
def test_a_colour_key_of_a_16_bit_png_is_alpha(c, tmp_path):
    a = pixels("uint16", c)
    source = png16(tmp_path / "a.png", a, (b"tRNS", a[3, 4].astype(">u2").tobytes()))
    array, origin = read(source)
    assert origin.alpha[3, 4] == 0 and (origin.alpha == 0).sum() == 1 and origin.alpha.max() == 65535
    assert (array[3, 4] == 1).all()


def test_alpha_of_tiff_in_its_three_meanings(tmp_path):
    straight = pixels("uint16", 4)
    straight[..., 3] = straight[..., 3].clip(4096)
    multiplied = straight.copy()
    multiplied[..., :3] = np.rint(straight[..., :3] * (straight[..., 3:] / 65535))
    multiplied[0, 0] = 9, 8, 7, 0
    multiplied[0, 1] = 9, 8, 7, 8  # brighter than its alpha allows
    with np.errstate(all="raise"):
        array, origin = read(tiff(tmp_path / "premultiplied.tif", multiplied, t338=1))
    assert np.array_equal(origin.alpha, multiplied[..., 3])
    assert (array[0, 0] == 1).all() and np.array_equal(np.rint(array[0, 1] * 65535), [65535, 65535, 57343])
    wanted = np.rint(multiplied[1:, :, :3] * (65535 / multiplied[1:, :, 3:]))
    assert np.array_equal(array[1:] * 65535, wanted) and np.abs(wanted - straight[1:, :, :3]).max() <= 8
    array, origin = read(tiff(tmp_path / "unspecified.tif", straight, t338=0))
    assert origin.alpha is None and np.array_equal(array * 65535, straight[..., :3])
    array, origin = read(tiff(tmp_path / "straight.tif", straight, t338=2))
    assert np.array_equal(origin.alpha, straight[..., 3]) and np.array_equal(array * 65535, straight[..., :3])


@pytest.mark.parametrize("head", [b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0\x10" + bytes(7)], ids=["big endian", "BigTIFF"])
def test_tiff_has_two_byte_orders_and_two_sizes_of_offset(head, tmp_path):
    for depth, c in (("uint8", 1), ("uint8", 3), ("uint16", 1), ("uint16", 4), ("float32", 3)):
        a = pixels(depth, c)
        array, origin = read(tiff(tmp_path / "a.tif", a, head))
        assert origin.depth == depth
        visible = np.ones((13, 17), bool) if c != 4 else origin.alpha > 0
        assert np.array_equal(array[visible], (a[..., :3] / np.float32(TOP[depth]))[visible])


INTERLACED = {"1": (1, 0, 1), "L": (1, 0, 8), "P": (1, 3, 8), "RGB": (3, 2, 8), "RGBA": (4, 6, 8), "I;16": (1, 0, 16)}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@pytest.mark.parametrize("mode", INTERLACED)
@pytest.mark.parametrize("h, w", [(1, 1), (2, 3), (5, 4), (9, 17)])  # some passes are empty in the smaller ones
def test_interlaced_png(mode, h, w, tmp_path):
    samples, kind, depth = INTERLACED[mode]
    a = pixels("uint16" if depth == 16 else "uint8", samples, h, w)
    a = a // 128 if mode == "1" else a
    rows = [row for x, y, dx, dy in PASSES for row in a[y::dy, x::dx] if row.size]
    body = b"".join(b"\0" + (np.packbits(r) if mode == "1" else r.astype(f">u{a.itemsize}")).tobytes() for r in rows)
    for whole in (True, False):
        palette = [(b"PLTE", bytes(np.arange(256).repeat(3).astype(np.uint8)))] if mode == "P" else []
        data = bytearray(png(w, h, kind, body if whole else body[:-1], *palette, depth=depth))
        data[28], data[29:33] = 1, struct.pack(">I", zlib.crc32(data[12:28] + b"\1"))  # IHDR: interlaced
        (tmp_path / "a.png").write_bytes(data)
        if not whole:
            with pytest.raises(BadImage, match="damaged"):
                read(tmp_path / "a.png")
            break
        array, origin = read(tmp_path / "a.png")
        visible = np.ones((h, w), bool) if origin.alpha is None else origin.alpha > 0
        top = np.float32(1 if mode == "1" else TOP[origin.depth])
        assert np.array_equal(array[visible], (a[..., :3] / top).repeat(3 if mode == "P" else 1, axis=2)[visible])


def test_a_small_png_that_inflates_without_end_takes_little_memory(tmp_path):
    (tmp_path / "a.png").write_bytes(png(17, 13, 0, bytes(50_000_000), depth=8))
    tracemalloc.start()
    read(tmp_path / "a.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_tiff_without_the_sizes_of_its_strips(tmp_path):
    for depth in TOP:
        a = pixels(depth, 3)
        array, _ = read(tiff(tmp_path / "a.tif", a, t279=None))
        assert np.array_equal(array, a / np.float32(TOP[depth]))


def test_a_tiff_of_many_strips(tmp_path):
    a = pixels("uint8", 3, 701, 900)  # two strips
    written = write(a / np.float32(255), ImageOrigin("a", ".tif", (701, 900)), tmp_path / "out")
    assert len(Image.open(written).tag_v2[273]) == 2
    assert np.array_equal(np.array(Image.open(written)), a)


# EXIF

UPRIGHT = {  # EXIF 2.32, tag 274: where stored row 0 and column 0 belong
    1: lambda a: a,  # top, left
    2: lambda a: a[:, ::-1],  # top, right
    3: lambda a: a[::-1, ::-1],  # bottom, right
    4: lambda a: a[::-1],  # bottom, left
    5: lambda a: a.swapaxes(0, 1),  # left, top
    6: lambda a: np.rot90(a, -1),  # right, top
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),  # right, bottom
    8: lambda a: np.rot90(a),  # left, bottom
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_turned_upright_once(orientation, tmp_path):
    exif = Image.Exif()
    exif[274] = orientation
    blocks = np.kron(pixels("uint8", 3, 5, 7), np.ones((16, 16, 1), np.uint8))  # 80 by 112
    deep = pixels("uint16", 4)
    tag = exif.tobytes().removeprefix(b"Exif\0\0")
    made = [
        (save_pillow(tmp_path / "a.jpg", blocks, exif=exif, quality=95), blocks, 8),
        (save_pillow(tmp_path / "a.png", blocks, exif=exif), blocks, 0),
        (save_pillow(tmp_path / "a.webp", blocks, exif=exif, lossless=True), blocks, 0),
        (save_pillow(tmp_path / "a.tif", blocks, exif=exif), blocks, 0),
        (save_pillow(tmp_path / "lzw.tif", blocks, exif=exif, compression="tiff_lzw"), blocks, 0),
        (png16(tmp_path / "deep.png", deep, (b"eXIf", tag)), deep, 0),
        (tiff(tmp_path / "deep.tif", deep, t274=orientation), deep, 0),
        (tiff(tmp_path / "float.tif", pixels("float32", 3), t274=orientation), pixels("float32", 3), 0),
    ]
    for source, stored, tolerance in made:
        wanted = UPRIGHT[orientation](stored).astype(np.float64)
        array, origin = read(source)
        seen = array * np.float64(TOP[origin.depth])
        assert origin.size == probe(source).size == seen.shape[:2] == wanted.shape[:2], source
        visible = np.ones(origin.size, bool)
        if origin.alpha is not None:
            assert np.array_equal(origin.alpha, wanted[..., -1])
            visible = origin.alpha > 0
        assert np.abs(seen[visible] - wanted[visible][:, :3]).mean() <= tolerance + 1e-3, source
        written = write(array, origin, tmp_path / "out")
        assert cv2.imread(str(written), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH).shape[:2] == origin.size
        assert np.abs(read(written)[0] - array).mean() < 0.02
        assert np.array_equal(read8(source).shape[:2], origin.size)
        if origin.depth == "uint8":  # Pillow agrees about which way is up
            assert 274 not in Image.open(written).getexif()
            assert np.array_equal(read8(source), np.array(ImageOps.exif_transpose(Image.open(source))))


def test_broken_exif_does_not_spoil_a_picture(tmp_path):
    a = pixels("uint8", 3)
    for junk in (b"junk", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\xff\0\0\0\xff"):
        array, origin = read(save_pillow(tmp_path / "a.png", a, exif=b"Exif\0\0" + junk))
        assert np.array_equal(array * 255, a) and origin.size == (13, 17)


# float


@pytest.mark.parametrize("lo, hi", [(0.0, 1.0), (-3.5, 7.25), (0.2, 0.9), (0.0, 65535.0), (-3e38, 3e38), (5.0, 5.0)])
@pytest.mark.parametrize("c", [1, 3])
def test_float_values_outside_0_and_1_come_back(lo, hi, c, tmp_path):
    a = (lo + pixels("float32", c).astype(np.float64) * (hi - lo)).astype(np.float32)
    array, origin = read(tiff(tmp_path / "a.tif", a))
    assert 0 <= array.min() and array.max() <= 1 and (origin.lo, origin.hi) == (min(0.0, a.min()), max(1.0, a.max()))
    again = cv2.imread(str(write(array, origin, tmp_path / "out")), cv2.IMREAD_UNCHANGED).reshape(a.shape)
    again = again[..., ::-1] if c == 3 else again
    assert again.dtype == np.float32 and np.abs(again.astype(np.float64) - a).max() <= 1e-6 * (origin.hi - origin.lo)


# grey and colour, alpha, profiles


def test_grey_stays_grey_and_colour_stays_colour(tmp_path):
    rgb = pixels("uint8", 3)
    unit = rgb / np.float32(255)
    for suffix, depth in ((".png", "uint8"), (".png", "uint16"), (".tif", "float32"), (".bmp", "uint8")):
        grey = ImageOrigin("a", suffix, (13, 17), depth, 1)
        seen, origin = read(write(unit, grey, tmp_path / "grey"))
        assert origin.channels == 1
        assert np.abs(seen[..., 0] * 255 - np.array(Image.fromarray(rgb).convert("L"))).max() <= 1
        assert np.array_equal(read(write(unit, grey, tmp_path / "coloured", colour=True))[0].shape, (13, 17, 3))
        coloured = replace(grey, channels=3)
        seen, origin = read(write(unit[..., :1], coloured, tmp_path / "flat"))
        assert origin.channels == 3 and np.abs(seen - unit[..., :1]).max() < 1e-6
        assert read(write(unit, coloured, tmp_path / "reduced", colour=False))[1].channels == 1
        flat = unit[..., :1].repeat(3, 2)  # a grey picture through a network of three channels
        assert np.abs(read(write(flat, grey, tmp_path / "same"))[0] - unit[..., :1]).max() < 1e-6


@pytest.mark.parametrize("suffix, depth", [*zip([".png", ".png"], TOP), *zip([".tif"] * 3, TOP)])
def test_alpha_follows_the_size(suffix, depth, tmp_path):
    alpha = np.zeros((12, 16), depth)
    alpha[:, 8:] = TOP[depth]
    origin = ImageOrigin("a", suffix, (12, 16), depth, 3, alpha)
    for h, w in ((24, 32), (6, 8)):
        _, seen = read(write(np.full((h, w, 3), 0.5, np.float32), origin, tmp_path / "out"))
        assert seen.alpha.shape == (h, w) and seen.alpha.dtype == depth
        assert (seen.alpha[:, : w // 2 - 2] == 0).all() and (seen.alpha[:, w // 2 + 2 :] == TOP[depth]).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
def test_a_picture_made_grey_keeps_its_alpha(suffix, tmp_path):
    a = pixels("uint8", 4)
    origin = ImageOrigin("a", suffix, (13, 17), alpha=a[..., 3])
    _, seen = read(write(a[..., :3] / np.float32(255), origin, tmp_path / "out", colour=False))
    assert np.array_equal(seen.alpha, a[..., 3])


@pytest.mark.parametrize("name", FILES)
def test_read8_is_over_white_and_close_to_read(name, tmp_path):
    suffix, depth, c, save = FILES[name]
    source = save(tmp_path / f"a{suffix}", pixels(depth, c))
    array, origin = read(source)
    alpha = 1.0 if origin.alpha is None else origin.alpha[..., None] / TOP[depth]
    seen = read8(source)
    assert seen.dtype == np.uint8 and seen.shape == array.shape and seen.flags.writeable
    roundings = 1 if c in (1, 3) or depth == "uint8" else 3  # deep alpha: of the colour, of alpha, of both composited
    assert np.abs(seen - 255 * (array * alpha + 1 - alpha)).max() <= 0.501 * roundings


def test_the_profile_is_kept_where_it_fits(tmp_path):
    rgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = rgb[:16] + b"GRAY" + rgb[20:]
    for suffix, depth in zip((".jpg", ".png", ".png", ".tif", ".tif", ".tif"), ("uint8", "uint8", "uint16", *TOP)):
        origin = ImageOrigin("a", suffix, (13, 17), depth, 3, icc=rgb)
        written = write(pixels("float32", 3), origin, tmp_path / "out")
        assert read(written)[1].icc == probe(written).icc == rgb
        for wrong in (replace(origin, icc=grey), replace(origin, icc=b"short")):
            assert read(write(pixels("float32", 3), wrong, tmp_path / "out"))[1].icc is None
        assert read(write(pixels("float32", 1), replace(origin, icc=grey, channels=1), tmp_path / "out"))[1].icc == grey


# names


def test_the_suffix_follows_the_content(tmp_path):
    a = pixels("uint16", 3)
    for name, suffix in (("x.PNG", ".PNG"), ("x.jpg", ".png"), ("x", ".png"), ("x.y.gif", ".png")):
        array, origin = read(png16(tmp_path / name, a))
        assert origin.suffix == suffix and origin.name == Path(name).stem
        assert np.array_equal(read(write(array, origin, tmp_path / "out"))[0], array)


def test_awkward_names(tmp_path):
    for name in ("ü 漢字 .v1.png", "two\nlines.png", os.fsdecode(b"\xff\xfe.png")):
        path = tmp_path / name
        path.write_text("no picture")
        with pytest.raises(BadImage) as e:
            read(path)
        message = str(e.value)
        assert len(message.splitlines()) == 1 and message.encode()
        array, origin = read(save_pillow(path, pixels("uint8", 3)))
        assert np.array_equal(read(write(array, origin, tmp_path / f"{origin.name}.new"))[0], array)


# probe


@pytest.mark.parametrize("name", FILES)
def test_probe_agrees_with_read_and_decodes_nothing(name, tmp_path, monkeypatch):
    suffix, depth, c, save = FILES[name]
    source = save(tmp_path / f"a{suffix}", pixels(depth, c))
    _, origin = read(source)

    def refuse(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", refuse)
    monkeypatch.setattr(imagefile.Image.Image, "convert", refuse)
    monkeypatch.setattr(cv2, "imdecode", refuse)
    assert probe(source) == origin


# what is refused


def encoded(a: np.ndarray, format: str, **how) -> bytes:
    out = io.BytesIO()
    Image.fromarray(a).save(out, format, **how)
    return out.getvalue()


def malformed(folder: Path) -> dict[str, Path]:
    """One file of every kind that is refused; the key is a word that its message must contain."""
    rgb, smooth = pixels("uint8", 3, 64, 64), cv2.GaussianBlur(pixels("uint8", 3, 64, 64), (0, 0), 3)
    frames = [Image.fromarray(pixels("uint8", 3, seed=i)) for i in range(3)]
    made: dict[str, list[Path]] = {}

    def put(word: str, name: str, data: bytes | None = None) -> Path:
        made.setdefault(word, []).append(folder / name)
        if data is not None:
            (folder / name).write_bytes(data)
        return folder / name

    put("no such file", "missing.png")
    put("folder", "folder.png").mkdir()
    os.mkfifo(put("regular", "pipe.png"))
    put("empty", "nothing.jpg", b"")
    for suffix, format, how in (
        (".jpg", "JPEG", {}), (".jpg", "JPEG", {"progressive": True}), (".png", "PNG", {}), (".webp", "WEBP", {}),
        (".bmp", "BMP", {}), (".tif", "TIFF", {}), (".tif", "TIFF", {"compression": "tiff_lzw"}),
        (".tif", "TIFF", {"compression": "tiff_adobe_deflate"}), (".tif", "TIFF", {"compression": "jpeg"}),
    ):  # fmt: skip
        data = encoded(smooth, format, **how)
        for part in (0.3, 0.6, 0.9):
            put("truncated", f"{part}{''.join(how)}{how.get('compression', '')}{suffix}", data[: int(len(data) * part)])
    for i, save in enumerate((png16, tiff, save_cv2)):
        for depth in ("uint16", "float32")[: 1 + (save is not png16)]:
            suffix = ".png" if save is png16 else ".tif"
            data = save(folder / f"whole{suffix}", pixels(depth, 3, 64, 64)).read_bytes()
            put("truncated", f"deep{i}{depth}{suffix}", data[: len(data) // 2])
            put("truncated", f"most{i}{depth}{suffix}", data[:-200])
    (folder / "whole.png").unlink(), (folder / "whole.tif").unlink()
    put("truncated", "directory.tif", tiff(folder / "directory.tif", rgb, t339=(1, 1, 1)).read_bytes()[:60])
    for tag in (258, 339):  # in a directory entry, where its values are: beyond the file's end
        data = tiff(folder / "tag.tif", pixels("float32", 3)).read_bytes()
        at = data.index(struct.pack("<HHI", tag, 3, 3)) + 8
        put("truncated", f"tag{tag}.tif", data[:at] + struct.pack("<I", 1 << 30) + data[at + 4 :])
    (folder / "tag.tif").unlink()
    data = tiff(folder / "count.tif", pixels("uint16", 3), b"II+\0\x08\0\0\0\x10" + bytes(7)).read_bytes()
    at = data.index(struct.pack("<HHQ", 258, 3, 3)) + 4
    put("truncated", "count.tif", data[:at] + struct.pack("<Q", 1 << 50) + data[at + 8 :])
    put("truncated", "bits.png", png(17, 14, 0, bytes(13 * 4), depth=1))
    for depth in ("uint8", "uint16"):  # fewer rows than the header says; strips and tiles likewise
        a = pixels(depth, 3)
        rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in a)
        put("truncated", f"rows{depth}.png", png(17, 14, 2, rows, depth=a.itemsize * 8))
        tiff(put("truncated", f"strips{depth}.tif"), a, t257=26)
        tiff(put("truncated", f"planes{depth}.tif"), a, t284=2)
        tiff(put("truncated", f"hole{depth}.tif"), a, t279=0)
        tiff(put("truncated", f"tiles{depth}.tif"), a, t322=16, t323=16, t324=(300,), t325=(9,))
    put("not a readable PNG", "text.png", b"not a picture at all\n")
    put("not a readable PNG", "sound.jpg", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + bytes(20))
    put("not a readable PNG", "gif.gif", encoded(rgb, "GIF"))
    put("not a readable PNG", "gif.png", encoded(rgb, "GIF"))
    put("not a readable PNG", "noise.webp", np.random.default_rng(0).bytes(500))
    for value in (np.nan, np.inf, -np.inf):
        a = pixels("float32", 3)
        a[5, 5, 1] = value
        tiff(put("NaN", f"{value}.tif"), a)
    a = pixels("float32", 4)
    a[5, 5, 3] = np.nan
    save_cv2(put("NaN", "nan-alpha.tif"), a)
    put("pixels", "zero.tif", tiff(folder / "zero.tif", rgb, t256=0).read_bytes())
    put("not a readable", "zero.png", png(0, 5, 2, b""))
    put("megapixels", "bomb200.png", png(20_000, 10_001, 2, b"", depth=8))
    put("megapixels", "bomb.png", png(100_000, 100_000, 2, b"", depth=8))
    put("megapixels", "bomb.tif", tiff(folder / "bomb.tif", rgb, t256=65535, t257=65535).read_bytes())
    jpeg = bytearray(encoded(rgb, "JPEG"))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 60_000, 60_000)
    put("megapixels", "bomb.jpg", bytes(jpeg))
    frames[0].save(put("pages", "pages.tif"), save_all=True, append_images=frames[1:])
    frames[0].save(put("several", "animated.webp"), save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(put("several", "animated.png"), save_all=True, append_images=frames[1:], duration=100)
    for dtype in (np.int16, np.uint32, np.int32, np.float16, np.float64, np.complex64):
        for c in (1, 3):
            tiff(put("32-bit float", f"{np.dtype(dtype).name}{c}.tif"), np.ones((9, 9, c), dtype))
    tiff(put("layout", "grey-alpha.tif"), pixels("uint16", 2), t338=2)
    tiff(put("layout", "planes.tif"), pixels("uint16", 3), t284=2, t273=(0, 442, 884), t279=(442, 442, 442))
    tiff(put("layout", "white-is-zero.tif"), pixels("uint16", 1), t262=0)
    tiff(put("layout", "cmyk16.tif"), pixels("uint16", 4), t262=5)
    tiff(put("layout", "five.tif"), pixels("uint16", 5), t338=(0, 0))
    tiff(put("supported", "lab.tif"), pixels("uint8", 3), t262=8)
    tiff(put("kind of TIFF", "two-extra.tif"), pixels("uint8", 3), t262=1, t338=(0, 0))
    tiff(put("neither 8-bit", "seven.tif"), pixels("uint8", 7), t338=(0, 0, 0, 0))
    return made


def test_everything_malformed_is_refused_in_one_sentence(tmp_path):
    cases = [(word, path) for word, paths in malformed(tmp_path).items() for path in paths]
    assert len(cases) > 75
    for word, path in cases:
        for f in (read, read8, probe):
            start = time.monotonic()
            try:
                f(path)
            except BadImage as e:
                message = str(e).removeprefix(f"{path}: ")
                assert message != str(e) and word in message and len(message.splitlines()) == 1, (path, message)
                assert message.endswith(".") and "; " in message and "Error" not in message
                below = e.__cause__ or (None if e.__suppress_context__ else e.__context__)
                assert below is None  # no traceback from below
            else:
                # a header says where a TIFF's strips end, but neither what is in them nor where JPEG tables are
                seen = word == "truncated" and path.suffix == ".tif" and "jpeg" not in path.name
                assert f is probe and word in ("truncated", "NaN") and not seen, (f, path)
            assert time.monotonic() - start < 2, path
    assert issubclass(BadImage, UserError) and issubclass(BadImage, ValueError)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = save_pillow(tmp_path / "a.png", pixels("uint8", 3))
    for error, word in ((PermissionError(13, "denied"), "chmod"), (OSError(5, "Input/output error"), "Input/output")):

        def deny(*_, error=error):
            raise error

        monkeypatch.setattr(imagefile, "open", deny, raising=False)  # as root, chmod would not do
        with pytest.raises(BadImage, match=rf"a\.png.*{word}"):
            read(path)


def test_thumbnails_and_second_pictures_are_no_hindrance(tmp_path):
    a, small = Image.fromarray(pixels("uint8", 3)), Image.fromarray(pixels("uint8", 3, 4, 4))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    a.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert Image.open(tmp_path / "a.tif").n_frames == 2
    assert np.array_equal(read(tmp_path / "a.tif")[0] * 255, np.array(a))
    a.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[small])
    assert Image.open(tmp_path / "a.jpg").format == "MPO"
    array, origin = read(tmp_path / "a.jpg")
    assert array.shape == (13, 17, 3) and Image.open(write(array, origin, tmp_path / "out")).format == "JPEG"


def test_a_directory_that_points_at_itself_ends(tmp_path):
    source = tiff(tmp_path / "a.tif", pixels("uint16", 3), t254=1)
    data = source.read_bytes()
    entries = struct.unpack("<H", data[8:10])[0]
    after = 10 + 12 * entries
    source.write_bytes(data[:after] + struct.pack("<I", 8) + data[after + 4 :])
    assert read(source)[0].shape == (13, 17, 3)


def test_a_decoder_that_contradicts_the_header_is_not_believed(tmp_path, monkeypatch):
    source = tiff(tmp_path / "a.tif", pixels("uint16", 3))
    for other in (pixels("uint8", 3), pixels("uint16", 3, 17, 13), pixels("uint16", 1), None):
        monkeypatch.setattr(cv2, "imdecode", lambda *_, other=other: other)
        with pytest.raises(BadImage, match="damaged"):
            read(source)


def test_pictures_up_to_200_megapixels_pass(tmp_path):
    (tmp_path / "a.png").write_bytes(png(20_000, 10_000, 2, b"", depth=8))
    assert probe(tmp_path / "a.png").size == (10_000, 20_000)


def test_nothing_is_written_to_stderr(tmp_path):
    """By a process of its own: the libraries write below Python, and pytest replaces the warning filters."""
    malformed(tmp_path)
    spoil(tmp_path, 120)
    (tmp_path / "pipe.png").unlink()
    code = """
import sys; from pathlib import Path; from domains.imagefile import BadImage, read, read8
for path in sorted(Path(sys.argv[1]).iterdir()):
    for f in (read, read8):
        try: f(path); print("read")
        except BadImage: print("refused")
"""
    ran = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stdout.count("refused") > 150 and ran.stderr == ""


def spoil(folder: Path, n: int) -> list[Path]:
    """n files of all formats, some of their bytes changed or missing"""
    rng = np.random.default_rng(7)
    smooth = cv2.GaussianBlur(pixels("uint8", 4, 48, 64), (0, 0), 3)
    deep = (smooth.astype(np.uint16) * 257, smooth.astype(np.float32) / 255)
    whole = [(".jpg", encoded(smooth[..., :3], "JPEG")), (".jpg", encoded(smooth[..., :3], "JPEG", progressive=True))]
    whole += [(".png", encoded(smooth, "PNG")), (".png", png16(folder / "x.png", deep[0]).read_bytes())]
    whole += [(".png", encoded(np.array(Image.fromarray(smooth[..., 0]).convert("1")), "PNG"))]
    whole += [(".webp", encoded(smooth, "WEBP", lossless=lossless)) for lossless in (True, False)]
    ways = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    whole += [(".tif", encoded(smooth[..., :3], "TIFF", compression=way)) for way in ways]
    whole += [(".tif", save_cv2(folder / "x.tif", a[..., :c]).read_bytes()) for a in deep for c in (1, 3, 4)]
    whole += [(".bmp", encoded(smooth[..., :3], "BMP"))]
    (folder / "x.png").unlink(), (folder / "x.tif").unlink()
    paths = []
    for i in range(n):
        suffix, data = whole[i % len(whole)]
        data = bytearray(data)
        for _ in range(rng.integers(1, 9)):
            head = rng.random() < 0.5  # half of the damage in the header, where the decisions are
            data[rng.integers(min(len(data), 200) if head else len(data))] = rng.integers(256)
        if rng.random() < 0.3:
            data = data[: rng.integers(1, len(data))]
        paths.append(folder / f"spoilt{i}{suffix}")
        paths[-1].write_bytes(data)
    return paths


def test_corrupted_files_are_read_or_refused(tmp_path):
    refused = 0
    for path in spoil(tmp_path, int(os.environ.get("FUZZ", 200))):
        start = time.monotonic()
        try:
            array, origin = read(path)
            assert array.shape == (*origin.size, origin.channels) == read8(path).shape and np.isfinite(array).all()
            assert array.min() >= 0 and array.max() <= 1
            write(array, origin, tmp_path / "out")
        except BadImage as e:
            refused += 1
            assert path.name in str(e) and len(str(e).splitlines()) == 1
        assert time.monotonic() - start < 5, path
    assert refused > 60


# writing


def test_writing_refuses_what_is_no_picture(tmp_path):
    origin = ImageOrigin("a", ".png", (4, 4))
    a = np.full((4, 4, 3), 0.5, np.float32)
    a[1, 2, 0] = np.nan
    with pytest.raises(BadImage, match=r"out\.png.*NaN.*checkpoint"):
        write(a, origin, tmp_path / "out")
    for shape in ((4, 4), (4, 4, 2), (0, 4, 3), (3, 4, 4, 1)):
        with pytest.raises(ValueError, match=r"\[H,W,3\]"):
            write(np.zeros(shape, np.float32), origin, tmp_path / "out")
    with pytest.raises(UserError, match=r"out\.webp: not written.*smaller"):
        write(np.zeros((1, 20_000, 3), np.float32), replace(origin, suffix=".webp"), tmp_path / "out")
    assert not list(tmp_path.iterdir())
    for outside, edge in ((3, 1), (-3, 0)):
        assert (read(write(np.full_like(a, outside), origin, tmp_path / "out"))[0] == edge).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(suffix, tmp_path):
    big, origin = pixels("float32", 3, 200, 200), ImageOrigin("a", suffix, (200, 200))
    target = write(big, origin, tmp_path / "out")
    before = target.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # no file of this process grows beyond 2000 bytes
    try:
        with pytest.raises(UserError, match=rf"out\{suffix}: not written") as e:
            write(1 - big, origin, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(str(e.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == [target] and target.read_bytes() == before


def test_a_place_that_takes_no_file(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.png").mkdir()
    for stem in (tmp_path / "missing" / "out", tmp_path / "file" / "out", tmp_path / "taken"):
        with pytest.raises(UserError, match="not written"):
            write(np.zeros((4, 4, 3), np.float32), ImageOrigin("a", ".png", (4, 4)), stem)
    assert {p.name for p in tmp_path.iterdir()} == {"file", "taken.png"}


def test_interrupted_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(np.zeros((4, 4, 3), np.float32), ImageOrigin("a", ".png", (4, 4)), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_written_files_have_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    written = write(np.zeros((4, 4, 3), np.float32), ImageOrigin("a", ".png", (4, 4)), tmp_path / "out")
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_threads_read_and_write_the_same_files(tmp_path):
    sources = {name: FILES[name][3](tmp_path / f"{name}{FILES[name][0]}", pixels(*FILES[name][1:3])) for name in FILES}
    wanted = {name: read(path) for name, path in sources.items()}
    broken = tmp_path / "broken.tif"
    broken.write_bytes(encoded(pixels("uint8", 3, 64, 64), "TIFF", compression="tiff_lzw")[:-3000])
    threads = set()

    def work(i: int) -> None:
        threads.add(threading.get_ident())
        for name, path in sources.items():
            array, origin = read(path)
            assert np.array_equal(array, wanted[name][0]) and origin == wanted[name][1]
            target = write(array, origin, tmp_path / "shared")  # every thread, the same file
            again, _ = read(target)
            assert again.shape[:2] == (13, 17)
            with pytest.raises(BadImage):
                read(broken)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert len(threads) > 1
    assert not list(tmp_path.glob(".*"))
