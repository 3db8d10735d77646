"""The exercise on pushing a box through a ReLU."""

import torch
from torch import Tensor

from advtutor.checks.differences import cut_at, flat
from advtutor.checks.engine import Exercise, Run, cases


def interval_relu(lower, upper):
    return lower.clamp(min=0), upper.clamp(min=0)


def relu_input(batch: int, units: int) -> tuple[Tensor, Tensor]:
    centre, radius = 2 * torch.randn(batch, units), 0.1 + torch.rand(batch, units)
    # Off, on, one of each that crosses, and one far up.
    centre[:, :5] = torch.tensor([-3.0, 3.0, 0.05, -0.05, 9.0])
    return centre - radius, centre + radius


LOW, HIGH = "lower.clamp(min=0)", "upper.clamp(min=0)"


def cut_off(runs: list[Run], wanted: list[Run]) -> tuple[str, str] | None:
    """Whether one number is the most that a bound may be."""
    pairs = zip(runs, wanted, strict=True)
    ours, due = flat([(run.result, right.result, {}) for run, right in pairs])
    least = cut_at([(-ours, -due)])
    if least is None:
        return None
    return "cut-off", f"the bounds are cut off at {-least:g}: a ReLU has no upper end"


EXERCISE = Exercise(
    interval_relu,
    notebook="07_proof_not_promise",
    number=3,
    cases=cases(
        relu_input,
        (54, 4, 9),
        (55, 1, 12),
        (56, 5, 7),
    ),
    mistakes={
        "untouched": {LOW: "lower", HIGH: "upper"},
        "lower-untouched": {LOW: "lower"},
        "upper-untouched": {HIGH: "upper"},
        "lower-zero": {LOW: "torch.zeros_like(lower)"},
        "crossing-zeroed": {HIGH: "torch.where(lower > 0, upper, 0.0)"},
        "crossing-kept": {LOW: "torch.where(upper > 0, lower, 0.0)"},
        "by-centre": [
            {
                LOW: "torch.where(lower + upper > 0, lower, 0.0)",
                HIGH: "torch.where(lower + upper > 0, upper, 0.0)",
            },
            {HIGH: "torch.where(lower + upper > 0, upper, 0.0)"},
        ],
        "centre-and-radius": {
            LOW: "((lower + upper) / 2).relu() - (upper - lower) / 2",
            HIGH: "((lower + upper) / 2).relu() + (upper - lower) / 2",
        },
        "absolute": {LOW: "lower.abs()", HIGH: "upper.abs()"},
        "swapped": {f"{LOW}, {HIGH}": f"{HIGH}, {LOW}"},
        "another-activation": [
            {LOW: f"F.{name}(lower)", HIGH: f"F.{name}(upper)"}
            for name in ("softplus", "leaky_relu", "gelu")
        ],
        "negative-part": {LOW: "lower.clamp(max=0)", HIGH: "upper.clamp(max=0)"},
        "middle-alone": {LOW: "((lower + upper) / 2).relu()", HIGH: "((lower + upper) / 2).relu()"},
    },
    says={
        "untouched": "both bounds come back as they went in: a ReLU gives nothing below 0",
        "lower-untouched": "the lower bound stays negative: a ReLU gives nothing below 0",
        "upper-untouched": "the upper bound stays negative where the unit is off for sure: it "
        "gives 0 there",
        "lower-zero": "the lower bound is 0 everywhere: where both ends are positive the unit is "
        "on for sure, and its lower bound stays",
        "crossing-zeroed": "a unit with a negative lower bound is switched off: it can still be "
        "on at the other end, so its upper bound stays",
        "crossing-kept": "the lower bound stays negative where the unit switches: it is 0 there",
        "by-centre": "the centre of the interval decides which units are on: a ReLU looks at each "
        "value, so treat each bound by itself",
        "centre-and-radius": "the half-width passes unchanged around the centre's ReLU: that is "
        "the rule for a linear layer",
        "absolute": "this is the absolute value: a ReLU turns what is negative into 0",
        "another-activation": "this is another activation, which bends or lets something negative "
        "through: a ReLU is max(z, 0)",
        "negative-part": "what is left is the part below 0: a ReLU passes the part above it",
        "middle-alone": "both bounds are the ReLU of the centre: each end goes through by itself",
    },
    otherwise=cut_off,
    batched=("lower", "upper"),
    hints=(
        "A ReLU never falls where its input rises. So at which end of the interval is it smallest, "
        "and at which largest?",
        "There are three kinds of unit: both ends negative, both positive, or one of each. Say for "
        "each what comes out at the lower and at the upper end.",
        "Each bound goes through the ReLU by itself: lower.clamp(min=0), upper.clamp(min=0).",
    ),
)
