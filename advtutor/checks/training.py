"""The exercises on adversarial training: `adversarial_loss`, `adversarial_step`."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.checks.cases import (
    attack_input,
    frozen_network,
    tanh_network,
    with_old_gradients,
)
from advtutor.checks.crafting import fgsm, fgsm_recipe
from advtutor.checks.engine import Case, Exercise, Mistake

# --- adversarial_loss ---


def adversarial_loss(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, alpha: float = 0.5
) -> Tensor:
    """The paper's objective: alpha * J(x, y) + (1 - alpha) * J(x_adv, y)."""
    x_in = x.clone().detach().requires_grad_()
    (grad,) = torch.autograd.grad(F.cross_entropy(model(x_in), y), x_in)
    x_adv = (x + eps * grad.sign()).clamp(0, 1).detach()
    clean = F.cross_entropy(model(x), y)
    adversarial = F.cross_entropy(model(x_adv), y)
    return alpha * clean + (1 - alpha) * adversarial


def loss_recipe(
    attack: Callable[..., Tensor] = fgsm,
    weights: Callable[[float], tuple[float, float]] = lambda alpha: (alpha, 1 - alpha),
    label: Callable[..., Tensor] = lambda model, x, y: y,
    loss: Callable[..., Tensor] = F.cross_entropy,
    mixed_images: bool = False,
) -> Callable[..., Tensor]:
    """`adversarial_loss` with its parts in the open."""

    def made(model: nn.Module, x: Tensor, y: Tensor, eps: float, alpha: float = 0.5) -> Tensor:
        x_adv = attack(model, x, y, eps)
        clean, adversarial = weights(alpha)
        if mixed_images:
            return loss(model(clean * x + adversarial * x_adv), y)
        return clean * loss(model(x), y) + adversarial * loss(model(x_adv), label(model, x, y))

    return made


LOSS_MISTAKES = [
    Mistake(
        "clean-only",
        "this is the loss on the clean images alone: add that on x_adv",
        {"weights": lambda alpha: (1, 0)},
    ),
    Mistake(
        "adversarial-only",
        "this is the loss on the adversarial examples alone: the clean images belong in it, with "
        "weight alpha",
        {"weights": lambda alpha: (0, 1)},
    ),
    Mistake(
        "mixed-images",
        "the images are mixed, and then judged once; it is the two losses that are mixed",
        {"mixed_images": True},
    ),
    Mistake(
        "predicted-label",
        "the adversarial examples are judged by what the model predicts: they still show y, and "
        "the model has to learn that",
        {"label": lambda model, x, y: model(x).argmax(1)},
    ),
    Mistake(
        "plain-sum",
        "the two losses are added up as they are: weigh them with alpha and 1 - alpha",
        {"weights": lambda alpha: (1, 1)},
    ),
    Mistake(
        "alpha-swapped",
        "the weights are exchanged: alpha belongs to the clean loss, 1 - alpha to the other",
        {"weights": lambda alpha: (1 - alpha, alpha)},
    ),
    Mistake(
        "alpha-ignored",
        "both losses always weigh a half: use the alpha that is given",
        {"weights": lambda alpha: (0.5, 0.5)},
    ),
    Mistake(
        "alpha-unbalanced",
        "the clean loss weighs alpha, but the other one weighs 1: it is 1 - alpha",
        {"weights": lambda alpha: (alpha, 1)},
    ),
    Mistake(
        "summed",
        "the losses are summed over the batch: take their mean, so that a larger batch is no "
        "larger step",
        {"loss": lambda logits, y: F.cross_entropy(logits, y, reduction="sum")},
    ),
    Mistake(
        "minus",
        "x_adv goes down the loss, so the training sees images that are easier than the clean ones",
        {"attack": fgsm_recipe(way=-1)},
    ),
    Mistake(
        "no-sign",
        "x_adv takes the gradient as it is: take its sign, as fgsm does",
        {"attack": fgsm_recipe(step=lambda grad, x, eps: grad)},
    ),
    Mistake(
        "no-clip",
        "x_adv leaves [0, 1]: clip it before the model sees it",
        {"attack": fgsm_recipe(clip=lambda x_adv, x, eps: x_adv)},
    ),
]


def loss_and_gradients(loss: Tensor, arguments: dict[str, Any]) -> tuple[Tensor, ...]:
    """What a training step uses: the loss, and its gradients in the weights."""
    weights = [one for one in arguments["model"].parameters() if one.requires_grad]
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return loss, *(torch.zeros(1) if one is None else one for one in gradients)


def loss_cases() -> list[Case]:
    def case(seed: int, network: Any, batch: int, shape: Any, classes: int, *rest: float) -> Case:
        def build() -> tuple[Any, ...]:
            return (*attack_input(seed, network, batch, shape, classes, train=True), *rest)

        return Case(build, batch)

    return [
        case(31, tanh_network, 4, (1, 6, 6), 3, 0.1),  # alpha is left to its default
        case(32, tanh_network, 1, (1, 8, 8), 10, 0.25, 0.3),
        case(33, frozen_network, 5, (3, 5, 4), 4, 0.05, 0.8),
    ]


