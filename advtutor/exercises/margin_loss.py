"""The exercise on a loss that has a gradient however sure the network is."""

import torch
from torch import Tensor

from advtutor.checks.code import calls
from advtutor.checks.engine import Case, Exercise, Mistake


def margin_loss(logits, y):
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)


def logits_input(seed: int, batch: int, classes: int) -> tuple[Tensor, Tensor]:
    torch.random.default_generator.manual_seed(seed)
    logits = 3 * torch.randn(batch, classes)
    y = torch.randint(classes, (batch,))
    y[::2] = logits[::2].argmax(dim=1)  # every other one is read rightly
    return logits.requires_grad_(), y


EXERCISE = Exercise(
    margin_loss,
    notebook="04_does_the_defence_hold",
    number=1,
    cases=[
        Case(lambda: logits_input(51, 6, 10), batch=6),
        Case(lambda: logits_input(52, 1, 4), batch=1),
        Case(lambda: logits_input(53, 5, 3), batch=5),
    ],
    mistakes=[
        Mistake(
            "downhill",
            "the difference is the wrong way round: it has to be positive where the model errs",
            {"return others": "return -others", "- logits": "+ logits"},
        ),
        Mistake(
            "cut-at-zero",
            "the margin is cut off at 0: where the model is right it is constant, and nothing is "
            "left to climb",
            {"return others": "return torch.relu(others", ".squeeze(1)": ".squeeze(1))"},
            when=calls("relu", "clamp", "clip", "max", "maximum"),
        ),
        Mistake(
            "label-among-rivals",
            "the right class is among its own rivals: where the model is right this is 0 and gives "
            "no gradient; leave class y out of the maximum",
            {"return others": "return logits"},
        ),
        Mistake(
            "rivals-alone",
            "this is the best other logit alone: take the logit of y away from it",
            {" - logits.gather(1, y[:, None]).squeeze(1)": ""},
        ),
        Mistake(
            "label-alone",
            "only the logit of y is in it: the class that is to win belongs in it, too",
            {"others.amax(dim=1) - ": "-"},
        ),
        Mistake(
            "mean-rival",
            "this takes the mean of the other logits: the one that is ahead of them decides",
            {"-torch.inf": "0.0", "amax(dim=1)": "sum(dim=1) / (logits.shape[1] - 1)"},
        ),
        Mistake(
            "masked-with-0",
            "0 stands in the place of the right class, and is the largest where the others are all "
            "negative: put -torch.inf there",
            {"-torch.inf": "0.0"},
        ),
        Mistake(
            "rival-without-gradient",
            "the other logit is a plain number here, so the attack never pulls it up: leave out "
            ".item(), .detach() and no_grad() around it",
            {"others.amax(dim=1)": "others.amax(dim=1).detach()"},
        ),
        Mistake(
            "label-without-gradient",
            "the logit of y is a plain number here, so the attack never pushes it down: leave out "
            ".item(), .detach() and no_grad() around it",
            {".squeeze(1)": ".squeeze(1).detach()"},
        ),
        Mistake(
            "largest-against-second",
            "this compares the two largest logits and knows nothing of the label y",
            {
                "return others": "return logits",
                "logits.gather(1, y[:, None]).squeeze(1)": "logits.topk(2, dim=1).values[:, 1]",
            },
        ),
        Mistake(
            "probabilities",
            "the softmax is back in: it is what rounds to 0 and 1 where logits are large; use the "
            "logits as they are",
            {"    others =": "    logits = logits.softmax(dim=1)\n    others ="},
        ),
    ],
    differentiable=("logits",),
    batched=("logits", "y"),
    hints=(
        "Two numbers for each example: the logit of the right class, and the largest among the "
        "others. Which minus which is positive where the model errs?",
        "To leave class y out of a maximum, put minus infinity in its place: "
        "logits.scatter(1, y[:, None], -torch.inf).",
        "others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)",
    ),
)
