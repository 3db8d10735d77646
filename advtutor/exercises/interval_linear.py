"""The exercise on pushing a box through a linear layer."""

import torch
from torch import Tensor

from advtutor.checks.engine import Exercise, cases


def interval_linear(weight, bias, lower, upper):
    centre, half = (lower + upper) / 2, (upper - lower) / 2
    middle = centre @ weight.T + bias
    reach = half @ weight.abs().T
    return middle - reach, middle + reach


def interval_input(batch: int, inputs: int, outputs: int) -> tuple[Tensor, ...]:
    x, radius = torch.rand(batch, inputs), 0.3 * torch.rand(batch, inputs)
    return torch.randn(outputs, inputs), torch.randn(outputs), x - radius, x + radius


EXERCISE = Exercise(
    interval_linear,
    notebook="07_proof_not_promise",
    number=2,
    cases=cases(
        interval_input,
        (51, 4, 6, 3),
        (52, 1, 9, 5),
        (53, 5, 4, 4),
    ),
    mistakes={
        "no-width": {"reach = half": "reach = 0 * half"},
        "signs-ignored": {"weight.abs()": "weight"},
        "sorted-corners": {
            "return middle - reach, middle + reach": (
                "ends = torch.stack([lower, upper]) @ weight.T + bias\n"
                "    return ends.amin(dim=0), ends.amax(dim=0)"
            )
        },
        "swapped": {"middle - reach, middle + reach": "middle + reach, middle - reach"},
        "positive-only": {"weight.T": "weight.relu().T", "weight.abs()": "weight.relu()"},
        "abs-everywhere": {"weight.T": "weight.abs().T"},
        "no-bias": {" + bias": ""},
        "bias-in-the-width": [
            {"weight.abs().T": "weight.abs().T + bias"},
            {"weight.abs().T": "weight.abs().T + bias.abs()"},
            {" + bias": "", "weight.abs().T": "weight.abs().T + bias"},
            {" + bias": "", "weight.abs().T": "weight.abs().T + bias.abs()"},
        ],
        "whole-width": {"(upper - lower) / 2": "upper - lower"},
        "centre-not-halved": {"(lower + upper) / 2": "lower + upper"},
        "largest-radius": [
            {"half @": "half.amax(1, keepdim=True).expand_as(half) @"},
            {"half @": "half.max().expand_as(half) @"},
        ],
        "mean-half-width": [
            {"half @": "half.mean(1, keepdim=True).expand_as(half) @"},
            {"half @": "half.mean().expand_as(half) @"},
        ],
        "middle-and-reach": {"middle - reach, middle + reach": "middle, reach"},
        "cut-off": [
            {"middle - reach, middle + reach": "(middle - reach).relu(), (middle + reach).relu()"},
            {
                "middle - reach, middle + reach": (
                    "(middle - reach).clamp(0, 1), (middle + reach).clamp(0, 1)"
                ),
            },
        ],
        "euclidean-reach": {"half @ weight.abs().T": "(half.square() @ weight.square().T).sqrt()"},
        "around-one-end": [{"middle = centre": f"middle = {end}"} for end in ("lower", "upper")],
        "minus-lost": {
            "middle - reach, middle + reach": (
                "middle - reach + 2 * upper @ (-weight).relu().T, "
                "middle + reach + 2 * lower @ (-weight).relu().T"
            ),
        },
        "bias-in-one-bound": [
            {"middle - reach, ": "middle - reach - bias, "},
            {"middle + reach": "middle + reach - bias"},
        ],
    },
    says={
        "no-width": "both bounds are the value at the centre: the half-width has to go through the "
        "layer too",
        "signs-ignored": "lower and upper go through the layer as they are (or the half-width "
        "through W, not |W|): where a weight is negative, the upper input gives the lower output",
        "sorted-corners": "the absolute value is taken after the product, and not of the weights "
        "(or two corners of the box go through the layer, and are sorted): the ends lie at other "
        "corners, which take for each weight the side that its sign asks for",
        "positive-only": "the negative weights are dropped: they turn the bounds around, but they "
        "count",
        "abs-everywhere": "the absolute weights are for the half-width alone: the centre goes "
        "through the weights as they are",
        "no-bias": "the bias is missing: it shifts both bounds",
        "bias-in-the-width": "the bias widens the interval: it shifts both bounds alike, so it "
        "goes to the centre only",
        "whole-width": "the bounds are too far apart: the half-width is half of upper - lower",
        "largest-radius": "every input is given the largest half-width: sound, but not the "
        "tightest; each input has its own",
        "mean-half-width": "every input is given the mean half-width, which bounds nothing: each "
        "input has its own",
        "middle-and-reach": "these are the centre and the half-width of the output: return their "
        "difference and their sum",
        "cut-off": "the bounds are cut off at 0, or to [0, 1]: a linear layer's output has no "
        "such range",
        "euclidean-reach": "the output's half-width is a root of squares: each input may be at its "
        "end at once, so the |weight| * half-width add up",
        "minus-lost": "the negative weights come in with the wrong sign: add what "
        "weight.clamp(max=0) gives, or subtract what (-weight).relu() gives",
        "bias-in-one-bound": "the bias is missing in one of the bounds: it shifts both",
    },
    batched=("lower", "upper"),
    hints=(
        "Take one output, a sum of weight_i * x_i. For which x_i, lower_i or upper_i, is the term "
        "largest? It depends on the sign of weight_i.",
        "Write the input as centre plus or minus half-width. The centre goes through the layer as "
        "any input does; the half-width goes through the absolute weights, without the bias.",
        "middle = centre @ weight.T + bias and reach = half @ weight.abs().T; the bounds are "
        "middle - reach and middle + reach.",
    ),
)