ADVERSARIAL_LOSS = Exercise(
    reference=adversarial_loss,
    recipe=loss_recipe,
    cases=loss_cases(),
    mistakes=LOSS_MISTAKES,
    look=loss_and_gradients,
    says={
        "type": "return the loss as a tensor: the training step calls backward() on it",
        "shape": "the loss has to be one number: take the mean over the batch",
        "random": "two calls with the same input give different losses: x_adv comes from the "
        "gradient, not from noise",
        "detached": "the loss has no gradient any more, so nothing can be learned from it: no "
        ".item(), .detach() or no_grad() around it",
        "param-grads": "the loss is right, but gradients are left in the model's parameters: make "
        "x_adv with torch.autograd.grad, and leave backward() on the loss to the caller",
    },
    hints=(
        "Three steps: make x_adv from x, compute the loss on each of the two, mix them.",
        "x_adv is fgsm's: the gradient of the loss in x, its sign, times eps, clipped to [0, 1]. "
        "Detach it: the training treats it as a picture like any other.",
        "return alpha * F.cross_entropy(model(x), y) + (1 - alpha) * "
        "F.cross_entropy(model(x_adv), y)",
    ),
)

# --- adversarial_step ---


def adversarial_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, eps: float
) -> float:
    """One training step on the paper's objective with alpha = 0.5; returns the loss before it."""
    loss = adversarial_loss(model, x, y, eps)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_recipe(
    objective: Callable[..., Tensor] = adversarial_loss,
    clear: Callable[..., None] = lambda model, optimizer, x, y: optimizer.zero_grad(),
    way: int = 1,
    updates: int = 1,
    report: Callable[..., float] = lambda loss, again: loss,
) -> Callable[..., float]:
    """`adversarial_step` with its parts in the open."""

    def made(
        model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, eps: float
    ) -> float:
        loss = objective(model, x, y, eps)
        clear(model, optimizer, x, y)
        (way * loss).backward()
        for _ in range(updates):
            optimizer.step()
        return report(loss.item(), lambda: objective(model, x, y, eps).item())

    return made


def attack_left_behind(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()


STEP_MISTAKES = [
    Mistake(
        "no-update",
        "the weights do not change: after backward(), call optimizer.step()",
        {"updates": 0},
    ),
    Mistake(
        "ascent",
        "the step raises the loss: the weights go down it, only the images go up",
        {"way": -1},
    ),
    Mistake(
        "clean-only",
        "this trains on the clean images alone: use adversarial_loss",
        {"objective": lambda model, x, y, eps: F.cross_entropy(model(x), y)},
    ),
    Mistake(
        "adversarial-only",
        "this trains on the adversarial examples alone: half of the loss is that of the clean "
        "images",
        {"objective": loss_recipe(weights=lambda alpha: (0, 1))},
    ),
    Mistake(
        "plain-sum",
        "the two losses are added up, which doubles the step: each weighs a half",
        {"objective": loss_recipe(weights=lambda alpha: (1, 1))},
    ),
    Mistake(
        "no-zero-grad",
        "the gradients of earlier steps are added in: call optimizer.zero_grad() before backward()",
        {"clear": lambda model, optimizer, x, y: None},
    ),
    Mistake(
        "attack-gradients",
        "the gradients of making x_adv are added in: call optimizer.zero_grad() after the attack, "
        "right before backward() on the loss",
        {"clear": attack_left_behind},
    ),
    Mistake(
        "two-updates",
        "the optimiser steps twice: once for each batch",
        {"updates": 2},
    ),
    Mistake(
        "no-clip",
        "x_adv leaves [0, 1] in your loss: clip it before the model sees it",
        {"objective": loss_recipe(attack=fgsm_recipe(clip=lambda x_adv, x, eps: x_adv))},
    ),
    Mistake(
        "loss-afterwards",
        "this is the loss after the update: return the one that the step was made from",
        {"report": lambda loss, again: again()},
    ),
]


def loss_and_weights(loss: float, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """What a training step leaves: the loss it returned, and the weights."""
    return loss, *(one.detach() for one in arguments["model"].parameters())


def step_cases() -> list[Case]:
    def case(seed: int, network: Any, batch: int, shape: Any, classes: int, eps: float) -> Case:
        def build() -> tuple[Any, ...]:
            model, x, y = attack_input(seed, network, batch, shape, classes, train=True)
            with_old_gradients(model)
            trainable = [one for one in model.parameters() if one.requires_grad]
            return model, torch.optim.SGD(trainable, lr=0.1), x, y, eps

        return Case(build, batch)

    return [
        case(41, tanh_network, 4, (1, 6, 6), 3, 0.1),
        case(42, tanh_network, 1, (1, 8, 8), 10, 0.25),
        case(43, frozen_network, 5, (3, 5, 4), 4, 0.05),
    ]


ADVERSARIAL_STEP = Exercise(
    reference=adversarial_step,
    recipe=step_recipe,
    cases=step_cases(),
    mistakes=STEP_MISTAKES,
    look=loss_and_weights,
    may_change=frozenset({"weights", "param-grads"}),
    hints=(
        "It is a training step like any other, with adversarial_loss for the loss.",
        "Compute the loss, clear the old gradients, go backward, let the optimiser step. The loss "
        "comes first: making x_adv may leave gradients behind that have to be cleared too.",
        "loss = adversarial_loss(model, x, y, eps); optimizer.zero_grad(); loss.backward(); "
        "optimizer.step(); return loss.item()",
    ),
)
