"""The exercises on crafting: `fgsm`, `project_linf`, `bim`."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.checks.cases import (
    attack_input,
    dropout_network,
    frozen_network,
    pictures,
    tanh_network,
)
from advtutor.checks.engine import Case, Exercise, Mistake, Run

# --- fgsm ---


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """One step of size eps, in every pixel, that raises the loss."""
    x_in = x.clone().detach().requires_grad_()
    loss = F.cross_entropy(model(x_in), y)
    (grad,) = torch.autograd.grad(loss, x_in)
    x_adv = x + eps * grad.sign()
    return x_adv.clamp(0, 1).detach()


def loss_gradient(
    model: nn.Module, x: Tensor, y: Tensor, loss: Callable[..., Tensor] | None = None
) -> Tensor:
    """The gradient of `loss(logits, y)` in x."""
    x_in = x.clone().detach().requires_grad_()
    value = (loss or F.cross_entropy)(model(x_in), y)
    return torch.autograd.grad(value, x_in)[0]


def of_the_label(values: Tensor, y: Tensor) -> Tensor:
    return values[torch.arange(len(y)), y].sum()


def per_image(reduce: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The step grad / reduce(grad), with one number for each image."""

    def step(grad: Tensor, x: Tensor, eps: float) -> Tensor:
        sizes = torch.stack([reduce(one) for one in grad])
        return grad / sizes.reshape(-1, *[1] * (grad.dim() - 1))

    return step


