"""Tables of scores."""

import math

from domains.metrics.images import COLUMNS
from recipes.evaluate import cell, table


def test_table():
    rows = {
        "ours": {"kid": 0.01234, "kid_sd": 0.001, "kid_subset": 20, "l1": 0.1649, "retrieval": 2 / 3, "psnr": 11.837},
        "real": {"psnr": math.inf, "FID[digits-cnn]": 3.3899},
    }
    assert table(rows, COLUMNS).splitlines() == [
        "|  | L1 | PSNR, dB | retrieval@1 | KID | FID[digits-cnn] |",
        "| --- | --- | --- | --- | --- | --- |",
        "| ours | 0.165 | 11.84 | 66.7% | 0.0123 ± 0.0010 |  |",
        "| real |  | ∞ |  |  | 3.39 |",
    ]


def test_seeds_are_averaged():
    assert cell([{"l1": 0.1}, {"l1": 0.3}], "l1", COLUMNS) == "0.200 ± 0.141"
    assert cell([{"l1": None}], "l1", COLUMNS) == ""
