"""Picture files: a file <-> a float32 array [H,W,C] in [0, 1], and an origin that keeps what the array cannot.

Pillow opens every file: it reports truncated ones and knows EXIF. cv2 decodes what Pillow silently reduces to 8 bits
or does not know at all: 16-bit colour PNG, 16-bit and float colour TIFF.
"""

from __future__ import annotations

import ctypes
import io
import os
import secrets
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from translate.errors import UserError

FORMATS = dict.fromkeys((".jpg", ".jpeg"), "JPEG") | dict.fromkeys((".tif", ".tiff"), "TIFF")
FORMATS |= {".png": "PNG", ".webp": "WEBP", ".bmp": "BMP"}
SUFFIXES = tuple(FORMATS)
MAX_PIXELS = 200_000_000
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1.0}
GREY, COLOUR = {"1", "L", "LA", "La"}, {"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}  # Pillow's 8-bit modes
# Interlaced PNG: (x, y, step in x, step in y) of each pass
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TIFF_TAGS = {254, 256, 257, 258, 262, 273, 274, 277, 278, 279, 284, 322, 323, 324, 325, 338, 339, 34675}
TIFF_KINDS = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}  # byte, short, long, undefined, 8-byte long

# The libraries keep quiet: what matters becomes a BadImage. Pillow's own limit would refuse from 179 megapixels on.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", module=r"PIL\.")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
with suppress(OSError, AttributeError):  # Pillow's libtiff writes to stderr, below Python; absent from static builds
    ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)


class BadImage(UserError, ValueError):
    """A file that is not a picture this package reads. One sentence: the file, what is wrong, the remedy."""


@dataclass(frozen=True)
class ImageOrigin:
    """What a file had that its array has not.

    name: the file's stem. suffix: that of the file, or of its content where the two disagree. size: (h, w), upright.
    depth: "uint8" | "uint16" | "float32". channels: 1 | 3, without alpha. alpha: [H,W] in the file's depth.
    lo, hi: the file's values of 0 and 1, float32 files only. icc: colour profile. lossless: False for lossy WebP.
    """

    name: str
    suffix: str
    size: tuple[int, int]
    depth: str = "uint8"
    channels: int = 3
    alpha: np.ndarray | None = field(default=None, compare=False, repr=False)
    lo: float = 0.0
    hi: float = 1.0
    icc: bytes | None = field(default=None, repr=False)
    lossless: bool = True


def probe(path: Path) -> ImageOrigin:
    """The header alone, nothing decoded: alpha, lo and hi are not known. Raises BadImage."""
    with _open(path) as (origin, _):
        return origin


def read(path: Path) -> tuple[np.ndarray, ImageOrigin]:
    """(float32 [H,W,C] in [0, 1], C = 1 or 3 in RGB order, upright; its origin). Raises BadImage.

    Colours are straight, not multiplied by alpha; where alpha is 0, whatever colour hides there is white.
    """
    colour, alpha, origin = _load(path)
    colour, lo, hi = _to_unit(colour)
    return colour, replace(origin, alpha=alpha, lo=lo, hi=hi)


