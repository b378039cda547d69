"""Digits in four renderings: a translation task between four domains whose truth is known."""

from __future__ import annotations

RENDERINGS = ("plain", "inverted", "coloured", "thick")
EXTRA = {"hues": "coloured"}  # made of another one's digits


def renderings(digits: str, folder: str, seed: int = 0) -> None:
    """Make four collections out of one of digits, which share no digit in training: plain, inverted, coloured and thick.

    A fifth one, hues, has coloured's digits, each in a colour that is drawn: a plain digit may become one in any of them.
    scripts/renderings.py digits renderings
    scripts/stargan.py --domains renderings/plain.npz renderings/inverted.npz renderings/coloured.npz renderings/thick.npz
    scripts/train.py munit --a renderings/plain.npz --b renderings/hues.npz
    The test digits are the same ones in all four, so that any translation has its truth beside it.

    Args:
        digits: an .npz with x_train, x_test, y_train, y_test of grey digits, light on dark, or the name of such a set.
        folder: where plain.npz, inverted.npz, coloured.npz, thick.npz and hues.npz are written.
        seed: of which digits become which.
    """
    from pathlib import Path

    import numpy as np

    from domains.sources import find
    from recipes.matrix import rendered
    from translate.errors import UserError, reason

    found = find(digits, "", "DIGITS")
    items = {"train": found.train, "test": found.test}
    if not found.test or set(found.labels) != {"train", "test"} or any(i.array.ndim != 2 for i in found.train):
        raise UserError(
            f"{digits}: give an .npz of grey pictures with x_train, x_test and their classes y_train, y_test"
        )

    rows = {split: np.stack([item.array for item in items[split]]) for split in items}
    order = np.random.default_rng(seed).permutation(len(rows["train"]))
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in (*RENDERINGS, *EXTRA):
            i = RENDERINGS.index(EXTRA.get(name, name))
            mine = {"train": np.sort(order[i :: len(RENDERINGS)]), "test": slice(None)}
            arrays = {
                f"x_{split}": rows[split][mine[split]] if name == "plain" else rendered(rows[split][mine[split]], name)
                for split in rows
            }
            classes = {f"y_{split}": found.labels[split][mine[split]] for split in rows}
            np.savez_compressed(Path(folder) / f"{name}.npz", **arrays, **classes)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({reason(error)}): choose another folder") from error
    print(
        f"written: {', '.join(f'{folder}/{name}.npz' for name in (*RENDERINGS, *EXTRA))}, {len(order) // len(RENDERINGS)} digits each"
    )
