"""The exercise on a loss that has a gradient however sure the network is."""

import torch
from torch import Tensor

from advtutor.attacks.losses import of_class
from advtutor.checks.code import calls
from advtutor.checks.differences import cut_at
from advtutor.checks.engine import Exercise, Run, cases


def margin_loss(logits, y):
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)


def logits_input(batch: int, classes: int, low: float = 0.0) -> tuple[Tensor, Tensor]:
    logits = 3 * torch.randn(batch, classes)
    if low:  # whole numbers, each but once: that far down a fraction would be rounded
        steps = torch.randperm(3 * batch * classes)[: batch * classes].reshape(batch, -1)
        logits = 1000 * steps + low
    y = logits.argmin(dim=1) if low else torch.randint(classes, (batch,))
    y[::2] = logits[::2].argmax(dim=1)  # every other one is read rightly
    return logits.requires_grad_(), y


def cut_or_masked(runs: list[Run], wanted: list[Run]) -> tuple[str, str] | None:
    """Whether a number is the least that comes back, or stands in the place of class y."""
    least = cut_at([(run.result, right.result) for run, right in zip(runs, wanted, strict=True)])
    if least is not None:
        return (
            "cut-off",
            f"the margin is cut off at {least:g}: where the model is right by more it is constant, "
            "and nothing is left to climb"
            + (" (or class y is among its own rivals)" if least == 0 else ""),
        )
    pairs = [(run, right) for run, right in zip(runs, wanted, strict=True)]
    own = [of_class(run.arguments["logits"], run.arguments["y"]).detach() for run in runs]
    number = cut_at(
        [(run.result + z, right.result + z) for (run, right), z in zip(pairs, own, strict=True)]
    )
    if number is None:
        return None
    return (
        "masked-with-a-number",
        f"{number:g} stands in the place of the right class, and is the largest where the others "
        "lie below it: put -torch.inf there",
    )


EXERCISE = Exercise(
    margin_loss,
    notebook="04_does_the_defence_hold",
    number=1,
    cases=cases(
        logits_input,
        (51, 6, 10),
        (52, 1, 4),
        (53, 5, 3),
        (54, 3, 4, -60_000.0),  # as large as below, and far apart
    ),
    mistakes={
        "downhill": {"return others": "return -others", "- logits": "+ logits"},
        "cut-at-zero": {"return others": "return torch.relu(others", ".squeeze(1)": ".squeeze(1))"},
        "label-among-rivals": {"return others": "return logits"},
        "rivals-alone": {" - logits.gather(1, y[:, None]).squeeze(1)": ""},
        "label-alone": {"others.amax(dim=1) - ": "-"},
        "mean-rival": [
            {"-torch.inf": "0.0", "amax(dim=1)": "sum(dim=1) / (logits.shape[1] - 1)"},
            {"others.amax(dim=1)": "logits.mean(dim=1)"},
        ],
        "masked-with-0": {"-torch.inf": "0.0"},
        "rival-without-gradient": {"others.amax(dim=1)": "others.amax(dim=1).detach()"},
        "label-without-gradient": {".squeeze(1)": ".squeeze(1).detach()"},
        "largest-against-second": [
            {
                "return others": "return logits",
                "logits.gather(1, y[:, None]).squeeze(1)": "logits.topk(2, dim=1).values[:, 1]",
            },
            {
                "others.amax(dim=1)": "logits.topk(2, dim=1).values[:, 1]",
                "logits.gather(1, y[:, None]).squeeze(1)": "logits.amax(dim=1)",
            },
        ],
        "probabilities": {"    others =": "    logits = logits.softmax(dim=1)\n    others ="},
        "second-largest": {"others.amax(dim=1)": "logits.topk(2, dim=1).values[:, 1]"},
        "absolute": {
            "return others.amax(dim=1)": "return (others.amax(dim=1)",
            ".squeeze(1)": ".squeeze(1)).abs()",
        },
        "cross-entropy": {
            "others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)": (
                'F.cross_entropy(logits, y, reduction="none")'
            ),
        },
    },
    when={
        "cut-at-zero": calls("relu", "clamp", "clip", "max", "maximum"),
    },
    says={
        "downhill": "the difference is the wrong way round: it has to be positive where the model "
        "errs",
        "cut-at-zero": "the margin is cut off at 0: where the model is right it is constant, and "
        "nothing is left to climb",
        "label-among-rivals": "the right class is among its own rivals: where the model is right "
        "this is 0 and gives no gradient; leave class y out of the maximum",
        "rivals-alone": "this is the best other logit alone: take the logit of y away from it",
        "label-alone": "only the logit of y is in it: the class that is to win belongs in it, too",
        "mean-rival": "this takes the mean of the other logits: the one that is ahead of them "
        "decides",
        "masked-with-0": "0 stands in the place of the right class, and is the largest where the "
        "others are all negative: put -torch.inf there",
        "rival-without-gradient": "the other logit is a plain number here, so the attack never "
        "pulls it up: leave out .item(), .detach() and no_grad() around it",
        "label-without-gradient": "the logit of y is a plain number here, so the attack never "
        "pushes it down: leave out .item(), .detach() and no_grad() around it",
        "largest-against-second": "this compares the two largest logits and knows nothing of the "
        "label y",
        "probabilities": "the softmax is back in: it is what rounds to 0 and 1 where logits are "
        "large; use the logits as they are",
        "second-largest": "the second largest logit is the rival only where y is the largest; "
        "where the model errs, the largest is: leave class y out, and take the maximum",
        "absolute": "the sign is lost: where the model is right the result has to be negative",
        "cross-entropy": "this is the cross-entropy, whose softmax rounds to 0 and 1 where logits "
        "are large: take the difference of two logits",
    },
    differentiable=("logits",),
    otherwise=cut_or_masked,
    batched=("logits", "y"),
    hints=(
        "Two numbers for each example: the logit of the right class, and the largest among the "
        "others. Which minus which is positive where the model errs?",
        "To leave class y out of a maximum, put minus infinity in its place: "
        "logits.scatter(1, y[:, None], -torch.inf).",
        "others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)",
    ),
)
