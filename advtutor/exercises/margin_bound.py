"""The exercise on bounding the lead of every rival class over a box."""

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor.checks.code import calls
from advtutor.checks.differences import cut_at
from advtutor.checks.engine import Exercise, Run, cases


def margin_bound(weight, bias, lower, upper, y):
    centre, half = (lower + upper) / 2, (upper - lower) / 2
    difference = weight - weight[y][:, None]  # [N, K, n], one row for each class
    middle = (difference @ centre[:, :, None]).squeeze(2) + bias - bias[y][:, None]
    reach = (difference.abs() @ half[:, :, None]).squeeze(2)
    lead = middle + reach
    return lead.scatter(1, y[:, None], -torch.inf).amax(dim=1)


def margin_input(batch: int, units: int, classes: int, ahead: float = 0.0) -> tuple[Tensor, ...]:
    lower = torch.rand(batch, units)
    weight, bias = torch.randn(classes, units), torch.randn(classes)
    y = torch.randint(classes, (batch,))
    y[0] = F.linear(lower[0], weight, bias).argmax()  # one that is in the lead
    bias[y[0]] += ahead
    return weight, bias, lower, lower + torch.rand(batch, units), y


def masked_with_a_number(runs: list[Run], wanted: list[Run]) -> tuple[str, str] | None:
    """Whether a number stands in the place of class y, and is the largest where all are less."""
    number = cut_at([(run.result, right.result) for run, right in zip(runs, wanted, strict=True)])
    if number is None:
        return None
    return (
        "masked-with-a-number",
        f"{number:g} stands in the place of class y, and is the maximum where all rivals lie below "
        "it: put -torch.inf there",
    )


cuts = calls("relu", "clamp", "clamp_min", "clip", "maximum")

EXERCISE = Exercise(
    margin_bound,
    notebook="07_proof_not_promise",
    number=4,
    cases=cases(
        margin_input,
        (57, 4, 6, 3),
        (58, 1, 5, 10),
        (59, 6, 9, 5),
        (60, 1, 4, 3, 20_000.0),
    ),
    mistakes={
        "no-width": {"middle + reach": "middle"},
        "strongest-rival": [
            {
                "    return lead.scatter(1, y[:, None], -torch.inf).amax(dim=1)": (
                    f"    rival = ({logits}).scatter(1, y[:, None], -torch.inf).argmax(dim=1)\n"
                    "    return lead[torch.arange(len(y)), rival]"
                )
            }
            for logits in ("middle", "F.linear(centre, weight, bias) + half @ weight.abs().T")
        ],
        "own-class": {"-torch.inf": "0.0"},
        "never-below-0": {"amax(dim=1)": "amax(dim=1).relu()"},
        "bounds-subtracted": {"difference.abs()": "(weight.abs() + weight[y].abs()[:, None])"},
        "same-ends": [
            {"difference.abs()": "(weight.abs() - weight[y].abs()[:, None])"},
            {"difference.abs()": "(weight[y].abs()[:, None] - weight.abs())"},
        ],
        "worst-for-y": {"difference.abs()": "(-difference * weight[y].sign()[:, None])"},
        "two-corners": {
            "(difference.abs() @ half[:, :, None]).squeeze(2)": (
                "(difference @ half[:, :, None]).squeeze(2).abs()"
            ),
        },
        "two-maxima": {
            "lead.scatter(1, y[:, None], -torch.inf).amax(dim=1)": (
                "sum(part.scatter(1, y[:, None], -torch.inf).amax(dim=1) for part in "
                "(middle, reach))"
            ),
        },
        "signs-ignored": {"difference.abs()": "difference"},
        "best-case": [
            {"middle + reach": "middle - reach"},
            {
                "difference.abs()": "(weight.abs() + weight[y].abs()[:, None])",
                "middle + reach": "middle - reach",
            },
        ],
        "turned-round": [{"return lead": "return -lead"}, {"middle + reach": "reach - middle"}],
        "least-rival": {"-torch.inf": "torch.inf", "amax": "amin"},
        "no-bias": {" + bias - bias[y][:, None]": ""},
        "bias-of-y-missing": {" - bias[y][:, None]": ""},
        "around-one-end": [
            {"(lower + upper) / 2": "lower"},
            {"(lower + upper) / 2": "upper"},
        ],
        "centre-not-halved": {"(lower + upper) / 2": "lower + upper"},
        "added": [{"weight - weight": "weight + weight"}, {"bias - bias": "bias + bias"}],
        "whole-width": {"(upper - lower) / 2": "upper - lower"},
    },
    when={
        "own-class": lambda code: not cuts(code),
        "never-below-0": cuts,
    },
    says={
        "no-width": "this is the lead at the centre of the box: the half-width has to go through "
        "the layer too",
        "strongest-rival": "only one rival is bounded, the one that leads at the centre of the box "
        "or has the greatest upper logit, which proves nothing: at a corner another one may be "
        "further ahead; bound them all, and then take the maximum",
        "own-class": "the class y competes with itself: its lead is 0, so the result never falls "
        "below 0; leave it out of the maximum",
        "never-below-0": "the result never falls below 0, where it proves something: it is cut off "
        "there, or the class y competes with itself",
        "bounds-subtracted": "sound, but too loose: the greatest logit_j and the least logit_y "
        "need two different h; bound the difference of their rows as one layer",
        "same-ends": "no bound: both logits are taken at their greatest, or both at their least; "
        "logit_j can be at its greatest while logit_y is not: bound the difference of their rows "
        "as one layer",
        "worst-for-y": "only the corner that is worst for class y's own logit is looked at: each "
        "rival has a corner of its own, by the signs of weight[j] - weight[y]",
        "two-corners": "only two corners of the box are looked at, all h at their lower ends and "
        "all at their upper: the worst one takes for each h the end that the sign of its weight "
        "asks for",
        "two-maxima": "the greatest lead at the centre and the greatest half-width may be those of "
        "two different rivals: add first, then take the maximum",
        "signs-ignored": "every h is put at its upper end: where the difference of the weights is "
        "negative, the lower end gives the larger lead",
        "best-case": "this is the least lead: the worst case is the greatest, so the half-width "
        "is added",
        "turned-round": "this is the lead of y over the others, the other way round: the result "
        "is how far a rival can get ahead, negative where that is proved impossible",
        "least-rival": "this is the least dangerous rival: one class ahead is enough to err, so "
        "take the maximum",
        "no-bias": "the bias is missing: the lead begins at bias_j - bias_y",
        "bias-of-y-missing": "the bias of class y is missing: its logit has one as well, and it "
        "is subtracted",
        "added": "the row of class y, or its bias, is added: the lead is logit_j minus logit_y",
        "whole-width": "the half-width is twice what it should be: it is half of upper - lower",
    },
    otherwise=masked_with_a_number,
    batched=("lower", "upper", "y"),
    hints=(
        "Take one rival j. logit_j - logit_y is one linear function of h. What are its weights, "
        "and what is its bias?",
        "weight[j] - weight[y] and bias[j] - bias[y]. Bound it as interval_linear does and keep "
        "the upper end. weight - weight[y][:, None] has the rows of all rivals: [N, K, n].",
        "lead = (difference @ centre[:, :, None] + difference.abs() @ half[:, :, None])"
        ".squeeze(2) + bias - bias[y][:, None], then set the column y to -inf and take the maximum "
        "over the classes.",
    ),
)
