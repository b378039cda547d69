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


def test_a_method_that_does_not_beat_the_copy_is_said_to_fail():
    from recipes.kinds import images
    from recipes.results import unbeaten

    floors = {"copy the input": {"l1": 0.2, "retrieval": 0.6, "kid": 0.03}, "white page": {"l1": 0.1, "kid": 0.5}}
    rows = [{"l1": 0.1, "retrieval": 0.5, "kid": 0.01}, {"l1": 0.2, "retrieval": 0.6, "kid": 0.05}]
    said = unbeaten("x, final", rows, floors, images)  # means: .15, .55 and .03, which is not better than .03
    assert said == "**x, final does not beat *copy the input* in retrieval@1, KID.**"
    assert unbeaten("x", [{"l1": 0.1, "retrieval": 0.7, "kid": 0.01}], floors, images) == ""
