"""From what a user typed after --a and --b to folders with a domain."""

from __future__ import annotations

from domains.folder import Folder
from domains.images import Images, survey
from domains.sources import Files, Picture, find
from translate.domain import Domain
from translate.errors import UserError


def open_data(a: str | Domain, b: str | Domain, size: int | None, largest: int, seed: int) -> dict[str, Folder]:
    """Both sides' folders; the domain follows from the files' suffixes. Domains in place of names: no files, for conversion.

    size: side of the training crop; None: that of the smaller pictures, at most `largest`.
    """
    if not isinstance(a, str):
        return {"a": Folder(a, Files("a", [])), "b": Folder(b, Files("b", []))}
    files = {"a": find(a, "a"), "b": find(b, "b")}
    for side, found in files.items():
        keep_images(found, side)
    surveys = {side: survey(found.train) for side, found in files.items()}
    short = min(s for s, _, _ in surveys.values())
    size = size or min(largest, short - short % 4)
    if size < 16 or size % 4:
        raise UserError(f"--size {size}: the side of the training crop must be a multiple of 4, at least 16 pixels")
    # small uniform pictures (digits, emoji) are trained on as they are; others are cropped from about twice the crop's side
    uniform = all(same for _, _, same in surveys.values()) and short <= 96
    scale = size if uniform else min(max(short, size), 2 * size)
    coloured = any(colour for _, colour, _ in surveys.values())
    return {
        side: Folder(Images(size, scale, 3 if coloured else 1, colour, flip=coloured), files[side], seed)
        for side, (_, colour, _) in surveys.items()
    }


def keep_images(found: Files, side: str) -> None:
    """Drops files of other kinds; refuses where no picture is left."""
    for split in (found.train, found.test):
        split[:] = [i for i in split if isinstance(i, Picture) or i.suffix.lower() in Images.suffixes]
    if not found.train:
        raise UserError(
            f"--{side} {found.name}: no picture among its files; known suffixes are {', '.join(Images.suffixes)}"
        )
