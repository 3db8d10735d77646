"""The exercise on one step of adversarial training.

The update has to be made in train mode, as its notebook says. In which mode x_adv is made is left
to the answer: the notebook calls that a choice, and these models compute the same in both.
"""

from typing import Any

import torch
import torch.nn.functional as F

from advtutor.attacks import fgsm
from advtutor.checks.code import Code
from advtutor.checks.engine import Exercise, Run, cases, same
from advtutor.checks.inputs import attack_input, frozen_network, tanh_network, with_old_gradients
from advtutor.exercises import adversarial_loss as objective
from advtutor.exercises.adversarial_loss import adversarial_loss


def adversarial_step(model, optimizer, x, y, eps):
    model.train()
    optimizer.zero_grad()
    loss = adversarial_loss(model, x, y, eps)
    loss.backward()
    optimizer.step()
    return loss.item()


def loss_and_weights(loss: float, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """What a training step leaves: the loss it returned, and the weights."""
    return loss, *(one.detach() for one in arguments["model"].parameters())


def step_input(
    batch: int, network: Any, shape: Any, classes: int, eps: float, lr: float, train: bool = True
) -> tuple[Any, ...]:
    model, x, y = attack_input(batch, network, shape, classes, train=train)
    with_old_gradients(model)
    trainable = [one for one in model.parameters() if one.requires_grad]
    return model, torch.optim.SGD(trainable, lr=lr), x, y, eps


def another_optimiser(runs: list[Run], wanted: list[Run]) -> tuple[str, str] | None:
    """Whether it is the weights alone that come out otherwise."""
    if not all(same(run.seen[0], right.seen[0]) for run, right in zip(runs, wanted, strict=True)):
        return None
    return (
        "other-step",
        "the loss is right, but the weights do not move as the optimiser that is handed over moves "
        "them: leave it to optimizer.step(), with the gradients that backward() gave",
    )


def one_after_the_other(model: Any, optimizer: Any, x: Any, y: Any, eps: float) -> float:
    """A step for each half of the objective."""
    total = 0.0
    for images in (x, fgsm(model, x, y, eps)):
        optimizer.zero_grad()
        half = F.cross_entropy(model(images), y) / 2
        half.backward()
        optimizer.step()
        total += half.item()
    return total


def clears_after_backward(code: Code) -> bool:
    """Whether a function calls zero_grad() below backward()."""
    return any(
        clearing.lineno > backward.lineno
        for tree in code.trees
        for backward in Code((tree,)).calls("backward")
        for clearing in Code((tree,)).calls("zero_grad")
    )


unclipped_loss = objective.EXERCISE.made_by("no-clip")

EXERCISE = Exercise(
    adversarial_step,
    notebook="03_adversarial_training",
    number=2,
    cases=cases(
        step_input,
        (41, 4, tanh_network, (1, 6, 6), 3, 0.11, 0.13),
        (42, 1, tanh_network, (1, 8, 8), 10, 0.23, 0.07, False),
        (43, 5, frozen_network, (3, 5, 4), 4, 0.037, 0.21),
    ),
    mistakes={
        "cleared-too-late": {
            "    optimizer.zero_grad()\n": "",
            "loss.backward()\n": "loss.backward()\n    optimizer.zero_grad()\n",
        },
        "no-update": {"    optimizer.step()\n": ""},
        "ascent": {"loss.backward()": "(-loss).backward()"},
        "clean-only": {"adversarial_loss(model, x, y, eps)": "F.cross_entropy(model(x), y)"},
        "adversarial-only": {"(model, x, y, eps)": "(model, x, y, eps, alpha=0)"},
        "eps-for-alpha": {"(model, x, y, eps)": "(model, x, y, eps, eps)"},
        "predicted-label": {"(model, x, y, eps)": "(model, x, model(x).argmax(1), eps)"},
        "eps-255": {"x, y, eps)": "x, y, eps / 255)"},
        "plain-sum": {"adversarial_loss(": "2 * adversarial_loss("},
        "no-zero-grad": {"    optimizer.zero_grad()\n": ""},
        "attack-gradients": {
            "zero_grad()": "zero_grad()\n    F.cross_entropy(model(x), y).backward()"
        },
        "two-updates": [
            {"optimizer.step()": "optimizer.step()\n    optimizer.step()"},
            {
                "    loss = adversarial_loss(model, x, y, eps)\n": (
                    "    return one_after_the_other(model, optimizer, x, y, eps)\n"
                ),
                "    loss.backward()\n    optimizer.step()\n    return loss.item()\n": "",
            },
        ],
        "cleared-between": {
            "loss.backward()": "(loss - F.cross_entropy(model(x), y) / 2).backward()"
        },
        "no-clip": {"adversarial_loss(": "unclipped_loss("},
        "loss-afterwards": {
            "return loss.item()": "return adversarial_loss(model, x, y, eps).item()"
        },
    },
    when={
        "cleared-too-late": clears_after_backward,
    },
    says={
        "predicted-label": "the loss is that of what the model predicts: it has to learn the "
        "labels y",
        "cleared-too-late": "the gradients are cleared between backward() and step(), which "
        "leaves nothing to step along: clear them before backward()",
        "no-update": "the weights do not change: call backward() on the loss, and optimizer.step() "
        "right after it",
        "ascent": "the step raises the loss: the weights go down it, only the images go up",
        "clean-only": "this trains on the clean images alone: use adversarial_loss",
        "adversarial-only": "this trains on the adversarial examples alone: half of the loss is "
        "that of the clean images",
        "eps-for-alpha": "the clean loss weighs eps instead of a half: alpha is another argument",
        "plain-sum": "the two losses are added up, which doubles the step: each weighs a half",
        "no-zero-grad": "the gradients of earlier steps are added in: call optimizer.zero_grad() "
        "before backward()",
        "attack-gradients": "the gradients of making x_adv are added in: call "
        "optimizer.zero_grad() after the attack, right before backward() on the loss",
        "two-updates": "the optimiser steps twice: once for each batch",
        "cleared-between": "the gradient of the clean half is cleared before the step: call "
        "optimizer.zero_grad() once, before both calls of backward()",
        "no-clip": "x_adv leaves [0, 1] in your loss: clip it before the model sees it",
        "loss-afterwards": "this is the loss after the update: return the one that the step was "
        "made from",
        "mode-left": "the update is right, but the model is left in eval mode: leave it in train "
        "mode, model.train()",
    },
    look=loss_and_weights,
    otherwise=another_optimiser,
    may_change=frozenset({"weights", "param-grads"}),
    trains=True,
    hints=(
        "It is a training step like any other, with adversarial_loss for the loss.",
        "Set the mode, clear the old gradients, compute the loss, go backward, let the optimiser "
        "step.",
        "model.train(); optimizer.zero_grad(); loss = adversarial_loss(model, x, y, eps); "
        "loss.backward(); optimizer.step(); return loss.item()",
    ),
)
