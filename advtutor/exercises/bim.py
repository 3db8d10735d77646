"""The exercise on the repeated gradient-sign step (BIM)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.checks.code import calls
from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import attack_cases, attack_input, steep_network
from advtutor.exercises.fgsm import margin_loss as margin_loss
from advtutor.exercises.fgsm import off_the_gradient, step_mistakes


def bim(model, x, y, eps, step_size, steps):
    x_adv = x.detach().clone()
    for _ in range(steps):
        x_adv.requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(x_adv), y)
        (gradient,) = torch.autograd.grad(loss, x_adv)
        x_adv = x_adv.detach() + step_size * gradient.sign()
        x_adv = torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)
    return x_adv.detach()


def highest(model: nn.Module, y: Tensor, path: list[Tensor], each: bool) -> Tensor:
    """The batch with the highest loss on a path, or each image where its own is highest."""
    losses = torch.stack([F.cross_entropy(model(x), y, reduction="none") for x in path])
    if not each:
        losses[:] = losses.mean(dim=1, keepdim=True)
    return torch.stack(path)[losses.argmax(dim=0), torch.arange(len(y))]


EXERCISE = Exercise(
    bim,
    notebook="02_gradient_sign_crafting",
    number=3,
    cases=[
        *cases(attack_input, (25, 4, steep_network, (1, 6, 6), 3, 0.11, 0.061, 5)),
        *attack_cases((0.043, 5), (0.087, 4), (0.013, 3), (0.031, 3))[1:],
    ],
    mistakes={
        "no-step": {"range(steps)": "range(0)"},
        "one-step": {"range(steps)": "range(1)"},
        "old-gradient": {
            "x_adv.requires_grad_()": "start = x.clone().requires_grad_()",
            "model(x_adv)": "model(start)",
            "grad(loss, x_adv)": "grad(loss, start)",
        },
        **step_mistakes("x_adv", "x_adv.detach() + step_size"),
        "eps-steps": {"step_size *": "eps *"},
        "divided-steps": {"step_size *": "eps / steps *"},
        "one-step-less": {"range(steps)": "range(steps - 1)"},
        "one-step-more": {"range(steps)": "range(steps + 1)"},
        "late-projection": [
            {"        x_adv = torch.clamp(": "    x_adv = torch.clamp("},
            {
                "torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)": "x_adv.clamp(0, 1)",
                "x_adv.detach()\n": "x_adv.clamp(x - eps, x + eps)\n",
            },
            {".clamp(0, 1)": "", "x_adv.detach()\n": "x_adv.clamp(0, 1)\n"},
        ],
        "early-stop": [
            {"x_adv.req": "if (model(x_adv).argmax(1) != y).all(): break\n        x_adv.req"},
            {"x_adv.req": "if (model(x_adv).argmax(1) != y).any(): break\n        x_adv.req"},
            {"* gradient": "* (model(x_adv).argmax(1) == y)[:, None, None, None] * gradient"},
        ],
        "keeps-the-best": [
            {
                "    for _": "    path = [x]\n    for _",
                ".clamp(0, 1)\n": ".clamp(0, 1)\n        path.append(x_adv)\n",
                "x_adv.detach()\n": "highest(model, y, path, each=True).detach()\n",
            },
            {
                "    for _": "    path = [x]\n    for _",
                ".clamp(0, 1)\n": ".clamp(0, 1)\n        path.append(x_adv)\n",
                "x_adv.detach()\n": "highest(model, y, path, each=False).detach()\n",
            },
        ],
        "from-x": {"x_adv.detach() + step_size": "x + step_size"},
        "accumulated": {
            "x_adv = x.detach().clone()": "x_adv, total = x.detach().clone(), 0",
            "gradient.sign()": "(total := total + gradient).sign()",
        },
        "projected-too-early": {
            "        x_adv = torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)\n": "",
            "        x_adv.req": (
                "        x_adv = torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)\n"
                "        x_adv.req"
            ),
        },
        "no-ball": [
            {"torch.clamp(x_adv, x - eps, x + eps)": "x_adv"},
            {"torch.clamp(x_adv, x - eps, x + eps)": "torch.minimum(x_adv, x + eps)"},
            {"torch.clamp(x_adv, x - eps, x + eps)": "torch.maximum(x_adv, x - eps)"},
        ],
        "ball-around-zero": {"x - eps, x + eps": "-eps, eps"},
        "step-sized-ball": {"x - eps, x + eps": "x - step_size, x + step_size"},
        "no-range": [
            {".clamp(0, 1)": ""},
            {".clamp(0, 1)": ".clamp(max=1)"},
            {".clamp(0, 1)": ".clamp(min=0)"},
        ],
    },
    when={
        "probability": calls("softmax"),
    },
    says={
        "no-step": "the image comes back as it went in: no step is taken",
        "one-step": "a single step is taken: repeat it `steps` times, each from where the last one "
        "ended, and return after the loop, not in it",
        "old-gradient": "each step follows the gradient at x: compute it anew at x_adv, where the "
        "step starts",
        "divided-steps": "each step is eps / steps long: a step is step_size long",
        "one-step-more": "one step too many is taken: range(steps) makes exactly `steps` of them",
        "late-projection": "the walk goes outside and is only cut back at its end: after each "
        "step, back into the ball and into [0, 1], so that the next gradient is one of an allowed "
        "image",
        "early-stop": "it stops once an image is misread: bim takes all `steps` steps, whatever "
        "the model answers",
        "accumulated": "each step follows the sum of all gradients so far, as backward() adds "
        "them up in .grad: take the gradient at x_adv alone, with torch.autograd.grad",
        "step-sized-ball": "the ball reaches step_size from x: its radius is eps",
        "projected-too-early": "each round projects first and steps then, so that the last step "
        "may end outside: step, and then project",
        "random": "two calls with the same input give different results: bim starts at x itself "
        "and follows the gradient; a random start is PGD's",
    },
    otherwise=off_the_gradient,
    batched=("x", "y"),
    hints=(
        "It is fgsm in a loop, with a shorter step. Where does the second step start, and of "
        "which image is its gradient?",
        "Start from x_adv = x.clone(). In each round: the gradient at x_adv, one step of "
        "step_size along its sign, then back within eps of x and into [0, 1].",
        "In each round: x_adv = x_adv.detach().requires_grad_(), the gradient as in fgsm, then "
        "x_adv = (x_adv + step_size * grad.sign()).clamp(x - eps, x + eps).clamp(0, 1).",
    ),
)
