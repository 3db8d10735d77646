"""The exercise on the angle between the gradients of two models."""

import torch
from torch import Tensor

from advtutor.checks.engine import Exercise, cases


def mean_cosine(g, h):
    g, h = g.flatten(1), h.flatten(1)
    cosine = (g * h).sum(dim=1) / (g.norm(dim=1) * h.norm(dim=1))
    return cosine.mean().item()


def gradients(batch: int, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    g, noise = torch.randn(batch, *shape) + 0.2, torch.randn(batch, *shape)
    share = torch.linspace(-0.6, 1.5, batch).reshape(-1, 1, 1, 1)  # one at least points away
    long = torch.linspace(0.5, 3, batch).reshape(-1, 1, 1, 1)
    return long * g, share * g + noise


def centred(g: Tensor) -> Tensor:
    return g.flatten(1) - g.flatten(1).mean(dim=1, keepdim=True)


EXERCISE = Exercise(
    mean_cosine,
    notebook="05_why_examples_transfer",
    number=2,
    cases=cases(
        gradients,
        (71, 5, (1, 6, 6)),
        (72, 1, (1, 8, 8)),
        (73, 4, (3, 5, 4)),
    ),
    mistakes={
        "one-vector": {"g.flatten(1), h.flatten(1)": "g.flatten()[None], h.flatten()[None]"},
        "mean-first": {"g.flatten(1), h.flatten(1)": "(v.mean(0).flatten()[None] for v in (g, h))"},
        "along-channels": {"g.flatten(1), h.flatten(1)": "g, h"},
        "each-channel": {
            "g.flatten(1), h.flatten(1)": (
                "g.flatten(0, 1).flatten(1), h.flatten(0, 1).flatten(1)"
            ),
        },
        "along-rows": {"g.flatten(1), h.flatten(1)": "g.flatten(0, 2), h.flatten(0, 2)"},
        "no-lengths": {" / (g.norm(dim=1) * h.norm(dim=1))": ""},
        "one-length": [{" * h.norm(dim=1)": ""}, {"h.norm(dim=1)": "g.norm(dim=1)"}],
        "squared-lengths": {
            "(g.norm(dim=1) * h.norm(dim=1))": "(g.norm(dim=1) * h.norm(dim=1)) ** 2"
        },
        "l1-length": {"g.norm(dim=1) * h.norm(dim=1)": "g.abs().sum(dim=1) * h.abs().sum(dim=1)"},
        "sign-agreement": {
            "(g * h).sum(dim=1) / (g.norm(dim=1) * h.norm(dim=1))": (
                "(g.sign() == h.sign()).float().mean(dim=1)"
            ),
        },
        "signs": {"g.flatten(1), h.flatten(1)": "g.flatten(1).sign(), h.flatten(1).sign()"},
        "centred": {"g.flatten(1), h.flatten(1)": "centred(g), centred(h)"},
        "absolute": {".mean()": ".abs().mean()"},
        "summed": {".mean()": ".sum()"},
        "angle": [{".mean()": ".acos().mean()"}, {".mean()": ".acos().rad2deg().mean()"}],
        "across-the-batch": {"g.flatten(1), h.flatten(1)": "g.flatten(1).T, h.flatten(1).T"},
        "all-pairs": {
            "(g * h).sum(dim=1) / (g.norm(dim=1) * h.norm(dim=1))": (
                "(g / g.norm(dim=1, keepdim=True)) @ (h / h.norm(dim=1, keepdim=True)).T"
            ),
        },
        "brackets": {"(g.norm(dim=1) * h.norm(dim=1))": "g.norm(dim=1) * h.norm(dim=1)"},
        "lengths-of-the-batch": [
            {"(g.norm(dim=1) * h.norm(dim=1))": "(g.norm() * h.norm())"},
            {"(g.norm(dim=1) * h.norm(dim=1))": "(g.norm(dim=1).mean() * h.norm(dim=1).mean())"},
        ],
        "first-only": {".mean()": "[0]"},
    },
    says={
        "one-vector": "the whole batch is taken for one long vector: each picture has its own "
        "cosine, and the mean comes last",
        "mean-first": "the gradients are averaged over the batch first: take the cosine of each "
        "picture, and the mean of those",
        "along-channels": "the cosine is taken along the channels, at each pixel by itself (dim=1 "
        "of [N, C, H, W]): flatten each picture into one vector first",
        "each-channel": "each channel has a cosine of its own here: flatten each picture into one "
        "vector, all its channels together",
        "along-rows": "the cosine is taken along the last dimension, one row of pixels by itself: "
        "flatten each picture into one vector first",
        "no-lengths": "this is the inner product: divide it by the lengths of both, or a long "
        "gradient counts for more",
        "one-length": "the inner product is divided by the length of g alone: divide it by that "
        "of h too",
        "squared-lengths": "the inner product is divided by the squares of the lengths: take "
        "their roots",
        "sign-agreement": "this is the share of pixels whose signs agree: take the cosine",
        "signs": "this is the cosine of the signs: take the gradients as they are",
        "centred": "the mean is taken out of each gradient, which makes this a correlation: leave "
        "them as they are",
        "absolute": "the sign of the cosine is lost: opposite gradients have -1, not 1",
        "summed": "the cosines are summed over the batch: take their mean",
        "angle": "this is the angle: return its cosine",
        "across-the-batch": "the cosine is taken at each pixel, over the batch: take it for each "
        "picture, over its pixels",
        "all-pairs": "each g is compared with every h: compare g[i] with h[i] alone",
        "brackets": "a / b * c multiplies by c: put brackets around the product of the lengths",
        "lengths-of-the-batch": "the inner product is divided by the lengths of the whole batch: "
        "each picture has a length of its own",
        "first-only": "this is the cosine of the first picture: take the mean over the batch",
    },
    hints=(
        "The cosine of two vectors is their inner product over the product of their lengths. Here "
        "each picture is one vector, C*H*W numbers long.",
        "g.flatten(1) has the shape [N, C*H*W]. (g * h).sum(dim=1) is one inner product for each "
        "picture, g.norm(dim=1) one length.",
        "((g * h).sum(dim=1) / (g.norm(dim=1) * h.norm(dim=1))).mean().item(), after g, h = "
        "g.flatten(1), h.flatten(1).",
    ),
)
