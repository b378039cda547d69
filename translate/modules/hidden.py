"""Items with parts left out, for networks that learn to fill them in."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..nets.sequence import END, UNKNOWN
from ..sample import Sample

CELLS = 8  # to a side


def hidden(s: Sample, share: float = 0.4) -> Sample:
    """Words become UNKNOWN (BERT, arXiv:1810.04805); of pictures and mels cells become zero, the middle of their range (UVCGAN,
    arXiv:2203.02557, section 3.2)."""
    if s.mask is not None:
        out = (torch.rand(s.x.shape, device=s.x.device) < share) & s.mask & (s.x != END)
        return Sample(s.x.masked_fill(out, UNKNOWN), s.mask, s.label)
    keep = (torch.rand(len(s), 1, CELLS, CELLS, device=s.x.device) >= share).to(s.x.dtype)
    return Sample(s.x * F.interpolate(keep, s.x.shape[2:]), label=s.label)
