"""The exercise on attacking several models at once."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import frozen_network, pictures, tanh_network
from advtutor.exercises.fgsm import fgsm


def ensemble_fgsm(models, x, y, eps):
    x = x.detach().clone().requires_grad_()
    logits = torch.stack([model(x) for model in models]).mean(dim=0)
    (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, y), x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def mean_sign(models: nn.ModuleList, x: Tensor, y: Tensor) -> Tensor:
    """The mean of the signs of each model's own gradient."""
    losses = [F.cross_entropy(model(x), y) for model in models]
    return torch.stack([torch.autograd.grad(loss, x)[0].sign() for loss in losses]).mean(dim=0)


def in_turn(models: nn.ModuleList, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The image after a step of each model's own, one from where the other ended."""
    for model in models:
        x = fgsm(model, x, y, eps)
    return x


def ensemble_input(
    batch: int,
    networks: list[Callable[..., nn.Module]],
    shape: tuple[int, int, int],
    classes: int,
    eps: float,
) -> tuple[nn.ModuleList, Tensor, Tensor, float]:
    """A list of models that the engine can watch, with weights large enough to disagree."""
    models = nn.ModuleList([network(shape, classes) for network in networks]).eval()
    for k, model in enumerate(models):
        with torch.no_grad():
            model[-1].weight.mul_(2.0 + 2 * k)  # the later ones are surer
    return models, *pictures(batch, shape, classes), eps


EXERCISE = Exercise(
    ensemble_fgsm,
    notebook="05_why_examples_transfer",
    number=3,
    cases=cases(
        ensemble_input,
        (83, 4, [tanh_network] * 3, (1, 6, 6), 3, 0.11),
        (82, 1, [tanh_network] * 2, (1, 8, 8), 10, 0.23),
        (86, 5, [frozen_network, *[tanh_network] * 3], (3, 5, 4), 5, 0.037),
    ),
    mistakes={
        "first-model": {".mean(dim=0)": "[0]"},
        "last-model": {".mean(dim=0)": "[-1]"},
        "mean-loss": {
            ".mean(dim=0)": "",
            "torch.nn.functional.cross_entropy(logits, y)": (
                "sum(F.cross_entropy(each, y) for each in logits)"
            ),
        },
        "summed-logits": {"mean(dim=0)": "sum(dim=0)"},
        "fixed-count": [{".mean(dim=0)": f".sum(dim=0) / {count}"} for count in (2, 3, 4, 5)],
        "mean-probabilities": [
            {"model(x)": "model(x).softmax(1)"},
            {"model(x)": "model(x).softmax(1)", ".mean(dim=0)": ".mean(dim=0).log()"},
        ],
        "largest-logits": {"mean(dim=0)": "amax(dim=0)"},
        "mean-of-steps": [
            {"gradient.sign()": "mean_sign(models, x, y)"},
            {
                "(x + eps * gradient.sign()).clamp(0, 1)": (
                    "torch.stack([fgsm(model, x, y, eps) for model in models]).mean(dim=0)"
                ),
            },
        ],
        "vote": {"gradient.sign()": "mean_sign(models, x, y).sign()"},
        "one-after-another": [
            {"(x + eps * gradient.sign())": f"in_turn(models, x, y, {step})"}
            for step in ("eps", "eps / len(models)")
        ],
        "softmax-twice": {"(logits, y)": "(logits.softmax(1), y)"},
        "logit": {"cross_entropy": "nll_loss"},
        "wrong-label": {"(logits, y)": "(logits, logits.argmax(1))"},
        "step-alone": {"(x + eps * gradient.sign()).clamp(0, 1)": "(eps * gradient.sign())"},
        "shared-eps": {"eps * gradient": "eps / len(models) * gradient"},
        "minus": {"x + eps": "x - eps"},
        "no-sign": {".sign()": ""},
        "divided-by-max": [
            {".sign()": " / gradient.abs().amax((1, 2, 3), keepdim=True)"},
            {".sign()": " / gradient.abs().max()"},
        ],
        "no-eps": {"eps * ": ""},
        "no-clip": {".clamp(0, 1)": ""},
    },
    says={
        "first-model": "only the first model is attacked: all of them take part in the loss",
        "last-model": "only the last model is attacked: does the loop keep what the ones before "
        "it gave?",
        "mean-loss": "this follows the mean of the models' losses: average the logits first, and "
        "take one loss of that",
        "summed-logits": "the logits are added up, not averaged, which makes the ensemble surer "
        "than it is: divide by the number of models",
        "fixed-count": "the sum of the logits is divided by a number that is written down: there "
        "are len(models) models",
        "mean-probabilities": "the probabilities are averaged: average the logits as they are, "
        "and take one cross-entropy of that",
        "largest-logits": "of each logit only the largest among the models counts: take the mean "
        "over the models",
        "mean-of-steps": "each model gets a step of its own, and the steps are averaged, so many "
        "pixels move by less than eps: one gradient of the joint loss, and one sign",
        "vote": "each model's gradient votes with its sign: take one gradient, of the loss of the "
        "mean logits",
        "one-after-another": "each model's step starts where the one before it ended, and the "
        "steps add up: one gradient of the joint loss, and one step",
        "wrong-label": "the loss is that of the class that the models predict together, not of "
        "the label y",
        "shared-eps": "eps is divided among the models: there is one step, and it is eps long",
    },
    batched=("x", "y"),
    hints=(
        "It is fgsm with another model: one that returns the mean of the others' logits. What "
        "does it return for a copy of x that requires a gradient?",
        "torch.stack([model(copy) for model in models]) has the shape [M, N, K]; its mean over "
        "dim=0 are the ensemble's logits. Take their cross-entropy, and its gradient in the copy.",
        "x_adv = (x + eps * grad.sign()).clamp(0, 1), with grad = "
        "torch.autograd.grad(F.cross_entropy(logits, y), copy)[0]; then return x_adv.detach().",
    ),
)
