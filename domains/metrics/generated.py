"""How good and how various drawn samples are, by what a classifier calls them. The classifier's name belongs beside the number."""

from __future__ import annotations

import torch
from torch import Tensor


def inception_score(logits: Tensor) -> float:
    """exp E KL(p(y | x) || p(y)) of logits [N,classes], between 1 and the number of classes (Salimans 2016, arXiv:1606.03498, 4)."""
    log_p = logits.double().log_softmax(1)
    marginal = log_p.logsumexp(0) - torch.tensor(len(log_p)).log()
    return (log_p.exp() * (log_p - marginal)).sum(1).mean().exp().item()


def shares(found: Tensor, classes: int) -> Tensor:
    """Of samples that are called each class, found [N] -> [classes]."""
    return torch.bincount(found, minlength=classes).double() / len(found)


def coverage(found: Tensor, classes: int, least: float = 0.01) -> float:
    """Share of the classes that at least `least` of the samples are called."""
    return (shares(found, classes) >= least).double().mean().item()


def entropy(found: Tensor, classes: int) -> float:
    """Of the classes found, in nats: log(classes) where they are equally frequent, 0 where there is one."""
    return torch.special.entr(shares(found, classes)).sum().item()


def cluster_accuracy(clusters: Tensor, labels: Tensor) -> float:
    """Share of items whose cluster is their label's, under the best one-to-one naming of clusters (Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment

    n = int(max(clusters.max(), labels.max())) + 1
    counts = torch.zeros(n, n).index_put_((clusters, labels), torch.ones(len(labels)), accumulate=True)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    return counts[rows, columns].sum().item() / len(labels)