def stretched(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    return (x_adv - x_adv.min()) / (x_adv.max() - x_adv.min())


def fgsm_recipe(
    loss: Callable[..., Tensor] = F.cross_entropy,
    way: int = 1,
    step: Callable[..., Tensor] = lambda grad, x, eps: grad.sign(),
    size: Callable[[float], float] = lambda eps: eps,
    base: int = 1,
    clip: Callable[..., Tensor] = lambda x_adv, x, eps: x_adv.clamp(0, 1),
) -> Callable[..., Tensor]:
    """`fgsm` with its parts in the open, each of which can be replaced by a mistake."""

    def made(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        grad = loss_gradient(model, x, y, loss)
        return clip(base * x + way * size(eps) * step(grad, x, eps), x, eps)

    return made


# What a wrong size of the step, and a wrong gradient, have in common with bim.
STEP_MISTAKES = [
    Mistake(
        "probability",
        "the step climbs the probability of the right class, so the model grows surer of it: "
        "climb the loss, F.cross_entropy(model(x), y), instead",
        {"way": -1},
        source=r"(?<!log_)softmax",
    ),
    Mistake(
        "minus",
        "the step goes down the loss, towards the right class: did you write minus for plus?",
        {"way": -1},
    ),
    Mistake(
        "softmax-output",
        "this is the gradient of the largest softmax output, which knows nothing of the label: "
        "differentiate the loss",
        {"loss": lambda logits, y: logits.softmax(1).amax(1).sum()},
    ),
    Mistake(
        "softmax-twice",
        "the softmax is applied twice: F.cross_entropy takes the model's logits as they are",
        {"loss": lambda logits, y: F.cross_entropy(logits.softmax(1), y)},
    ),
    Mistake(
        "logit",
        "this climbs away from the logit of the right class alone; F.cross_entropy also looks at "
        "the other classes",
        {"loss": lambda logits, y: -of_the_label(logits, y)},
    ),
    Mistake(
        "wrong-label",
        "the loss is that of the predicted class, not of the label y: they differ where the model "
        "already errs",
        {"loss": lambda logits, y: F.cross_entropy(logits, logits.argmax(1))},
    ),
    Mistake(
        "first-only",
        "only the first image of the batch gets a gradient: take the loss over all of them",
        {"loss": lambda logits, y: F.cross_entropy(logits[:1], y[:1])},
    ),
    Mistake(
        "image-sign",
        "the sign is taken of the image; it is the gradient whose sign tells where the loss grows",
        {"step": lambda grad, x, eps: x.sign()},
    ),
    Mistake(
        "no-sign",
        "the gradient goes in as it is, and is far too small: take its sign, grad.sign()",
        {"step": lambda grad, x, eps: grad},
    ),
    Mistake(
        "gradient-clipped",
        "the gradient is clamped to [-eps, eps]; its sign, times eps, uses all of the budget in "
        "every pixel",
        {"step": lambda grad, x, eps: grad.clamp(-eps, eps) / eps},
    ),
    Mistake(
        "divided-by-max",
        "the gradient is divided by its largest entry, so only one pixel moves by eps: take the "
        "sign, and each of them does",
        {"step": per_image(lambda grad: grad.abs().max())},
    ),
    Mistake(
        "divided-by-norm",
        "the gradient is divided by its length, the step for an L2 ball; for the max-norm it is "
        "the sign",
        {"step": per_image(torch.linalg.vector_norm)},
    ),
    Mistake(
        "mean-step",
        "one mean gradient moves all pixels of an image alike; each pixel has its own sign",
        {"step": lambda grad, x, eps: grad.mean((1, 2, 3), keepdim=True).sign().expand_as(grad)},
    ),
]

FGSM_MISTAKES = [
    Mistake(
        "unmoved",
        "the image comes back as it went in: add the step to it",
        {"step": lambda grad, x, eps: torch.zeros_like(grad)},
    ),
    Mistake(
        "step-alone",
        "this is the step alone; the adversarial example is x plus the step",
        {"base": 0},
    ),
    *STEP_MISTAKES,
    Mistake(
        "eps-255",
        "eps is divided by 255, but it is in the units of the pixels already: they run from 0 to 1",
        {"size": lambda eps: eps / 255},
    ),
    Mistake(
        "eps-twice",
        "each pixel moves by 2 * eps: eps is applied twice",
        {"size": lambda eps: 2 * eps},
    ),
    Mistake(
        "no-eps",
        "eps plays no part: the sign has to be multiplied by it",
        {"size": lambda eps: 1},
    ),
    Mistake(
        "ball-only",
        "the clip keeps x_adv within eps of x, which the step does anyway; what it can leave is "
        "the range of an image: clamp to [0, 1]",
        {"clip": lambda x_adv, x, eps: x_adv},
        source=r"\b(clamp|clip|minimum|maximum)\w*\(",
    ),
    Mistake(
        "no-clip",
        "the result leaves [0, 1]: did you clip?",
        {"clip": lambda x_adv, x, eps: x_adv},
    ),
    Mistake(
        "upper-only",
        "nothing exceeds 1 any more, but some pixels are below 0: clamp at both ends",
        {"clip": lambda x_adv, x, eps: x_adv.clamp(max=1)},
    ),
    Mistake(
        "lower-only",
        "nothing is below 0 any more, but some pixels exceed 1: clamp at both ends",
        {"clip": lambda x_adv, x, eps: x_adv.clamp(min=0)},
    ),
    Mistake(
        "stretched",
        "the result is rescaled to [0, 1], which moves every pixel: cut off what sticks out, with "
        "clamp(0, 1)",
        {"clip": stretched},
    ),
]


def attack_cases(*more: float) -> list[Case]:
    """Inputs of an attack on a small network: `(model, x, y, eps, *more)`."""
    settings: list[tuple[Any, ...]] = [
        (1, tanh_network, 4, (1, 6, 6), 3, 0.1),
        (2, tanh_network, 1, (1, 8, 8), 10, 0.25),
        (3, frozen_network, 5, (3, 5, 4), 4, 0.03),
        (4, dropout_network, 3, (1, 7, 7), 5, 0.2),
    ]
    return [
        Case(
            lambda given=given, eps=eps: (*attack_input(*given), eps, *more),  # type: ignore[misc]
            batch=given[2],
        )
        for *given, eps in settings
    ]


RANDOM_STEP = (
    "two calls with the same input give different results: the step must follow the gradient, "
    "and random signs of the same size do next to nothing"
)


def no_better_than_a_coin(runs: list[Run], wanted: list[Run]) -> tuple[str, str] | None:
    """Whether the changes are within eps, but in directions that the gradient did not choose."""
    agree = []
    for run, right in zip(runs, wanted, strict=True):
        x, eps = run.arguments["x"], run.arguments["eps"]
        moved, should = run.result.detach() - x, right.result - x
        if (moved.abs() > eps + 1e-6).any():
            return None
        free = (moved != 0) & (should != 0)
        agree.append((moved.sign() == should.sign())[free])
    together = torch.cat(agree).float()
    if together.numel() < 50 or not 0.3 < together.mean() < 0.7:
        return None
    return (
        "coin",
        "no pixel moves by more than eps, but the directions agree with the gradient's no more "
        "often than a coin's would: noise is no attack",
    )


FGSM = Exercise(
    reference=fgsm,
    recipe=fgsm_recipe,
    cases=attack_cases(),
    mistakes=FGSM_MISTAKES,
    otherwise=no_better_than_a_coin,
    says={"random": RANDOM_STEP},
    hints=(
        "Which change of x raises the loss? Make a copy of x that requires a gradient, compute "
        "F.cross_entropy(model(copy), y), and ask for the gradient in the copy.",
        "torch.autograd.grad(loss, copy) returns a tuple with one entry, shaped like x. Of this "
        "gradient only the sign counts: every pixel moves by exactly eps, up or down.",
        "x_adv = (x + eps * grad.sign()).clamp(0, 1), with grad from torch.autograd.grad(loss, "
        "copy)[0]; then return x_adv.detach().",
    ),
)

# --- project_linf ---


def project_linf(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    """The point nearest to x_adv that is within eps of x in every pixel, and in [0, 1]."""
    return x_adv.clamp(x - eps, x + eps).clamp(0, 1)


def into_ball(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    return x_adv.clamp(x - eps, x + eps)


def into_l2_ball(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    delta = x_adv - x
    length = delta.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    return x + delta * (eps / length).clamp(max=1)


def scaled_down(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    delta = x_adv - x
    largest = delta.flatten(1).abs().amax(1).reshape(-1, 1, 1, 1)
    return x + delta * (eps / largest).clamp(max=1)


def project_recipe(
    ball: Callable[..., Tensor] = into_ball,
    size: Callable[[float], float] = lambda eps: eps,
    clip: Callable[[Tensor], Tensor] = lambda x_adv: x_adv.clamp(0, 1),
) -> Callable[..., Tensor]:
    """`project_linf` with its parts in the open."""
    return lambda x_adv, x, eps: clip(ball(x_adv, x, size(eps)))


PROJECT_MISTAKES = [
    Mistake(
        "no-ball",
        "the result is in [0, 1] but further than eps from x: clamp it to [x - eps, x + eps] too",
        {"ball": lambda x_adv, x, eps: x_adv},
    ),
    Mistake(
        "swapped",
        "this projects x into the ball around x_adv; the ball is around x",
        {"ball": lambda x_adv, x, eps: into_ball(x, x_adv, eps)},
    ),
    Mistake(
        "ball-around-zero",
        "the pixels themselves are clamped to [-eps, eps]; it is their distance to x that may be "
        "at most eps",
        {"ball": lambda x_adv, x, eps: x_adv.clamp(-eps, eps)},
    ),
    Mistake(
        "delta-alone",
        "this is the change alone, x_adv - x clamped to [-eps, eps]: add x to it again",
        {"ball": lambda x_adv, x, eps: (x_adv - x).clamp(-eps, eps)},
    ),
    Mistake(
        "to-the-surface",
        "every pixel is put at distance eps from x; one that is closer has to stay where it is",
        {"ball": lambda x_adv, x, eps: x + eps * (x_adv - x).sign()},
    ),
    Mistake(
        "scaled",
        "the whole change is scaled down until it fits; in the max-norm each pixel is cut off by "
        "itself",
        {"ball": scaled_down},
    ),
    Mistake(
        "l2-ball",
        "the change is cut to length eps, which is the L2 ball; here each pixel may move by eps",
        {"ball": into_l2_ball},
    ),
    Mistake(
        "half-the-ball",
        "the ball is half as wide as it may be: eps is the distance to each side",
        {"size": lambda eps: eps / 2},
    ),
    Mistake(
        "upper-side-only",
        "pixels may not exceed x + eps any more, but may still be below x - eps: clamp both sides",
        {"ball": lambda x_adv, x, eps: torch.minimum(x_adv, x + eps)},
    ),
    Mistake(
        "no-range",
        "the result is in the ball but leaves [0, 1]: clamp it to the range of an image as well",
        {"clip": lambda x_adv: x_adv},
    ),
]


def project_input(seed: int, batch: int, shape: tuple[int, int, int], eps: float) -> tuple:
    torch.random.default_generator.manual_seed(seed)
    x, _ = pictures(batch, shape, 2)
    # Some pixels within the ball, some beyond it; the first image has none that is beyond.
    reach = eps * torch.linspace(0.9, 4, batch).reshape(-1, 1, 1, 1)
    return x + reach * (2 * torch.rand_like(x) - 1), x, eps


PROJECT_LINF = Exercise(
    reference=project_linf,
    recipe=project_recipe,
    cases=[
        Case(lambda: project_input(11, 4, (1, 6, 6), 0.1), batch=4),
        Case(lambda: project_input(12, 1, (1, 8, 8), 0.25), batch=1),
        Case(lambda: project_input(13, 5, (3, 5, 4), 0.03), batch=5),
    ],
    mistakes=PROJECT_MISTAKES,
    hints=(
        "Two boxes hold the result: x - eps to x + eps, and 0 to 1. Each pixel by itself.",
        "Tensor.clamp takes tensors as bounds too, one for each pixel.",
        "x_adv.clamp(x - eps, x + eps) is in the ball; clamp(0, 1) behind it keeps it there.",
    ),
)

# --- bim ---


def bim(model: nn.Module, x: Tensor, y: Tensor, eps: float, step_size: float, steps: int) -> Tensor:
    """The gradient-sign step, repeated; after each one, back into the ball and into [0, 1]."""
    x_adv = x.clone().detach()
    for _ in range(steps):
        x_adv.requires_grad_()
        loss = F.cross_entropy(model(x_adv), y)
        (grad,) = torch.autograd.grad(loss, x_adv)
        x_adv = x_adv.detach() + step_size * grad.sign()
        x_adv = x_adv.clamp(x - eps, x + eps).clamp(0, 1)
    return x_adv.detach()


def bim_recipe(
    loss: Callable[..., Tensor] = F.cross_entropy,
    way: int = 1,
    step: Callable[..., Tensor] = lambda grad, x, eps: grad.sign(),
    size: Callable[..., float] = lambda eps, step_size, steps: step_size,
    repeats: Callable[[int], int] = lambda steps: steps,
    gradient_at: Callable[..., Tensor] = lambda x_adv, x: x_adv,
    clip: Callable[[Tensor], Tensor] = lambda x_adv: x_adv.clamp(0, 1),
    project: Callable[..., Tensor] = into_ball,
    at_the_end: Callable[..., Tensor] = lambda x_adv, x, eps: x_adv,
) -> Callable[..., Tensor]:
    """`bim` with its parts in the open."""

    def made(
        model: nn.Module, x: Tensor, y: Tensor, eps: float, step_size: float, steps: int
    ) -> Tensor:
        x_adv = x.clone()
        for _ in range(repeats(steps)):
            grad = loss_gradient(model, gradient_at(x_adv, x), y, loss)
            moved = x_adv + way * size(eps, step_size, steps) * step(grad, x_adv, eps)
            x_adv = clip(project(moved, x, eps))
        return at_the_end(x_adv, x, eps)

    return made


BIM_MISTAKES = [
    Mistake(
        "no-step",
        "the image comes back as it went in: no step is taken",
        {"repeats": lambda steps: 0},
    ),
    Mistake(
        "one-step",
        "a single step is taken: repeat it `steps` times, and return after the loop, not in it",
        {"repeats": lambda steps: 1},
    ),
    Mistake(
        "old-gradient",
        "each step follows the gradient at x: compute it anew at x_adv, where the step starts",
        {"gradient_at": lambda x_adv, x: x},
    ),
    *STEP_MISTAKES,
    Mistake(
        "eps-steps",
        "each step is as long as the whole ball, eps: a step is step_size long",
        {"size": lambda eps, step_size, steps: eps},
    ),
    Mistake(
        "divided-steps",
        "each step is eps / steps long: a step is step_size long",
        {"size": lambda eps, step_size, steps: eps / steps},
    ),
    Mistake(
        "one-step-less",
        "one step is missing: range(steps) already counts from 0 to steps - 1",
        {"repeats": lambda steps: steps - 1},
    ),
    Mistake(
        "one-step-more",
        "one step too many is taken: range(steps) makes exactly `steps` of them",
        {"repeats": lambda steps: steps + 1},
    ),
    Mistake(
        "late-projection",
        "the walk goes outside and is only cut back at its end: project after each step, so that "
        "the next gradient is one of an allowed image",
        {
            "project": lambda x_adv, x, eps: x_adv,
            "clip": lambda x_adv: x_adv,
            "at_the_end": lambda x_adv, x, eps: into_ball(x_adv, x, eps).clamp(0, 1),
        },
    ),
    Mistake(
        "no-ball",
        "the steps add up to more than eps: after each one, back into the ball around x, the image "
        "you started from",
        {"project": lambda x_adv, x, eps: x_adv},
    ),
    Mistake(
        "no-range",
        "the result leaves the range of an image: after each step, clamp it to [0, 1]",
        {"clip": lambda x_adv: x_adv},
    ),
]


def bim_case(case: Case, step_size: float, steps: int) -> Case:
    """An attack's case with the two numbers that `bim` takes beyond it."""
    return Case(lambda: (*case.build(), step_size, steps), batch=case.batch)


BIM = Exercise(
    reference=bim,
    recipe=bim_recipe,
    cases=[
        bim_case(case, step_size, steps)
        for case, step_size, steps in zip(
            attack_cases(), [0.04, 0.1, 0.013, 0.03], [5, 4, 4, 3], strict=True
        )
    ],
    mistakes=BIM_MISTAKES,
    otherwise=no_better_than_a_coin,
    says={"random": RANDOM_STEP},
    hints=(
        "It is fgsm in a loop, with a shorter step. Where does the second step start, and of "
        "which image is its gradient?",
        "Start from x_adv = x.clone(). In each round: the gradient at x_adv, one step of "
        "step_size along its sign, then back within eps of x and into [0, 1].",
        "In each round: x_adv = x_adv.detach().requires_grad_(), the gradient as in fgsm, then "
        "x_adv = (x_adv + step_size * grad.sign()).clamp(x - eps, x + eps).clamp(0, 1).",
    ),
)