def read8(path: Path) -> np.ndarray:
    """uint8 [H,W,C], upright, for training: over white where transparent, 8 bits of any depth. Raises BadImage."""
    colour, alpha, origin = _load(path)
    if origin.depth != "uint8":
        colour = _quantise(_to_unit(colour)[0], "uint8")
        alpha = None if alpha is None else _quantise(alpha / np.float32(WHITE[origin.depth]), "uint8")
    if alpha is not None:
        a = alpha[..., None].astype(np.uint16)
        colour = ((colour * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)  # at most 255 * 255 + 127: fits 16 bits
    return colour


def write(array: np.ndarray, origin: ImageOrigin, stem: Path, colour: bool | None = None) -> Path:
    """Write float32 [H,W,C] in [0, 1] as `stem` + the origin's suffix, at its depth, with its alpha and profile.

    colour: None keeps a grey file grey (luminance, Rec. 601) and a coloured one coloured; True and False decide it.
    Another size than the origin's is fine: alpha follows. The file appears whole or not at all.
    Raises BadImage for NaN in the array, UserError where the file cannot be written.
    """
    if array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        raise ValueError(f"an array of shape [H,W,1] or [H,W,3] is needed, not {list(array.shape)}")
    target = Path(stem).with_name(Path(stem).name + origin.suffix)
    if not np.isfinite(array).all():
        raise _bad(target, "not written, the network's output holds NaN", "use an earlier checkpoint")
    channels = origin.channels if colour is None else 3 if colour else 1
    if array.shape[2] > channels:
        array = array.astype(np.float64) @ [[0.299], [0.587], [0.114]]  # float64: equal channels come back exactly
    pixels = _quantise(array, origin.depth, origin.lo, origin.hi).repeat(channels // array.shape[2], axis=2)
    alpha = origin.alpha
    if alpha is not None:
        h, w = pixels.shape[:2]
        if alpha.shape != (h, w):
            shrinks = h * w < alpha.size
            alpha = cv2.resize(alpha, (w, h), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        pixels = np.dstack([pixels, alpha])
    space = {1: b"GRAY", 3: b"RGB "}[channels]
    icc = origin.icc if origin.icc and origin.icc[16:20] == space else None  # a CMYK profile does not suit RGB pixels
    try:
        data = _encode(pixels, origin, icc)
    except (OSError, ValueError) as e:  # JPEG and WebP have a largest side
        raise UserError(f"{_shown(target)}: not written ({e}); make the picture smaller.") from None
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as f:
            f.write(data)
        part.replace(target)
    except OSError as e:
        raise UserError(f"{_shown(target)}: not written ({e.strerror}); free space or choose another folder.") from None
    finally:
        with suppress(OSError):
            part.unlink()
    return target


def _shown(path: Path) -> str:
    """The path on one line, printable whatever bytes its name has."""
    return str(path).encode("utf-8", "backslashreplace").decode().replace("\n", "\\n").replace("\r", "\\r")


def _bad(path: Path, wrong: str, remedy: str) -> BadImage:
    return BadImage(f"{_shown(path)}: {wrong}; {remedy}.")


@contextmanager
def _open(path: Path) -> Iterator[tuple[ImageOrigin, Callable[[], np.ndarray]]]:
    """(origin, decode): decode() -> upright [H,W,channels (+ alpha)], in the file's depth. Failures become BadImage."""
    path = Path(path)
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):  # opening a pipe would wait for ever
            raise _bad(path, "a folder" if stat.S_ISDIR(kind) else "not a regular file", "name a picture file")
        with open(path, "rb") as f:
            head = f.peek(4)[:4]
            if not head:
                raise _bad(path, "empty (0 bytes)", "copy it again or remove it")
            yield _open_tiff(f, path) if head in TIFF_MAGIC else _open_pillow(f, path, ("PNG", "JPEG", "WEBP", "BMP"))
    except BadImage:
        raise
    except FileNotFoundError:
        raise _bad(path, "no such file", "check the name") from None
    except PermissionError:
        raise _bad(path, "not readable", "change its permissions (chmod +r)") from None
    except UnidentifiedImageError:
        raise _bad(path, "not a readable PNG, JPEG, WebP, TIFF or BMP file", "convert it to PNG or remove it") from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except MemoryError:
        raise _bad(path, "too large for this machine's memory, or damaged", "reduce it or remove it") from None
    except Exception as e:  # decoders meet damage with nearly every exception there is
        if isinstance(e, OSError) and e.errno:
            raise _bad(path, f"cannot be read ({e.strerror})", "check the path and the disk") from None
        raise _bad(path, "damaged or truncated", "copy it again or remove it") from None


def _too_large(path: Path) -> BadImage:
    return _bad(path, f"more than {MAX_PIXELS // 1_000_000} megapixels", "reduce it first")


def _origin(path: Path, format: str, w: int, h: int, orientation: int) -> ImageOrigin:
    if min(w, h) < 1:
        raise _bad(path, f"{w} by {h} pixels", "remove it")
    if w * h > MAX_PIXELS:
        raise _too_large(path)
    own = path.suffix if FORMATS.get(path.suffix.lower()) == format else None
    suffix = own or next(s for s, f in FORMATS.items() if f == format)
    return ImageOrigin(path.stem, suffix, (w, h) if orientation in (5, 6, 7, 8) else (h, w))


def _open_pillow(f: BinaryIO, path: Path, formats: tuple[str, ...]) -> tuple[ImageOrigin, Callable]:
    head = f.peek(32)
    im = Image.open(f, formats=formats)
    format = "JPEG" if im.format == "MPO" else im.format  # MPO: a JPEG with more pictures behind it, as phones write
    if format in ("PNG", "WEBP") and getattr(im, "n_frames", 1) > 1:
        raise _bad(path, "several pictures in one file", "save each as a file of its own")
    # IHDR: bit depth, colour type (0 grey, 2 RGB, 4 grey + alpha, 6 RGBA); Pillow shows 16-bit colour as 8-bit modes
    deep, kind = (head[24] == 16, head[25]) if format == "PNG" else (False, None)
    if not deep and im.mode not in GREY | COLOUR:
        raise _bad(path, f"pixels of a kind ({im.mode}) that is not supported", "convert it to RGB")
    channels = 1 if (kind in (0, 4) if deep else im.mode in GREY) else 3
    transparent = im.has_transparency_data

    def decode() -> np.ndarray:
        im.load()
        rows = _png_rows(f) if format == "PNG" else None
        if deep:
            pixels = _decode_deep_png(head[16:29], rows, im.info.get("transparency"), channels)
        else:
            mode = ("L" if channels == 1 else "RGB") + ("A" if transparent else "")
            pixels = np.array(im if im.mode == mode else im.convert(mode))
        return _upright(pixels, _orientation(im))  # 1 after loading a TIFF: Pillow has turned that itself

    origin = _origin(path, format, *im.size, _orientation(im))
    depth, lossless = "uint16" if deep else "uint8", format != "WEBP" or _is_vp8l(f)
    return replace(origin, depth=depth, channels=channels, icc=im.info.get("icc_profile"), lossless=lossless), decode


def _orientation(im: Image.Image) -> int:
    try:
        return Image.Image.getexif(im).get(0x0112, 1)  # PNG's own getexif decodes the whole picture
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1


def _is_vp8l(f: BinaryIO) -> bool:
    """Whether a WebP's pixels are in the lossless chunk."""
    f.seek(12)
    while len(head := f.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        f.seek(size + size % 2, 1)
    return False


def _png_rows(f: BinaryIO) -> bytes:
    """The inflated rows of a PNG. Raises ValueError where some are missing: Pillow leaves them black."""
    f.seek(0)
    data = f.read()
    packed, at = [], 8
    while at + 12 <= len(data):  # a chunk: length, kind, data, checksum
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            packed.append(data[at + 8 : end - 4])
        at = end
    w, h, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    size = 0
    for x, y, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((x - w) // dx), -((y - h) // dy)
        size += rows * (1 + (columns * bits + 7) // 8) if columns > 0 else 0
    rows = zlib.decompressobj().decompress(b"".join(packed), size)
    if len(rows) < size:
        raise ValueError("rows are missing")
    return rows


def _decode_deep_png(header: bytes, rows: bytes, key: int | tuple | None, channels: int) -> np.ndarray:
    """16-bit PNG. key: the colour that stands for transparent, if any."""
    # as a new file of nothing else: about other chunks, libpng may write to stderr
    pixels = _cv2_decode(_png(header, zlib.compress(rows, 0)))
    if channels == 1 and pixels.shape[2] == 4:  # cv2 has no grey + alpha
        pixels = pixels[..., [0, 3]]
    if key is not None:
        alpha = np.where((pixels == np.array(key)).all(axis=2), 0, 65535).astype(np.uint16)
        pixels = np.dstack([pixels, alpha])
    return pixels


def _cv2_decode(data: bytes) -> np.ndarray:
    """[H,W,C], RGB order."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("cv2 cannot decode")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.shape[2] > 1 else pixels


def _open_tiff(f: BinaryIO, path: Path) -> tuple[ImageOrigin, Callable]:
    tags = _tiff_tags(f, path)
    (w,), (h,), (orientation,) = tags[256], tags[257], tags.get(274, (1,))
    bits, kind = set(tags.get(258, (1,))), set(tags.get(339, (1,)))  # kind: 1 unsigned, 2 signed, 3 float, ...
    (samples,), extra = tags.get(277, (1,)), tags.get(338, (2,))  # extra: 0 not alpha, 1 premultiplied, 2 straight
    origin = _origin(path, "TIFF", w, h, orientation)
    _check_strips(tags, w, h, _length(f))
    if max(bits) <= 8 and kind == {1} and samples <= 4:
        try:
            shallow, decode = _open_pillow(f, path, ("TIFF",))
        except UnidentifiedImageError:
            raise _bad(path, "a kind of TIFF that is not supported", "save it as plain RGB") from None
        return replace(shallow, size=origin.size), decode
    depth = {(16, 1): "uint16", (32, 3): "float32"}.get((max(bits), max(kind))) if len(bits) == len(kind) == 1 else None
    if depth is None:
        raise _bad(path, "a TIFF of neither 8-bit, 16-bit nor 32-bit float samples", "convert it to one of these")
    # photometric: 1 grey, 2 RGB. cv2 decodes other layouts, and separate planes, into wrong pixels
    layout = (tags.get(262), samples, tags.get(284, (1,)) if samples > 1 else (1,))
    if layout not in (((1,), 1, (1,)), ((2,), 3, (1,)), ((2,), 4, (1,))):
        raise _bad(path, f"a {depth} TIFF of unusual layout", "save it as plain grey or interleaved RGB or RGBA")

    def decode() -> np.ndarray:
        f.seek(0)
        pixels = _cv2_decode(f.read())  # cv2 turns TIFFs upright itself
        if pixels.shape != (*origin.size, samples) or pixels.dtype != depth:
            raise ValueError("cv2 decoded something else than the header says")
        if samples == 4 and extra == (0,):
            return pixels[..., :3]
        if samples == 4 and extra == (1,):
            alpha = pixels[..., 3:].astype(np.float64)
            colour = pixels[..., :3] * (WHITE[depth] / np.where(alpha == 0, 1, alpha))
            colour = np.rint(colour.clip(0, 65535)) if depth == "uint16" else colour
            pixels = np.dstack([colour.astype(depth), pixels[..., 3]])
        return pixels

    return replace(origin, depth=depth, channels=min(samples, 3), icc=bytes(tags.get(34675, b"")) or None), decode


def _tiff_tags(f: BinaryIO, path: Path) -> dict[int, tuple[int, ...]]:
    """The wanted tags of the only page, or an error: Pillow skips what it cannot read, and decodes by a default."""
    end = _length(f)
    order = "<" if f.read(2) == b"II" else ">"

    def take(form: str) -> tuple:
        form = order + form
        return struct.unpack(form, f.read(struct.calcsize(form)))

    big = take("H") == (43,)  # BigTIFF: offsets of 8 bytes
    offset, number, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    if big:
        take("HH")
    pages, (at,), seen = [], take(offset), set()
    while at and at not in seen:
        seen.add(at)
        f.seek(at)
        entries = [take(f"HH{offset}{inline}s") for _ in range(take(number)[0])]
        (at,) = take(offset)
        tags = {}
        for tag, kind, count, value in entries:
            if tag not in TIFF_TAGS:
                continue
            form = f"{order}{count}{TIFF_KINDS[kind]}"
            if struct.calcsize(form) > inline:
                start = struct.unpack(order + offset, value)[0]
                if start + struct.calcsize(form) > end:
                    raise ValueError("truncated tag")
                f.seek(start)
                value = f.read(struct.calcsize(form))
            tags[tag] = struct.unpack(form, value[: struct.calcsize(form)])
        if not pages or tags.get(254, (0,)) == (0,):  # 254: thumbnails and masks of the page before
            pages.append(tags)
        if len(pages) > 1:
            raise _bad(path, "a TIFF of several pages", "save each as a file of its own")
    f.seek(0)
    return pages[0]


def _length(f: BinaryIO) -> int:
    return os.fstat(f.fileno()).st_size  # of the open file: its path may name another one by now


def _check_strips(tags: dict[int, tuple[int, ...]], w: int, h: int, end: int) -> None:
    """Raises ValueError where strips or tiles are missing: Pillow leaves them black, cv2 leaves them to chance."""
    if 324 in tags:
        (tile_w,), (tile_h,), offsets, sizes = tags[322], tags[323], tags[324], tags.get(325)
    else:
        tile_w, (tile_h,), offsets, sizes = w, tags.get(278, (h,)), tags[273], tags.get(279)
    parts = -(-w // tile_w) * -(-h // tile_h) * (tags.get(277, (1,))[0] if tags.get(284) == (2,) else 1)
    sizes = sizes or (1,) * len(offsets)  # missing in files of the eighties
    if min(len(offsets), len(sizes)) < parts or any(not 0 < size <= end - start for start, size in zip(offsets, sizes)):
        raise ValueError("strips are missing")


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF 2.32, tag 274: what the stored rows and columns need to stand upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _load(path: Path) -> tuple[np.ndarray, np.ndarray | None, ImageOrigin]:
    """(colour [H,W,channels] with white where nothing is to be seen, alpha [H,W] or None, both in the file's depth)"""
    with _open(path) as (origin, decode):
        pixels = decode()
    if origin.depth == "float32" and not np.isfinite(pixels).all():
        raise _bad(path, "holds NaN or infinite values", "replace them and save it again")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    colour = np.ascontiguousarray(pixels[..., : origin.channels])
    if pixels.shape[2] == origin.channels:
        return colour, None, origin
    alpha = np.ascontiguousarray(pixels[..., origin.channels])
    colour[alpha == 0] = WHITE[origin.depth]
    return colour, alpha, origin


def _to_unit(colour: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The depth's values -> (float32 in [0, 1], what 0 stands for, what 1 stands for)"""
    if colour.dtype != np.float32:
        return colour / np.float32(WHITE[str(colour.dtype)]), 0.0, 1.0
    lo, hi = min(0.0, float(colour.min())), max(1.0, float(colour.max()))
    return ((colour.astype(np.float64) - lo) / (hi - lo)).astype(np.float32), lo, hi


def _quantise(array: np.ndarray, depth: str, lo: float = 0.0, hi: float = 1.0) -> np.ndarray:
    """[0, 1] -> the depth's values; for float32: [lo, hi]"""
    array = array.clip(0, 1)
    if depth == "float32":
        return (lo + array.astype(np.float64) * (hi - lo)).astype(np.float32)
    return np.rint(array * WHITE[depth]).astype(depth)


def _encode(pixels: np.ndarray, origin: ImageOrigin, icc: bytes | None) -> bytes:
    """[H,W,1 to 4] uint8, uint16 or float32 -> a file's bytes"""
    format = FORMATS[origin.suffix.lower()]
    if format == "TIFF":
        return _encode_tiff(pixels, icc)
    if format == "PNG" and origin.depth == "uint16":
        return _encode_deep_png(pixels, icc)
    im = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
    if format == "BMP" and im.mode in ("LA", "RGBA"):  # Pillow's own file does not say that it has alpha
        return cv2.imencode(".bmp", np.array(im.convert("RGBA"))[..., [2, 1, 0, 3]])[1].tobytes()
    # JPEG in full chroma resolution: brush strokes are thinner than two pixels
    webp = {"lossless": True, "quality": 20} if origin.lossless else {"quality": 95}  # lossless: quality means effort
    how = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": webp, "PNG": {"compress_level": 4}}  # 6: 3 times slower
    out = io.BytesIO()
    im.save(out, format, icc_profile=icc, **how.get(format, {}))
    return out.getvalue()


def _encode_deep_png(pixels: np.ndarray, icc: bytes | None) -> bytes:
    """uint16 [H,W,1 to 4]: cv2 writes neither grey + alpha nor profiles, Pillow no 16-bit colour."""
    h, w, c = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(h, -1)
    rows[1:] -= rows[:-1]  # filter 2: the difference to the row above, modulo 256
    rows = np.insert(rows, 0, 2, axis=1)
    header = struct.pack(">IIBBBBB", w, h, 16, {1: 0, 2: 4, 3: 2, 4: 6}[c], 0, 0, 0)
    return _png(header, zlib.compress(rows), icc)


def _png(header: bytes, rows: bytes, icc: bytes | None = None) -> bytes:
    """A PNG of an IHDR and compressed rows."""
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    if icc:
        chunks.insert(1, (b"iCCP", b"icc\0\0" + zlib.compress(icc)))
    body = (struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _encode_tiff(pixels: np.ndarray, icc: bytes | None) -> bytes:
    """[H,W,1 to 4], deflated: cv2 does not say which sample is alpha, and knows no profiles. TIFF 6.0."""
    h, w, c = pixels.shape
    pixels = pixels.astype(pixels.dtype.newbyteorder("<"))
    rows = max(1, (1 << 20) // pixels[0].nbytes)  # a strip: about a megabyte
    strips = [zlib.compress(np.ascontiguousarray(pixels[i : i + rows])) for i in range(0, h, rows)]
    ends = np.cumsum([len(s) for s in strips])
    tags = ImageFileDirectory_v2()
    tags[256], tags[257], tags[258] = w, h, (pixels.dtype.itemsize * 8,) * c
    tags[259], tags[262], tags[277], tags[278], tags[284] = 8, 1 if c < 3 else 2, c, rows, 1
    tags[273] = tuple(int(end) - len(s) for end, s in zip(ends, strips))  # `tobytes` adds where the pixels begin
    tags[279] = tuple(len(s) for s in strips)
    tags[339] = ({"u": 1, "f": 3}[pixels.dtype.kind],) * c
    if c in (2, 4):
        tags[338] = 2
    if icc:
        tags[34675] = icc
    return b"II*\0" + struct.pack("<I", 8) + tags.tobytes(8) + b"".join(strips)
