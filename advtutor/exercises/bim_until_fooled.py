"""The exercise on repeating the step until the model errs."""

import torch

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import (
    attack_input,
    dropout_network,
    frozen_network,
    steep_network,
    tanh_network,
)
from advtutor.exercises.bim import highest as highest


def bim_until_fooled(model, x, y, eps, step_size, steps):
    x_adv = x.detach().clone()
    for _ in range(steps):
        x_adv.requires_grad_()
        logits = model(x_adv)
        still_right = (logits.argmax(dim=1) == y)[:, None, None, None]
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, y), x_adv)
        stepped = x_adv.detach() + step_size * gradient.sign()
        stepped = torch.clamp(stepped, x - eps, x + eps).clamp(0, 1)
        x_adv = torch.where(still_right, stepped, x_adv.detach())
    return x_adv.detach()


def walk_input(batch, network, shape, classes, *more):
    """Pictures that the model reads rightly, all but the last: some fall early, some never."""
    model, x, _ = attack_input(batch, network, shape, classes)
    with torch.no_grad():
        y = model(x).argmax(dim=1)
    if batch > 1:
        y[-1] = (y[-1] + 1) % classes
    return model, x, y, *more


EXERCISE = Exercise(
    bim_until_fooled,
    notebook="02_gradient_sign_crafting",
    number=4,
    cases=cases(
        walk_input,
        (136, 6, steep_network, (1, 6, 6), 3, 0.102, 0.033, 6),
        (62, 1, tanh_network, (1, 8, 8), 10, 0.19, 0.0155, 5),
        (63, 5, frozen_network, (3, 5, 4), 4, 0.068, 0.0121, 7),
        (64, 7, dropout_network, (1, 7, 7), 5, 0.148, 0.0305, 6),
    ),
    mistakes={
        "never-stops": {"torch.where(still_right, stepped, x_adv.detach())": "stepped"},
        "waits-for-all": {"where(still_right,": "where(still_right.any(),"},
        "stops-with-the-first": {"where(still_right,": "where(still_right.all(),"},
        "wrong-ones-walk": {"where(still_right,": "where(~still_right,"},
        "keeps-its-reading": {"== y)[:": "== model(x).argmax(dim=1))[:"},
        "asks-at-the-start": {"(logits.argmax(dim=1)": "(model(x).argmax(dim=1)"},
        "back-to-the-start": {"stepped, x_adv.detach())": "stepped, x)"},
        "asks-after-the-step": {
            "        x_adv = torch.where(": (
                "        still_right = (model(stepped).argmax(dim=1) == y)[:, None, "
                "None, None]\n        x_adv = torch.where("
            ),
        },
        "first-step-by-all": {
            "for _ in": "for i in",
            "torch.where(still_right,": "torch.where(still_right | (i == 0),",
        },
        "keeps-the-best": {
            "    for _": "    path = [x]\n    for _",
            "x_adv.detach())\n": "x_adv.detach())\n        path.append(x_adv)\n",
            "return x_adv.detach()\n": "return highest(model, y, path, each=True)\n",
        },
        "only-the-misread": {
            "return x_adv.detach()": (
                "still_right = (model(x_adv).argmax(1) == y)[:, None, None, None]\n"
                "    return torch.where(still_right, x, x_adv).detach()"
            ),
        },
        "from-x": {"x_adv.detach() + step_size": "x + step_size"},
        "minus": {"x_adv.detach() + step_size": "x_adv.detach() - step_size"},
        "no-sign": {".sign()": ""},
        "eps-steps": {"step_size *": "eps *"},
        "one-step-less": {"range(steps)": "range(steps - 1)"},
        "no-ball": {"torch.clamp(stepped, x - eps, x + eps)": "stepped"},
        "no-range": [
            {".clamp(0, 1)": ""},
            {".clamp(0, 1)": ".clamp(max=1)"},
            {".clamp(0, 1)": ".clamp(min=0)"},
        ],
    },
    says={
        "never-stops": "a picture that is misread already walks on: it has to stay as it is from "
        "then on",
        "waits-for-all": "all pictures walk on until the last of them is misread: each stops by "
        "itself",
        "stops-with-the-first": "all pictures stop as soon as one of them is misread: each stops "
        "by itself",
        "wrong-ones-walk": "the pictures that are misread take the step, and the others stay: the "
        "other way round",
        "keeps-its-reading": "a picture stops when its reading changes: stop it when it is misread "
        "as y says; one that is misread as it comes stays as it is",
        "asks-at-the-start": "whether a picture is still read rightly is asked of x, where it "
        "began; ask it of x_adv, in each round",
        "back-to-the-start": "a picture that is misread goes back to x, where it was read "
        "rightly: let it stay where it is",
        "asks-after-the-step": "a step that makes the model err is taken back, so that no picture "
        "is ever misread: ask before the step, and keep it",
        "first-step-by-all": "all pictures take the first step, also one that the model misreads "
        "as it comes: ask before that step too",
        "only-the-misread": "a picture that is never misread comes back as x: it ends where its "
        "last step ends",
    },
    batched=("x", "y"),
    hints=(
        "It is bim with a question in each round: which pictures does the model still read as y? "
        "The answer is one boolean for each picture.",
        "model(x_adv).argmax(dim=1) == y says it. Compute the step for all of them, and keep it "
        "only where the answer is yes.",
        "still_right = (logits.argmax(dim=1) == y)[:, None, None, None]; "
        "x_adv = torch.where(still_right, stepped, x_adv.detach())",
    ),
)
